//! Nodes that go for good.

use std::time::Duration;

use super::Stage;

/// Ends a process at once.
fn kill(process: u32) {
    let status = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// What was acknowledged was with its replica before the next batch left.
#[test]
fn a_primary_dies_and_its_replica_takes_over() {
    let Some(mut stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    let process = stage.cluster.nodes[0].process_id();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            kill(process);
        });
        let args = ["--batch-commands", "10", "--max-rate", "300", "--timeout", "2", "--retry-for", "40"];
        let applied = stage.well("apply", &bundle, &args);
        assert!(applied.err.contains("trying again"), "{applied:?}");
    });
    drop(stage.cluster.nodes.remove(0));
    stage.well("verify", &bundle, &[]);
    stage.is_right();
    stage.well("rollback", &bundle, &[]);
    stage.is_as(&before);
}

#[test]
fn a_node_without_a_replica_is_waited_for_and_no_longer() {
    let Some(mut stage) = Stage::new(900) else { return };
    let bundle = stage.plan();
    let process = stage.cluster.nodes[2].process_id();
    let args = ["--batch-commands", "10", "--max-rate", "300", "--timeout", "2", "--retry-for", "3"];
    let ran = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            kill(process);
        });
        stage.run("apply", &bundle, &[&args[..], &["--confirm", &bundle.plan_id]].concat())
    });
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(ran.err.contains("--resume"), "{ran:?}");
    let again = stage.run("apply", &bundle, &[&args[..], &["--resume"]].concat());
    assert_eq!(again.status, Some(6), "{again:?}");
    drop(stage.cluster.nodes.remove(2));
}

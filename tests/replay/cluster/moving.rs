//! Slots that move, and primaries that change, while a plan goes out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Stage;
use crate::support::server::Cluster;

/// Moves slots that have keys to the next primary and back until it is stopped; how many were moved.
fn keep_moving(cluster: &Cluster, over: &AtomicBool, slow: bool) -> u32 {
    let slots: Vec<u16> = {
        let key = |n: u32| rdb_reindex::dump::slots::slot_of(format!("idx:project:{n}").as_bytes());
        (0..40).map(key).collect()
    };
    let mut moved = 0;
    for slot in slots.into_iter().cycle() {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let from = cluster.owners()[usize::from(slot)];
        let to = (from + 1) % 3;
        if !cluster.begin_move(slot, from, to) {
            continue;
        }
        if slow {
            cluster.move_keys(slot, from, to, 1);
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster.end_move(slot, from, to);
        moved += 1;
    }
    moved
}

/// Sets it when it goes, also when a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn slots_move_meanwhile() {
    let Some(stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    for slow in [false, true] {
        for (name, batch) in [("apply", "10"), ("rollback", "7")] {
            let over = AtomicBool::new(false);
            let moved = std::thread::scope(|scope| {
                let mover = scope.spawn(|| keep_moving(&stage.cluster, &over, slow));
                let _ends = Ends(&over);
                let ran = stage.well(name, &bundle, &["--batch-commands", batch, "--max-rate", "300"]);
                over.store(true, Ordering::SeqCst);
                assert!(!ran.out.contains("otherwise"), "{ran:?}");
                mover.join().expect("it only moves")
            });
            assert!(moved > 3, "{moved}");
            stage.well("verify", &bundle, &[]);
            if name == "apply" {
                stage.is_right();
            }
        }
        stage.is_as(&before);
        std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    }
}

/// Slots that stay half-way for the whole run: keys that are gone ahead are asked for there.
#[test]
fn slots_that_stay_half_way() {
    let Some(stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    let owners = stage.cluster.owners();
    let slots: Vec<u16> =
        (0..20).map(|n| rdb_reindex::dump::slots::slot_of(format!("idx:project:{n}").as_bytes())).collect();
    for slot in &slots {
        let from = owners[usize::from(*slot)];
        assert!(stage.cluster.begin_move(*slot, from, (from + 1) % 3));
        stage.cluster.move_keys(*slot, from, (from + 1) % 3, 1);
    }
    stage.well("apply", &bundle, &[]);
    stage.well("verify", &bundle, &[]);
    stage.well("rollback", &bundle, &["--batch-commands", "20"]);
    stage.well("verify", &bundle, &[]);
    for slot in &slots {
        let from = owners[usize::from(*slot)];
        stage.cluster.end_move(*slot, from, (from + 1) % 3);
    }
    stage.is_as(&before);
}

#[test]
fn a_replica_takes_over_meanwhile() {
    let Some(stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    let mut replica = 3;
    for name in ["apply", "rollback"] {
        std::thread::scope(|scope| {
            let cluster = &stage.cluster;
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(700));
                cluster.nodes[replica].query::<()>(&["CLUSTER", "FAILOVER"]);
            });
            let ran = stage.well(name, &bundle, &["--batch-commands", "10", "--max-rate", "300"]);
            assert!(!ran.out.contains("otherwise"), "{ran:?}");
        });
        replica = 3 - replica;
        stage.cluster.until(|cluster| cluster.primaries().len() == 3);
        stage.well("verify", &bundle, &[]);
    }
    stage.is_as(&before);
}

//! `verify` with the journal of an apply at hand, and through a connection that does not last.

use crate::operate::bundle::small;
use crate::operate::guard::{Form, scene};
use crate::operate::{Stage, program, ran};
use crate::proxy::{Fault, Proxy};

fn run(stage: &Stage, commands: &[&str]) {
    for command in commands {
        stage.server.query::<redis::Value>(&command.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn what_apply_left_alone_is_not_wrong() {
    let Some(stage) = Stage::new(&small()) else { return };
    run(&stage, &["SADD wrong late", "SADD kept late"]);
    assert_eq!(stage.confirmed("apply", &["--on-drift", "skip"]).status, Some(7));
    // The key that is still there, the member that is not, and the one that still is.
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(7), "{verified:?}");
    assert!(verified.out.contains("3 edits left out by apply"), "{verified:?}");
    assert!(verified.out.contains("everything else is as the plan leaves it"), "{verified:?}");
    run(&stage, &["SREM created c"]);
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(5), "{verified:?}");
    assert!(verified.out.contains("3 edits left out by apply"), "{verified:?}");
    assert!(verified.out.contains("1 missing member\n  created member c"), "{verified:?}");
    // Without the journal nobody can know.
    std::fs::remove_file(stage.dir().join("journal.ndjson")).expect("it is there");
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(5), "{verified:?}");
    assert!(!verified.out.contains("left out"), "{verified:?}");
}

#[test]
fn an_edit_that_was_in_place_must_still_be_there() {
    let Some(stage) = Stage::new(&small()) else { return };
    run(&stage, &["SADD kept new"]);
    assert_eq!(stage.confirmed("apply", &["--on-drift", "proceed"]).status, Some(0));
    assert_eq!(stage.run("verify", &[]).status, Some(0));
    run(&stage, &["SREM kept new"]);
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(5), "{verified:?}");
    assert!(verified.out.contains("1 missing member") && !verified.out.contains("left out"), "{verified:?}");
}

#[test]
fn what_a_guard_kept_and_what_came_late_is_not_wrong() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    run(&stage, &["DEL message:2", "SADD user:u late", "SADD index:gone late"]);
    assert_eq!(stage.confirmed("apply", &["--guard", "records", "--on-drift", "proceed"]).status, Some(7));
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(7), "{verified:?}");
    assert!(verified.out.contains("1 edit left out by apply"), "{verified:?}");
    assert!(verified.out.contains("2 keys with members that came after the dump"), "{verified:?}");
    // A member of the dump that came back is wrong.
    run(&stage, &["SADD user:u message:1"]);
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(5), "{verified:?}");
    assert!(verified.out.contains("1 key that should be deleted"), "{verified:?}");
}

#[test]
fn a_command_that_apply_gave_up_is_told_apart() {
    let Some(stage) = Stage::new(&small()) else { return };
    let text = "WRONGTYPE Operation against a key holding the wrong kind".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 4, text, times: 1 });
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    assert_eq!(ran(command.args(["--confirm", &stage.plan_id])).status, Some(7));
    let verified = stage.run("verify", &["--settle", "0"]);
    assert_eq!(verified.status, Some(7), "{verified:?}");
    assert!(verified.out.contains("1 edit of commands that apply gave up"), "{verified:?}");
}

#[test]
fn it_says_where_the_plan_stands() {
    let Some(stage) = Stage::new(&small()) else { return };
    let text = "READONLY You can't write against a read only replica.".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 3, text, times: 1 });
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    assert_eq!(ran(command.args(["--confirm", &stage.plan_id])).status, Some(6));
    let half = stage.run("verify", &["--settle", "0"]);
    assert_eq!(half.status, Some(5), "{half:?}");
    assert!(half.err.contains("was begun at") && half.err.contains(" --resume\n"), "{half:?}");
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    let back = stage.run("verify", &["--settle", "0"]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert!(back.out.contains("everything is as it was in the dump"), "{back:?}");
    assert!(back.err.contains("was applied in part to redis://") && back.err.contains(", and rolled back"), "{back:?}");
    // Somebody is writing to it, or it was damaged: the look itself does not depend on it.
    std::fs::write(stage.dir().join("journal.ndjson"), "nonsense\nnonsense\n").expect("writable");
    let damaged = stage.run("verify", &["--settle", "0"]);
    assert_eq!(damaged.status, Some(5), "{damaged:?}");
    assert!(damaged.err.contains("what apply left out is not known"), "{damaged:?}");
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let Some(stage) = Stage::new(&small()) else { return };
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    let mut again = 0;
    // Four to connect and to ask what is there, one for the key that is gone, one for each of the others.
    for command in 1..=9 {
        let proxy = Proxy::start(stage.server.port(), Fault::CutAny { command });
        let mut verify = program();
        verify.arg("verify").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
        let verified = ran(&mut verify);
        assert!(proxy.fired());
        assert_eq!(verified.status, Some(0), "cut at {command}: {verified:?}");
        again += u32::from(verified.err.contains("trying again in"));
    }
    assert_eq!(again, 9);
    let proxy = Proxy::start(stage.server.port(), Fault::CutAny { command: 6 });
    let mut verify = program();
    verify.arg("verify").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    let given_up = ran(verify.args(["--retry-for", "0"]));
    assert_eq!(given_up.status, Some(1), "{given_up:?}");
}

#[test]
fn the_last_run_on_another_machine_is_named() {
    let Some(stage) = Stage::new(&small()) else { return };
    let text = "READONLY You can't write against a read only replica.".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 3, text, times: 1 });
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    assert_eq!(ran(command.args(["--confirm", &stage.plan_id])).status, Some(6));
    let path = stage.dir().join("journal.ndjson");
    let journal = std::fs::read_to_string(&path).expect("it is there");
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().expect("a line")).expect("JSON");
    let host = first["host"].as_str().expect("a name");
    let moved = journal.replace(&format!("\"host\":\"{host}\""), "\"host\":\"elsewhere\"");
    std::fs::write(&path, moved).expect("writable");
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.err.contains(" on elsewhere (process ") && resumed.err.contains("make sure that it has ended"));
}

#[test]
fn a_rollback_without_a_journal_says_what_it_would_do() {
    let Some(stage) = Stage::new(&small()) else { return };
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    std::fs::remove_file(stage.dir().join("journal.ndjson")).expect("it is there");
    for args in [&["--dry-run"][..], &[]] {
        let back = stage.confirmed("rollback", args);
        assert_eq!(back.status, Some(0), "{back:?}");
        assert!(back.err.contains("there is no journal of an apply beside this plan"), "{back:?}");
        // wrong x y z, kept stale, ranked old and moved; created c d, kept new, ranked n; retyped, and its list.
        let would = "puts back 6 members (or their old scores), removes 4 members, deletes 1 key, and recreates values \
                     with 1 command";
        assert!(back.err.contains(would), "{back:?}");
    }
    assert_eq!(stage.server.digest(), stage.before);
}

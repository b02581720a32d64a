//! Queues of jobs.

use super::{dump, repairs};

#[test]
fn arq() {
    let mut dump = dump();
    dump.string("arq:job:here", "pickle").string("arq:in-progress:here", "1").string("arq:result:done", "pickle");
    dump.zset("arq:queue", &[("here", 1.0), ("gone", 2.0)]);
    dump.zset("arq:queue:slow", &[("here", 1.0), ("away", 2.0)]);
    dump.zset("arq:abort", &[("gone", 1.0)]).zset("scores", &[("gone", 1.0)]);
    dump.set("arq:names", &["gone"]).string("arq:queue:health-check", "j_complete=0");
    repairs("arq", &dump, &["ZREM arq:queue gone", "ZREM arq:queue:slow away"]);
}

/// What Bull and BullMQ have in common: jobs 1 done, 2 running, 3 delayed, 5 waiting, and a scheduler with its next run.
fn bull() -> super::DumpBuilder {
    let mut dump = dump();
    for id in ["1", "2", "3", "5", "repeat:daily:1000"] {
        dump.hash(format!("bull:mail:{id}"), &[("name", "send"), ("data", "{}")]);
    }
    dump.string("bull:mail:id", "9").string("bull:mail:2:lock", "token").list("bull:mail:1:logs", &["gone", "8"]);
    dump.zset("bull:mail:completed", &[("1", 1.0), ("4", 2.0)]).list("bull:mail:active", &["2"]);
    dump.zset("bull:mail:failed", &[("44", 2.0)]);
    dump.zset("bull:mail:delayed", &[("3", 1.0), ("7", 2.0), ("repeat:daily:1000", 3.0), ("repeat:gone:1", 4.0)]);
    dump.list("bull:mail:wait", &["9", "5", "0:0", "9"]).set("bull:mail:stalled", &["2"]);
    dump.zset("bull:mail:repeat", &[("daily", 1000.0), ("weekly", 2000.0)]);
    dump.hash("bull:mail:repeat:daily", &[("name", "send"), ("every", "1000")]);
    dump.list("bull:mail:metrics:completed:data", &["0", "4"]).hash("bull:mail:metrics:completed", &[("count", "2")]);
    // Of somebody else: neither the name of a state nor three parts.
    dump.zset("bull:mail:ranking", &[("77", 1.0)]).zset("mail:completed", &[("77", 1.0)]);
    dump.zset("shop:a:b:completed", &[("77", 1.0)]).string("bull:other:completed", "77");
    dump
}

const BULL: [&str; 4] =
    ["LREM bull:mail:wait 0 9", "UNLINK bull:mail:failed", "ZREM bull:mail:completed 4", "ZREM bull:mail:delayed 7"];

#[test]
fn bull_of_optimal_bits() {
    let mut dump = bull();
    dump.zset("bull:mail:priority", &[("5", 1.0), ("6", 2.0)]).string("bull:mail:meta-paused", "1");
    repairs("bull", &dump, &[&BULL[..], &["ZREM bull:mail:priority 6"]].concat());
}

#[test]
fn bullmq() {
    let mut dump = bull();
    // Flows: a parent that waits for children, with what is left of those that are done.
    dump.hash("bull:mail:6", &[("name", "parent")]);
    dump.zset("bull:mail:waiting-children", &[("6", 1.0), ("8", 2.0)]);
    dump.set("bull:mail:6:dependencies", &["bull:mail:5", "bull:mail:88"]);
    dump.hash("bull:mail:6:processed", &[("bull:mail:99", "{}")]).set("bull:mail:6:unsuccessful", &["bull:mail:98"]);
    dump.zset("bull:mail:6:failed", &[("98", 1.0)]);
    dump.zset("bull:mail:prioritized", &[("5", 1.0), ("10", 2.0)]).zset("bull:mail:marker", &[("0", 0.0), ("1", 1.0)]);
    dump.hash("bull:mail:meta", &[("version", "bullmq:5")]).string("bull:mail:de:key", "1").string("bull:mail:pc", "2");
    // The prefix of a cluster, and one of somebody's own.
    dump.hash("{bull}:q:1", &[("name", "x")]).list("{bull}:q:wait", &["1", "2"]);
    dump.hash("mine:q:1", &[("name", "x")]).list("mine:q:paused", &["1", "2"]);
    let more = [
        "LREM mine:q:paused 0 2",
        "LREM {bull}:q:wait 0 2",
        "ZREM bull:mail:prioritized 10",
        "ZREM bull:mail:waiting-children 8",
    ];
    repairs("bullmq", &dump, &[&BULL[..], &more].concat());
}

#[test]
fn rq() {
    let mut dump = dump();
    let jobs = [
        ("f1", "finished"),
        ("b1", "failed"),
        ("r1", "started"),
        ("q1", "queued"),
        ("s1", "scheduled"),
        ("d1", "deferred"),
        ("c1", "canceled"),
    ];
    for (id, status) in jobs {
        dump.hash(format!("rq:job:{id}"), &[("status", status), ("origin", "default"), ("data", "pickle")]);
    }
    dump.hash("rq:job:late", &[("last_heartbeat", "2026-01-01T00:00:00Z")]);
    dump.zset("rq:finished:default", &[("f1", 1.0), ("late", 1.0), ("gone", 1.0)]);
    dump.zset("rq:failed:default", &[("b1", 1.0), ("gone", 1.0)]);
    dump.zset("rq:scheduled:default", &[("s1", 1.0), ("gone", 1.0)]);
    dump.zset("rq:deferred:default", &[("d1", 1.0), ("gone", 1.0)]);
    dump.zset("rq:canceled:default", &[("c1", 1.0), ("gone", 1.0)]);
    // A job that runs, as 3.0 and as before 2.0 keeps it, and runs whose job is gone.
    dump.zset("rq:wip:default", &[("r1:0a1b", 1.0), ("gone:0c1d", 1.0), ("a:z", 1.0)]);
    dump.zset("rq:wip:old", &[("r1", 1.0), ("gone", 1.0)]);
    dump.zset("rq:executions:r1", &[("0a1b", 1.0)]).hash("rq:execution:r1:0a1b", &[("job_id", "r1")]);
    dump.zset("rq:worker:w1:executions", &[("0a1b", 1.0)]);
    dump.list("rq:queue:default", &["gone", "q1", "a:b"]);
    dump.set("rq:queues", &["rq:queue:default", "rq:queue:empty"]);
    dump.hash("rq:worker:w1", &[("state", "busy")]);
    dump.set("rq:workers", &["rq:worker:w1", "rq:worker:w2"])
        .set("rq:workers:default", &["rq:worker:w1", "rq:worker:w2"]);
    // Schedulers, groups, chains, results, and steps between two states.
    dump.string("rq:scheduler-lock:default", "1").set("rq:groups", &["g", "h"]).set("rq:group:g", &["f1", "gone"]);
    dump.set("rq:job:f1:dependents", &["gone"]).zset("rq:ready:default", &[("gone", 1.0)]);
    dump.zset("rq:cron_schedulers", &[("gone", 1.0)]).zset("rq:cron_job:n:jobs", &[("gone", 1.0)]);
    dump.zset("rq:scheduler:scheduled_jobs", &[("gone", 1.0)]).list("my:queue:default", &["gone"]);
    let expected = [
        "LREM rq:queue:default 0 gone",
        "SREM rq:workers rq:worker:w2",
        "SREM rq:workers:default rq:worker:w2",
        "ZREM rq:canceled:default gone",
        "ZREM rq:deferred:default gone",
        "ZREM rq:failed:default gone",
        "ZREM rq:finished:default gone late",
        "ZREM rq:scheduled:default gone",
        "ZREM rq:wip:default gone:0c1d",
        "ZREM rq:wip:old gone",
    ];
    repairs("rq", &dump, &expected);
}

#[test]
fn dramatiq() {
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let mut dump = dump();
    dump.hash("dramatiq:default.msgs", &[(id(1), "{}"), (id(2), "{}"), (id(9), "{}")]);
    dump.list("dramatiq:default", &[id(1), id(3), "short".to_owned()]);
    dump.hash("dramatiq:default.DQ.msgs", &[(id(4), "{}")]).list("dramatiq:default.DQ", &[id(4), id(5)]);
    dump.hash("dramatiq:default.XQ.msgs", &[(id(6), "{}")]);
    dump.zset("dramatiq:default.XQ", &[(id(6), 1.0), (id(7), 2.0)]);
    // A worker that runs message 2, and has fetched one that is gone.
    let acks = format!("dramatiq:__acks__.{}.default", id(100));
    dump.set(&acks, &[id(2), id(8)]).zset("dramatiq:__heartbeats__", &[(id(100), 1.0)]);
    dump.list("jobs:default", &[id(3)]).list("dramatiq:a:b", &[id(3)]).zset("dramatiq:names", &[(id(3), 1.0)]);
    let expected = [
        format!("LREM dramatiq:default 0 {}", id(3)),
        format!("LREM dramatiq:default.DQ 0 {}", id(5)),
        format!("ZREM dramatiq:default.XQ {}", id(7)),
        format!("SREM {acks} {}", id(8)),
    ];
    repairs("dramatiq", &dump, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn kombu() {
    let mut dump = dump();
    dump.hash("unacked", &[("t1", "[]"), ("t9", "[]")]).zset("unacked_index", &[("t1", 1.0), ("t2", 2.0)]);
    dump.hash("app:unacked", &[("t4", "[]")]).zset("app:unacked_index", &[("t3", 1.0), ("t4", 2.0)]);
    dump.list("celery", &["{\"body\": 1}"]).set("_kombu.binding.celery", &["celery\x06\x16\x06\x16gone"]);
    dump.string("unacked_mutex", "1").zset("index_unacked", &[("t2", 1.0)]).string("celery-task-meta-1", "{}");
    repairs("kombu", &dump, &["ZREM unacked_index t2", "ZREM app:unacked_index t3"]);
}

#[test]
fn sidekiq_unique_jobs() {
    let mut dump = dump();
    dump.string("uniquejobs:aa", "jid").hash("uniquejobs:aa:LOCKED", &[("jid", "1.5")]);
    // Waiting for its turn, and running.
    dump.list("uniquejobs:bb:QUEUED", &["jid"]).hash("uniquejobs:cc:RUN:LOCKED", &[("jid", "1.5")]);
    dump.string("uniquejobs:dd:INFO", "{}").list("queue:default", &["{\"lock_digest\":\"uniquejobs:dd\"}"]);
    let digests = [
        ("uniquejobs:aa", 1.0),
        ("uniquejobs:bb", 1.0),
        ("uniquejobs:cc:RUN", 1.0),
        ("uniquejobs:dd", 1.0),
        ("uniquejobs:ee", 1.0),
    ];
    dump.zset("uniquejobs:digests", &digests);
    dump.zset("uniquejobs:expiring_digests", &[("uniquejobs:aa", 1.0), ("uniquejobs:ff", 1.0)]);
    dump.zset("uniquejobs:changelog", &[("uniquejobs:ee", 1.0)]).set("queues", &["default", "uniquejobs:ee"]);
    dump.zset("ns:uniquejobs:digests", &[("uniquejobs:aa", 1.0), ("uniquejobs:hh", 1.0)])
        .string("ns:uniquejobs:aa", "jid");
    let expected = [
        "ZREM uniquejobs:digests uniquejobs:dd uniquejobs:ee",
        "ZREM uniquejobs:expiring_digests uniquejobs:ff",
        "ZREM ns:uniquejobs:digests uniquejobs:hh",
    ];
    repairs("sidekiq-unique-jobs", &dump, &expected);
}

//! Each preset on a small database of its application: what is right stays, so do running jobs, schedulers, and keys of the
//! same shape that hold something else; what names a key that is gone goes.

use std::collections::BTreeSet;

use assert_cmd::Command;
use rdb_reindex::model::spec::PRESETS;
use serde_json::Value;

use crate::support::dump_writer::DumpBuilder;
use crate::support::judges::APPS;

/// The commands of the plan by a preset, each as its words; a plan is also rehearsed.
fn plan(dump: &[u8], preset: &str, more: &[&str]) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dump.rdb"), dump).expect("written");
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
        command.current_dir(folder.path()).args(args).output().expect("it ran")
    };
    let planned = run(&[&["plan", "dump.rdb", "--preset", preset, "--out", "out"], more].concat());
    if !planned.status.success() {
        return Err(String::from_utf8_lossy(&planned.stderr).into_owned());
    }
    let rehearsed = run(&["rehearse", "out", "dump.rdb"]);
    assert!(rehearsed.status.success(), "{preset}: {}", String::from_utf8_lossy(&rehearsed.stdout));
    let resp = std::fs::read(folder.path().join("out/apply.resp")).expect("commands");
    let text: String = resp.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.split("\r\n");
    let mut out = Vec::new();
    while let Some(count) = lines.next().and_then(|line| line.strip_prefix('*')) {
        let count: usize = count.parse().expect("a number");
        let mut words: Vec<&str> = Vec::new();
        for _ in 0..count {
            lines.next().expect("a length");
            words.push(lines.next().expect("a word"));
        }
        out.push(words.join(" "));
    }
    out.sort();
    Ok(out)
}

fn new() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    dump
}

/// What a preset does to a database; the commands in the order of the alphabet.
fn does(preset: &str, build: impl Fn(&mut DumpBuilder), expected: &[&str]) {
    let mut dump = new();
    build(&mut dump);
    assert_eq!(plan(&dump.finish(), preset, &[]).expect("a plan"), expected, "{preset}");
}

#[test]
fn arq() {
    let queue = [("a", 1.0), ("b", 2.0)];
    let build = |dump: &mut DumpBuilder| {
        dump.string("arq:job:a", "pickle").zset("arq:queue", &queue).zset("arq:queue:health", &queue);
        dump.string("arq:in-progress:b", "1").string("arq:result:b", "x").zset("other:queue", &queue);
    };
    does("arq", build, &["ZREM arq:queue b"]);
}

#[test]
fn rq() {
    let job = |status: &str| [("status", status.to_owned()), ("origin", "default".to_owned())];
    let scored = |ids: &[&'static str]| ids.iter().map(|id| (*id, 1.0)).collect::<Vec<_>>();
    let build = |dump: &mut DumpBuilder| {
        for (id, status) in [("1", "finished"), ("2", "failed"), ("3", "queued"), ("4", "started"), ("5", "scheduled")]
        {
            dump.hash(format!("rq:job:{id}"), &job(status));
        }
        // A late heartbeat makes such a hash.
        dump.hash("rq:job:6", &[("last_heartbeat", "x")]);
        dump.zset("rq:finished:default", &scored(&["1", "6", "9"])).zset("rq:failed:default", &scored(&["2", "8"]));
        dump.zset("rq:scheduled:default", &scored(&["5"])).list("rq:queue:default", &["3", "7", "4"]);
        // A running job, its execution, and what else is named alike.
        dump.zset("rq:wip:default", &scored(&["4:abc"])).zset("rq:executions:4", &scored(&["abc"]));
        dump.hash("rq:execution:4:abc", &[("id", "abc")]).set("rq:queues", &["rq:queue:default", "rq:queue:empty"]);
        dump.hash("rq:worker:w1", &[("state", "busy")]).set("rq:workers", &["rq:worker:w1", "rq:worker:w2"]);
        dump.set("rq:workers:default", &["rq:worker:w1"]).set("rq:job:3:dependents", &["9"]);
    };
    let expected = [
        "LREM rq:queue:default 0 4",
        "LREM rq:queue:default 0 7",
        "SREM rq:workers rq:worker:w2",
        "ZREM rq:failed:default 8",
        "ZREM rq:finished:default 6 9",
    ];
    does("rq", build, &expected);
}

fn jobs(dump: &mut DumpBuilder) {
    let scored = |ids: &[&'static str]| ids.iter().map(|id| (*id, 1.0)).collect::<Vec<_>>();
    dump.hash("bull:mail:1", &[("name", "x")]).hash("bull:mail:2", &[("name", "x")]).string("bull:mail:id", "9");
    dump.hash("bull:mail:meta", &[("opts.maxLenEvents", "10000")]);
    dump.zset("bull:mail:completed", &scored(&["1", "8"])).zset("bull:mail:delayed", &scored(&["2", "7"]));
    dump.list("bull:mail:wait", &["9", "1"]).list("bull:mail:active", &["2"]).list("bull:mail:paused", &["0:0"]);
    // Schedulers, a job of one, its lock, a flow, and what is being worked on.
    dump.zset("bull:mail:repeat", &scored(&["daily:abc", "abc"])).hash("bull:mail:repeat:abc", &[("name", "daily")]);
    dump.set("bull:mail:stalled", &["2"]).string("bull:mail:2:lock", "token").zset("bull:mail:marker", &scored(&["0"]));
    dump.set("bull:mail:1:dependencies", &["bull:other:5"]).hash("bull:mail:1:processed", &[("bull:other:4", "{}")]);
    dump.zset("bull:mail:failed", &scored(&["repeat:abc:17", "6"]));
}

#[test]
fn bull_and_bullmq() {
    let expected = [
        "LREM bull:mail:wait 0 9",
        "ZREM bull:mail:completed 8",
        "ZREM bull:mail:delayed 7",
        "ZREM bull:mail:failed 6",
    ];
    does("bullmq", jobs, &expected);
    does("bull", jobs, &expected);
    let prioritized = |dump: &mut DumpBuilder| {
        dump.hash("bull:q:1", &[("a", "b")]).zset("bull:q:prioritized", &[("1", 1.0), ("2", 1.0)]);
        dump.zset("bull:q:priority", &[("1", 1.0), ("2", 1.0)])
            .zset("bull:q:waiting-children", &[("1", 1.0), ("3", 1.0)]);
    };
    does("bullmq", prioritized, &["ZREM bull:q:prioritized 2", "ZREM bull:q:waiting-children 3"]);
    does("bull", prioritized, &["ZREM bull:q:priority 2"]);
}

#[test]
fn caches_of_tags() {
    let sha = "8d121d098c38cbbc77c14eab7075eb1930e80d01";
    let (there, gone) = (format!("{sha}:u1"), format!("{sha}:u2"));
    let laravel = |dump: &mut DumpBuilder| {
        let members = [(there.as_str(), -1.0), (gone.as_str(), 5.0), ("something else", 1.0)];
        dump.string(format!("app_cache:{there}"), "x").zset("app_cache:tag:people:entries", &members);
        dump.string(&there, "x").zset("tag:people:entries", &members).zset("log:entries", &members);
    };
    let expected = [format!("ZREM app_cache:tag:people:entries {gone}"), format!("ZREM tag:people:entries {gone}")];
    does("laravel-10", laravel, &expected.each_ref().map(String::as_str));
    let older = |dump: &mut DumpBuilder| {
        dump.string(format!("l_cache:{there}"), "x").string("l_cache:tag:people:key", "5f3");
        dump.set("l_cache:5f3:standard_ref", &[format!("l_cache:{there}"), format!("l_cache:{gone}")]);
        // The connection has a prefix of its own, which members do not have.
        dump.string(format!("l_database_l_cache:{there}"), "x");
        let members = [format!("l_cache:{there}"), format!("l_cache:{gone}x")];
        dump.set("l_database_l_cache:5f3:forever_ref", &members);
    };
    let expected = [
        format!("SREM l_cache:5f3:standard_ref l_cache:{gone}"),
        format!("SREM l_database_l_cache:5f3:forever_ref l_cache:{gone}x"),
    ];
    does("laravel-8", older, &expected.each_ref().map(String::as_str));
    let symfony = |dump: &mut DumpBuilder| {
        dump.string("app:p1", "x")
            .set("app:\0tags\0all", &["app:p1", "app:p2"])
            .set("\u{1}tags\u{1}t", &["app:p1", "app:p3"]);
        dump.set("app:tags:all", &["app:p2"]);
    };
    does("symfony-cache", symfony, &["SREM \u{1}tags\u{1}t app:p3", "SREM app:\0tags\0all app:p2"]);
    let cacheops = |dump: &mut DumpBuilder| {
        dump.string("q:1", "x")
            .set("conj:t:a=1", &["q:1", "q:2"])
            .set("conj:t:", &["q:2"])
            .set("schemes:t", &["a", "b"]);
    };
    does("cacheops", cacheops, &["SREM conj:t:a=1 q:2", "UNLINK conj:t:"]);
    let spring = |dump: &mut DumpBuilder| {
        dump.string("k1", "x").zset("books~keys", &[("k1", 0.0), ("k2", 0.0)]).string("books~lock", "x");
    };
    does("spring-cache", spring, &["ZREM books~keys k2"]);
    let next = |dump: &mut DumpBuilder| {
        dump.string("next:/a", "{}").hash("next:__sharedTags__", &[("/a", "[]"), ("/b", "[]")]);
        dump.hash("next:__sharedTagsTtl__", &[("/a", "1"), ("/b", "1")])
            .hash("next:__revalidated_tags__", &[("t", "1")]);
        dump.string("/a", "{}").hash("__sharedTags__", &[("/a", "[]"), ("/c", "[]")]);
    };
    let expected = ["HDEL __sharedTags__ /c", "HDEL next:__sharedTagsTtl__ /b", "HDEL next:__sharedTags__ /b"];
    let mut expected = expected.to_vec();
    expected.sort();
    does("nextjs-cache-handler", next, &expected);
}

#[test]
fn the_way_back_from_an_entry_to_its_tags() {
    let typo3 = |dump: &mut DumpBuilder| {
        dump.string("identData:1", "x").set("identTags:1", &["a", "b"]).set("identTags:2", &["a"]);
        dump.set("tagIdents:a", &["1", "2"]).set("tagIdents:c", &["2"]);
    };
    does("typo3", typo3, &["SADD tagIdents:b 1", "SREM tagIdents:a 2", "UNLINK identTags:2 tagIdents:c"]);
    let magento = |dump: &mut DumpBuilder| {
        dump.string("69d:69d_id1", "x").set("cache:id_tags:69d_id1", &["T"]).set("cache:id_tags:69d_id2", &["T"]);
        dump.set("cache:tags:69d_T", &["69d_id1", "69d_id2"]).set("cache:all_ids", &["69d_id1", "69d_id2"]);
        dump.hash("zc:k:1", &[("d", "x")])
            .set("zc:ti:A", &["1", "2"])
            .set("zc:ids", &["1"])
            .set("zc:tags", &["A", "B"]);
    };
    let expected = [
        "SREM cache:all_ids 69d_id2",
        "SREM cache:tags:69d_T 69d_id2",
        "SREM zc:ti:A 2",
        "UNLINK cache:id_tags:69d_id2",
    ];
    does("magento", magento, &expected);
}

#[test]
fn messages_and_locks() {
    let dramatiq = |dump: &mut DumpBuilder| {
        dump.hash("dramatiq:d.msgs", &[("1", "{}")]).list("dramatiq:d", &["1", "2"]);
        dump.hash("dramatiq:d.DQ.msgs", &[("3", "{}")]).list("dramatiq:d.DQ", &["3", "4"]);
        dump.hash("dramatiq:d.XQ.msgs", &[("5", "{}")]).zset("dramatiq:d.XQ", &[("5", 1.0), ("6", 1.0)]);
        dump.set("dramatiq:__acks__.w.d", &["9"]).zset("dramatiq:__heartbeats__", &[("w", 1.0)]);
    };
    does("dramatiq", dramatiq, &["LREM dramatiq:d 0 2", "LREM dramatiq:d.DQ 0 4", "ZREM dramatiq:d.XQ 6"]);
    let tag = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let kombu = |dump: &mut DumpBuilder| {
        dump.hash("unacked", &[(tag, "[]")]).zset("unacked_index", &[(tag, 1.0), ("gone", 2.0)]);
        dump.hash("p_unacked", &[("x", "[]")]).zset("p_unacked_index", &[(tag, 1.0), ("other", 1.0)]);
        dump.list("celery", &["{}"]).set("_kombu.binding.celery", &["celery"]).string("celery-task-meta-1", "{}");
    };
    does("kombu", kombu, &["ZREM p_unacked_index 0f8fad5b-d9cb-469f-a165-70867728950e", "ZREM unacked_index gone"]);
    let sidekiq = |dump: &mut DumpBuilder| {
        dump.hash("uniquejobs:a:LOCKED", &[("j", "1")]).string("uniquejobs:b", "j").list("uniquejobs:c:QUEUED", &["j"]);
        let digests = ["a", "b", "c", "d"].map(|digest| (format!("uniquejobs:{digest}"), 1.0));
        dump.zset("uniquejobs:digests", &digests).string("uniquejobs:d:INFO", "{}");
    };
    does("sidekiq-unique-jobs", sidekiq, &["ZREM uniquejobs:digests uniquejobs:d"]);
    let java = |text: &str| {
        let mut bytes = vec![0xac, 0xed, 0, 5, b't', 0, text.len() as u8];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let other = "1f8fad5b-d9cb-469f-a165-70867728950e";
    let session = |dump: &mut DumpBuilder| {
        let index = "org.springframework.session.FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME";
        dump.hash(format!("spring:session:sessions:{tag}"), &[("creationTime", "x")]);
        dump.set(format!("spring:session:index:{index}:ann"), &[java(tag), java(other)]);
        dump.set("spring:session:expirations:1890000000000", &[java(&format!("expires:{other}"))]);
        dump.string(format!("spring:session:sessions:expires:{tag}"), "");
    };
    let found = {
        let mut dump = new();
        session(&mut dump);
        plan(&dump.finish(), "spring-session", &[]).expect("a plan")
    };
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("SREM spring:session:index:") && found[0].ends_with(other), "{found:?}");
    assert_eq!(found[1], "UNLINK spring:session:expirations:1890000000000");
}

/// Where the databases are at hand, a preset does what the spec written for each does.
#[test]
fn on_databases_of_their_libraries() {
    let Some(apps) = APPS.find() else { return };
    for (app, preset) in [
        ("arq", "arq"),
        ("bullmq", "bullmq"),
        ("bullmq", "bull"),
        ("cacheops", "cacheops"),
        ("dramatiq", "dramatiq"),
        ("laravel10-tags", "laravel-10"),
        ("magento249-symfony", "magento"),
        ("nextjs-cache-handler", "nextjs-cache-handler"),
        ("rq", "rq"),
        ("sidekiq-unique-jobs", "sidekiq-unique-jobs"),
        ("spring-session", "spring-session"),
        ("symfony-cache", "symfony-cache"),
        ("typo3", "typo3"),
    ] {
        let dump = std::fs::read(apps.join(app).join("dump.rdb")).expect("a dump");
        let by_preset = plan(&dump, preset, &[]).unwrap_or_else(|error| panic!("{app}: {error}"));
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
        let (dump, spec) = (apps.join(app).join("dump.rdb"), apps.join(app).join("spec.toml"));
        let args =
            ["--spec".as_ref(), spec.as_os_str(), "--out".as_ref(), folder.path().join("out").into_os_string().leak()];
        let out = command.arg("plan").arg(dump).args(args).output().expect("it ran");
        assert!(out.status.success(), "{app}");
        let manifest = std::fs::read(folder.path().join("out/plan.json")).expect("a manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        // BullMQ has a sorted set that Bull has not.
        let least = if preset == "bull" { 1 } else { 0 };
        let commands = manifest["total"]["commands"].as_u64().expect("a number");
        assert_eq!(by_preset.len() as u64 + least, commands, "{app} by {preset}: {by_preset:?}");
    }
}

#[test]
fn they_are_listed_and_named() {
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
        let out = command.args(args).output().expect("it ran");
        (out.status.code(), String::from_utf8(out.stdout).expect("text"), String::from_utf8(out.stderr).expect("text"))
    };
    let (status, list, _) = run(&["spec", "--list"]);
    assert_eq!(status, Some(0));
    let names: BTreeSet<&str> = list.lines().map(|line| line.split("  ").next().expect("a name")).collect();
    assert_eq!(names, PRESETS.iter().map(|preset| preset.name).collect());
    assert_eq!(run(&["spec", "--preset", "rq"]).1, PRESETS.iter().find(|preset| preset.name == "rq").expect("it").text);
    let (status, _, error) = run(&["spec", "--preset", "rqq"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("--preset rq"), "{error}");
    // A dump that the default describes nothing of: what would, best first.
    let mut dump = new();
    jobs(&mut dump);
    dump.string("arq:job:1", "x");
    let error = plan(&dump.finish(), "discord-analytics", &[]).expect_err("refused");
    assert!(error.contains("no-match") && error.contains("of the presets, bull, bullmq would match"), "{error}");
}

//! Many files as one database: the same as one dump of their keys, without temporary space; what is wrong is told of the
//! one that it is in.

use std::path::Path;
use std::process::Command;

use crate::support::dump_writer::DumpBuilder;

const SHARDS: usize = 64;
const SPEC: &str = "version = 1\n[[record]]\nname = \"message\"\nkey = \"message:*\"\n[[index]]\nname = \"project\"\n\
                    policy = \"maintain\"\nfrom = \"message\"\nkey = \"project:{p}\"\nmember = \"{@key}\"\n";

/// Key number `n` of a database of records and their index, some members of which are missing or stale.
fn write(n: usize, dump: &mut DumpBuilder) {
    if n % 10 == 9 {
        let mut members: Vec<_> = (n - 9..n).map(|record| format!("message:{record}")).collect();
        if n % 50 == 49 {
            members[3] = format!("message:gone-{n}");
        }
        dump.set(format!("project:{n}"), &members);
    } else {
        // Some shards are larger than what one is a multiple of in memory, others smaller.
        let (p, text) = (n / 10 * 10 + 9, "x".repeat(if n % 1000 == 285 { 90_000 } else { n % 300 }));
        dump.hash(format!("message:{n}"), &[("p", p.to_string()), ("text", text)]);
    }
}

/// One dump of `keys` keys, and shards of the same in the same order, of which the one in the middle has none.
fn database(folder: &Path, keys: usize) -> Vec<String> {
    let new = || {
        let mut dump = DumpBuilder::new(11);
        dump.compression(false).server_aux(1_736_000_000).select_db(0);
        dump
    };
    let mut one = new();
    (0..keys).for_each(|n| write(n, &mut one));
    std::fs::write(folder.join("one.rdb"), one.finish()).unwrap();
    std::fs::write(folder.join("spec.toml"), SPEC).unwrap();
    let share = keys.div_ceil(SHARDS - 1);
    let names: Vec<String> = (0..SHARDS).map(|shard| format!("{shard:02}.rdb")).collect();
    for (shard, name) in names.iter().enumerate() {
        let number = if shard > SHARDS / 2 { shard - 1 } else { shard };
        let mut dump = new();
        if shard != SHARDS / 2 {
            (number * share..((number + 1) * share).min(keys)).for_each(|n| write(n, &mut dump));
        }
        std::fs::write(folder.join(name), dump.finish()).unwrap();
    }
    names
}

/// Status, standard output and standard error of the program in a folder, on `threads` threads, where there is no
/// temporary folder.
fn run(folder: &Path, threads: &str, args: &[&str], dumps: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    command.args(args).args(dumps).current_dir(folder).env("TMPDIR", "/nowhere").env("RAYON_NUM_THREADS", threads);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const EXPORTS: [&[&str]; 3] = [
    &["export", "--table", "keys", "--format", "csv", "--spec", "spec.toml"],
    &["export", "--table", "elements", "--format", "ndjson", "--spec", "spec.toml"],
    &["export", "--table", "memberships", "--format", "csv", "--spec", "spec.toml"],
];

#[test]
fn the_same_as_one_dump_and_no_temporary_space() {
    let folder = tempfile::tempdir().unwrap();
    let names = database(folder.path(), 20_000);
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    for threads in ["1", "4"] {
        let run = |args: &[&str], dumps: &[&str]| {
            let (status, stdout, stderr) = run(folder.path(), threads, args, dumps);
            assert_eq!((status, stderr.contains("error")), (Some(0), false), "{args:?}: {stderr}");
            stdout
        };
        for export in EXPORTS {
            let (one, many) = (run(export, &["one.rdb"]), run(export, &all));
            assert!(one.lines().count() > 1000 && one == many, "{export:?}");
            assert!(one == run(&[export, &["--no-mmap"]].concat(), &all), "{export:?}");
        }
        let json = |text: String| {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json["snapshot"] = serde_json::Value::Null;
            json
        };
        let inventory = ["inventory", "--spec", "spec.toml", "--format", "json", "--now", "2025-01-06T17:45:00Z"];
        let [one, many] = [&["one.rdb"][..], &all].map(|dumps| json(run(&inventory, dumps)));
        assert_eq!(one["keys"], 20_000);
        assert_eq!(one, many);
        let differ = ["diff", "--spec", "spec.toml", "--exit-code", "one.rdb", "--with"];
        run(&differ, &all);
        let infer = |dumps: &[&str]| run(&["infer"], dumps).lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(infer(&["one.rdb"]), infer(&all));
        assert_eq!(run(&["check"], &all).matches("whole: ").count(), SHARDS);
        let plan = |out: &str, dumps: &[&str]| {
            run(&["plan", "--spec", "spec.toml", "--by-slot", "--out", out], dumps);
            let text = |file: &str| std::fs::read_to_string(folder.path().join(out).join(file)).unwrap();
            ["apply.resp", "rollback.resp", "changes.csv"].map(text)
        };
        let (one, many) = (format!("one{threads}"), format!("many{threads}"));
        let planned = plan(&one, &["one.rdb"]);
        assert!(planned[0].len() > 10_000 && planned == plan(&many, &all));
        assert!(run(&["rehearse", &many], &all).contains("proven"));
    }
}

/// The commands that take several dumps, each with what comes before these.
fn commands() -> Vec<Vec<&'static str>> {
    let mut commands: Vec<Vec<&str>> = EXPORTS.iter().map(|export| export.to_vec()).collect();
    commands.push(vec!["inventory", "--spec", "spec.toml"]);
    commands.push(vec!["plan", "--spec", "spec.toml", "--out", "plan"]);
    commands.push(vec!["infer"]);
    commands.push(vec!["diff", "--spec", "spec.toml", "one.rdb", "--with"]);
    commands
}

/// What is wrong with the one in the middle is what is wrong with it alone: name, offset, advice.
#[test]
fn a_damaged_one_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let names = database(folder.path(), 4_000);
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let path = folder.path().join("20.rdb");
    let good = std::fs::read(&path).unwrap();
    let find = |what: &[u8]| good.windows(what.len()).position(|bytes| bytes == what).unwrap();
    let record = find(b"\x0cmessage:") - 1;
    let sealed = |mut bytes: Vec<u8>| {
        let body = bytes.len() - 8;
        let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &bytes[..body]);
        bytes[body..].copy_from_slice(&sum.to_le_bytes());
        bytes
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    // A type that there is none of; a name that goes on to the end and beyond it; a value that ends elsewhere; a file that
    // was cut. The first three also with a right checksum.
    let long = [&good[..record + 1], b"\x80\x00\x7f\xff\xff", &good[record + 6..]].concat();
    let broken = [with(record, 33), long, with(record + 14, 0x7f), good[..good.len() / 2].to_vec()];
    let all_broken = broken[..3].iter().map(|bytes| sealed(bytes.clone())).chain(broken.clone());
    for (n, bytes) in all_broken.enumerate() {
        std::fs::write(&path, bytes).unwrap();
        for threads in ["1", "4"] {
            for command in commands() {
                let (status, _, said) = run(folder.path(), threads, &command, &all);
                assert_eq!(status, Some(1), "{n} {command:?}: {said}");
                let (status, _, alone) = run(folder.path(), threads, &command, &["20.rdb"]);
                assert_eq!(status, Some(1), "{n} {command:?}: {alone}");
                let first = |text: &str| text.lines().find(|line| line.starts_with("error")).unwrap().to_owned();
                assert!(first(&said).starts_with("error: 20.rdb: ") && first(&said).contains(", at offset "), "{said}");
                assert_eq!(first(&said).split(';').next(), first(&alone).split(';').next(), "{n} {command:?}");
            }
        }
    }
    // Only the checksum knows of it.
    std::fs::write(&path, with(find(b"xxxx"), b'y')).unwrap();
    for command in commands() {
        let (status, _, said) = run(folder.path(), "4", &command, &all);
        assert!(status == Some(1) && said.contains("error: 20.rdb: the checksum is "), "{command:?}: {said}");
    }
    // Commands follow it, or another dump, also where the whole ends as a dump does.
    for tail in [&b"*1\r\n$4\r\nPING\r\n"[..], &good] {
        std::fs::write(&path, [&good[..], tail].concat()).unwrap();
        for command in commands() {
            let (status, _, said) = run(folder.path(), "4", &command, &all);
            let expected = format!("error: 20.rdb: {} bytes follow the end of the dump", tail.len());
            assert!(status == Some(1) && said.contains(&expected), "{command:?}: {said}");
        }
    }
}

/// Also where nothing asks for its keys, and where only one of them is in two.
#[test]
fn one_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let names = database(folder.path(), 4_000);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("07.rdb");
    let mut other = DumpBuilder::new(11);
    other.select_db(0).string("other", "v");
    for name in ["other-1.rdb", "other-2.rdb"] {
        std::fs::write(folder.path().join(name), other.aux("x", name).finish()).unwrap();
        other = DumpBuilder::new(11);
        other.select_db(0).string("more", name).string("other", "w");
    }
    for command in commands() {
        let (status, _, said) = run(folder.path(), "4", &command, &all);
        assert!(status == Some(1) && said.contains(" of 07.rdb and at offset "), "{command:?}: {said}");
        assert!(said.contains("is the same dump named twice"), "{command:?}: {said}");
        let (status, _, said) = run(folder.path(), "4", &command, &["00.rdb", "other-1.rdb", "01.rdb", "other-2.rdb"]);
        assert!(status == Some(1) && said.contains("the key other of database 0 is at offset "), "{command:?}: {said}");
    }
}

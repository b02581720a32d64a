//! Where a bundle may go, and what is left when it cannot.

use super::{SMALL_APPLY, Work, contents, names, ran, small, start};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn an_absent_or_empty_folder_takes_the_bundle() {
    let work = Work::new();
    let dump = small().finish();
    work.write("dump.rdb", &dump);
    fs::create_dir(work.path("empty")).expect("made");
    for out in ["plan", "a/b/c/plan", "empty", "./x/../plan2"] {
        fs::create_dir_all(work.path("x")).expect("made");
        let ran = work.run(&["plan", "dump.rdb", "--out", out]);
        assert_eq!(ran.status, Some(0), "{out}: {}", ran.stderr);
        assert_eq!(
            names(&work.path(out)),
            ["apply.resp", "changes.csv", "plan.json", "review.html", "rollback.resp"],
            "{out}"
        );
    }
    assert_eq!(work.names(), ["a", "dump.rdb", "empty", "plan", "plan2", "x"]);
    assert_eq!(names(&work.path("a/b/c")), ["plan"]);
    assert_eq!(contents(&work.path("plan")), contents(&work.path("empty")), "the bundle does not depend on its place");
}

/// The folder that somebody stands in must not be swapped under their feet.
#[test]
fn the_current_folder_takes_the_bundle_and_stays_the_same_folder() {
    use std::os::unix::fs::MetadataExt;
    let work = Work::new();
    let dump = work.write("dump.rdb", small().finish());
    let here = work.path("here");
    fs::create_dir(&here).expect("made");
    let before = fs::metadata(&here).expect("there").ino();
    let mut command = work.program(&["plan", dump.to_str().expect("a name"), "--out", "."]);
    let ran = ran(command.current_dir(&here));
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(names(&here).len(), 5);
    assert_eq!(fs::metadata(&here).expect("there").ino(), before);
    assert_eq!(work.names(), ["dump.rdb", "here"]);
}

#[test]
fn an_earlier_bundle_is_replaced_as_a_whole() {
    let work = Work::new();
    assert_eq!(work.plan(&small().finish(), &[]).status, Some(0));
    let first = contents(&work.path("plan"));
    let mut other = small();
    other.set("discord:messages:user:9", &["x"]);
    assert_eq!(work.plan(&other.finish(), &[]).status, Some(0));
    let second = contents(&work.path("plan"));
    assert_ne!(first["plan.json"], second["plan.json"]);
    assert_eq!(work.commands("apply.resp")[0].len(), SMALL_APPLY[0].len() + 1);
    assert_eq!(work.names(), ["dump.rdb", "plan"]);
    // A failure leaves the earlier bundle as it is.
    assert_eq!(work.plan(b"REDIS0010", &[]).status, Some(1));
    assert_eq!(contents(&work.path("plan")), second);
}

#[test]
fn anything_else_is_refused_and_left_as_it_is() {
    let work = Work::new();
    assert_eq!(work.plan(&small().finish(), &[]).status, Some(0));
    let cases: [(&str, &str, &str); 7] = [
        ("journal", "journal.ndjson", "{}"),
        ("foreign", "notes.txt", "mine"),
        ("hidden", ".git", "mine"),
        ("edited", "plan.json", "{}"),
        ("terraform", "plan.json", "{\"format_version\":\"1.2\"}"),
        ("similar", "plan.json", "{\"format_version\":7,\"steps\":[]}"),
        ("no manifest", "apply.resp", ""),
    ];
    for (folder, file, text) in cases {
        let folder = work.path(folder);
        fs::create_dir(&folder).expect("made");
        if matches!(file, "journal.ndjson" | "notes.txt" | ".git") {
            for (name, bytes) in contents(&work.path("plan")) {
                fs::write(folder.join(name), bytes).expect("copied");
            }
        }
        fs::write(folder.join(file), text).expect("written");
        let before = contents(&folder);
        let ran = work.run(&["plan", "dump.rdb", "--out", folder.to_str().expect("a name")]);
        assert_eq!(ran.status, Some(1), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(folder.to_str().expect("a name")), "{}", ran.stderr);
        assert_eq!(contents(&folder), before, "{file}");
    }
    // Files in the place of folders.
    let ran = work.run(&["plan", "dump.rdb", "--out", "dump.rdb"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("not a folder"), "{}", ran.stderr);
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "dump.rdb/plan"]).status, Some(1));
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "/proc/plan"]).status, Some(1));
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", ""]).status.map(|status| status > 0), Some(true));
    let mut expected: Vec<&str> = cases.iter().map(|(folder, _, _)| *folder).chain(["dump.rdb", "plan"]).collect();
    expected.sort_unstable();
    assert_eq!(work.names(), expected, "nothing is left beside");
}

/// A dump whose plan takes a while, and more than a megabyte.
fn large() -> Vec<u8> {
    let mut dump = start();
    dump.string("message:discord:1", "{}");
    for n in 0..60_000 {
        dump.set(format!("discord:messages:user:{n}"), &[format!("message:discord:gone:{n}")]);
    }
    dump.finish()
}

/// A limit on the size of files stands for a full disk: writing fails half-way, with another number.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let work = Work::new();
    work.write("dump.rdb", large());
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" plan dump.rdb --out plan";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_rdb-reindex")]).current_dir(work.0.path());
    let ran = ran(&mut command);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    // Whichever of the three large files was full first.
    let named = |name: &str| ran.stderr.contains(&format!("cannot write plan/{name}: "));
    assert!(["apply.resp", "changes.csv", "rollback.resp"].into_iter().any(named), "{}", ran.stderr);
    assert_eq!(work.names(), ["dump.rdb"]);
}

fn interrupt(child: &std::process::Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn an_interrupted_plan_leaves_nothing_behind() {
    let work = Work::new();
    work.write("dump.rdb", large());
    let mut child = work.program(&["plan", "dump.rdb", "--out", "plan"]).stderr(Stdio::null()).spawn().expect("runs");
    // The bundle is begun in a folder beside its destination: that is when Ctrl-C would leave most behind.
    while work.names().len() < 2 && child.try_wait().expect("a child").is_none() {
        std::hint::spin_loop();
    }
    interrupt(&child);
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert_eq!(work.names(), ["dump.rdb"]);
}

#[test]
fn interrupted_while_it_reads_standard_input() {
    let work = Work::new();
    let dump = large();
    let mut command = work.program(&["plan", "-", "--out", "plan"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
    // A pipe holds 64 KiB: when this much is gone, the program is reading.
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&dump[..dump.len() - 1]).expect("read");
    interrupt(&child);
    // The signal may arrive a moment after the bytes that follow; those are few, and the work is long.
    stdin.write_all(&dump[dump.len() - 1..]).ok();
    drop(stdin);
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert!(work.names().is_empty());
}

#[test]
fn the_same_bundle_in_every_way() {
    let work = Work::new();
    let dump = work.write("dump.rdb", large());
    let mut bundles = Vec::new();
    let ways: [&[&str]; 6] =
        [&["--threads", "1"], &["--threads", "2"], &["--threads", "3"], &["--threads", "8"], &["--no-mmap"], &[]];
    for way in ways {
        assert_eq!(work.run(&[&["plan", "dump.rdb", "--out", "plan"], way].concat()).status, Some(0));
        bundles.push(contents(&work.path("plan")));
    }
    let mut command = work.program(&["plan", "-", "--out", "plan"]);
    assert_eq!(ran(command.stdin(fs::File::open(dump).expect("opened"))).status, Some(0));
    bundles.push(contents(&work.path("plan")));
    assert!(bundles.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn odd_spellings_of_a_folder() {
    let work = Work::new();
    work.write("dump.rdb", small().finish());
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "slash/"]).status, Some(0));
    fs::create_dir(work.path("real")).expect("made");
    std::os::unix::fs::symlink("real", work.path("link")).expect("linked");
    std::os::unix::fs::symlink("nowhere", work.path("dangling")).expect("linked");
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "link"]).status, Some(0));
    // Twice: the second time there is an earlier bundle to replace.
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "link"]).status, Some(0));
    assert_eq!(contents(&work.path("real")), contents(&work.path("slash")));
    assert!(work.path("link").is_symlink(), "the link is not replaced by a folder");
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "dangling"]).status, Some(1));
    assert_eq!(work.names(), ["dangling", "dump.rdb", "link", "real", "slash"]);
}

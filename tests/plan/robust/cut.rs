//! A dump that somebody cuts while it is read: an error and a status, in every command, and never a signal.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use super::{Work, small};
use crate::support::dump_writer::DumpBuilder;

/// Some megabytes, so that it has many pages.
fn large() -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.compression(false).aux("ctime", "1700000000").select_db(0);
    for n in 0..30_000 {
        dump.string(format!("message:{n}"), format!(r#"{{"projectId":"{}","text":"{}"}}"#, n % 7, "x".repeat(100)));
    }
    dump.finish()
}

/// The second dump comes through a pipe: until it does, the first one lies open, and is cut.
#[test]
fn every_command_ends_with_an_error() {
    let other = DumpBuilder::new(11).aux("ctime", "1700000000").select_db(0).string("another", "key").finish();
    let commands: [&[&str]; 10] = [
        &["check", "dump.rdb", "-"],
        &["inventory", "dump.rdb", "-"],
        &["inventory", "dump.rdb", "-", "--format", "json"],
        &["plan", "dump.rdb", "-", "--out", "new"],
        &["infer", "dump.rdb", "-"],
        &["export", "dump.rdb", "-", "--table", "keys", "--format", "csv"],
        &["export", "dump.rdb", "-", "--table", "elements", "--format", "ndjson"],
        &["export", "dump.rdb", "-", "--table", "memberships", "--format", "csv"],
        &["diff", "dump.rdb", "-"],
        &["rehearse", "plan", "dump.rdb", "-"],
    ];
    let whole = large();
    let work = Work::new();
    assert_eq!(work.plan(&small().finish(), &[]).status, Some(0));
    for command in commands {
        // To nothing, in the midst of a page, and by one byte, which leaves the page as it is.
        for len in [0, 1_000_000, whole.len() - 1] {
            work.write("dump.rdb", &whole);
            let mut program = work.program(command);
            let mut child =
                program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            // It has opened the dump when it reads the pipe: more goes into that than it holds.
            let padded = [&other[..], &vec![0; 300_000]].concat();
            let half = padded.len() - 10;
            input.write_all(&padded[..half]).unwrap();
            File::options().write(true).open(work.path("dump.rdb")).unwrap().set_len(len as u64).unwrap();
            input.write_all(&padded[half..]).unwrap();
            drop(input);
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), output.status.signal()), (Some(1), None), "{command:?} {len}: {stderr}");
            assert!(stderr.contains("dump.rdb was cut while it was read"), "{command:?} {len}: {stderr}");
            assert!(!stderr.contains("panicked"), "{stderr}");
            assert!(!work.path("new").exists(), "{command:?} {len}");
        }
    }
}

/// At any moment: the right answer, or an error.
#[test]
fn at_any_moment_it_is_the_right_answer_or_an_error() {
    let whole = large();
    let work = Work::new();
    work.write("dump.rdb", &whole);
    let args = ["inventory", "dump.rdb", "--format", "json"];
    let right = work.run(&args).stdout;
    let (mut cut, mut done) = (0, 0);
    for n in 0..30 {
        work.write("dump.rdb", &whole);
        let mut program = work.program(&args);
        let child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(4 * n));
        File::options()
            .write(true)
            .open(work.path("dump.rdb"))
            .unwrap()
            .set_len(n * 100_000 % whole.len() as u64)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) => {
                assert_eq!(stdout, right);
                done += 1;
            }
            Some(1) => {
                // Cut before it was opened it is just a short file.
                assert!(["while it was read", "is empty", "ends"].iter().any(|text| stderr.contains(text)), "{stderr}");
                cut += 1;
            }
            _ => panic!("{:?}: {stderr}", output.status),
        }
    }
    eprintln!("{cut} cut, {done} done");
}

/// Whoever writes another dump over it makes a mixture of two.
#[test]
fn a_dump_that_is_written_over_is_no_dump() {
    let whole = large();
    let work = Work::new();
    work.write("dump.rdb", &whole);
    let mut program = work.program(&["inventory", "dump.rdb", "-"]);
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'R'; 200_000]).unwrap();
    let mut over = File::options().write(true).open(work.path("dump.rdb")).unwrap();
    over.write_all(&whole[..5000]).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("dump.rdb was written to while it was read"), "{stderr}");
}

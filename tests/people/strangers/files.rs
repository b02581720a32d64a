//! Names of files, arguments, and the text of a spec.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{NASTY, Work, look, output};

/// Every command with a file of a nasty name: absent, of the wrong kind, and as a folder.
#[test]
fn in_errors() {
    let work = Work::new();
    for name in NASTY.into_iter().filter(|name| !name.contains(&0) && !name.contains(&b'/')) {
        let file = |prefix: &str| Path::new(OsStr::from_bytes(&[prefix.as_bytes(), name].concat())).to_owned();
        let (absent, wrong, folder) = (file("absent"), file("wrong"), file("folder"));
        work.write(&wrong, b"no dump, no spec = [\n");
        std::fs::create_dir_all(work.path(&folder)).expect("made");
        std::fs::write(work.path(&folder).join(file("stray")), "x").expect("written");
        for path in [&absent, &wrong, &folder] {
            let path = path.as_os_str();
            let word = OsStr::new;
            for args in [
                &[word("inventory"), path][..],
                &[word("inventory"), word("dump.rdb"), word("--spec"), path],
                &[word("plan"), word("dump.rdb"), word("--spec"), word("spec.toml"), word("--out"), path],
                &[word("plan"), path, word("--out"), word("plan")],
                &[word("show"), path],
                &[word("check"), path],
                &[word("infer"), path],
                &[word("export"), path, word("--table"), word("keys"), word("--format"), word("csv")],
                &[word("diff"), path, word("dump.rdb")],
                &[word("rehearse"), path, word("dump.rdb")],
                &[word("apply"), path, word("--to"), word("redis://127.0.0.1:1")],
                &[word("verify"), path, word("--dump"), word("dump.rdb")],
                &[word("rollback"), path, word("--to"), word("redis://127.0.0.1:1")],
                // clap repeats what it does not know.
                &[path],
                &[word("show"), word("plan"), path],
                &[word("show"), word("plan"), word("--format"), path],
                &[word("apply"), word("plan"), word("--to"), path],
                &[word("plan"), word("dump.rdb"), word("--out"), word("p"), word("--max-args"), path],
            ] {
                let output = output::program(&[]).args(args).current_dir(work.path("")).output().expect("it runs");
                assert_ne!(output.status.code(), Some(101), "{args:?}");
                look(&format!("standard error of {args:?}"), &output.stderr);
                look(&format!("standard output of {args:?}"), &output.stdout);
                // Somebody made a bundle of it.
                if path == absent {
                    let _ = std::fs::remove_dir_all(work.path(&absent));
                }
            }
        }
    }
}

/// A file whose name has a line of its own does not get to speak.
#[test]
fn a_name_is_read_back_from_its_error() {
    let work = Work::new();
    let ended = work.run(&["inventory", "gone\nhint: \u{202e}run it as root"]);
    let text = String::from_utf8(ended.err).expect("UTF-8");
    assert!(text.contains(r"gone\u{a}hint: \u{202e}run it as root"), "{text}");
}

#[test]
fn in_errors_of_a_spec() {
    let work = Work::new();
    for name in NASTY.into_iter().filter_map(|name| std::str::from_utf8(name).ok()) {
        // What TOML forbids in a string is an error of its own; the rest is one of the spec.
        for spec in [
            format!("version = 1\n[[record]] # {name}\nname = \"{name}\"\nkey = \"{name}:{{\"\n"),
            format!("version = 1\n\"{name}\" = 1\n"),
            format!("version = 1\n{name} = 1\n"),
            format!(
                "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\" # {name}\n[[index]]\nname = \"{name}\"\npolicy = '{name}'\nfrom = '{name}'\nkey = 'a:{{{name}}}'\nmember = '{{@{name}}}'\n"
            ),
            format!("version = '{name}'\r\n\t[[record]]\t# {name}\r\n"),
        ] {
            work.write("nasty.toml", &spec);
            let ended = work.run(&["inventory", "dump.rdb", "--spec", "nasty.toml"]);
            assert_ne!(ended.status, Some(101), "{spec:?}");
            look("an inventory with such a spec", &ended.out);
        }
    }
}

/// The mark stands below what is wrong, however much longer the line is when it is shown.
#[test]
fn the_place_in_a_spec_is_marked() {
    let work = Work::new();
    work.write("nasty.toml", "version = 1\n[[record]]\nname = \"a\u{202e}b\"\nkey = \"r:*\" # \u{200b}\npolice = 1\n");
    let text = String::from_utf8(work.run(&["inventory", "dump.rdb", "--spec", "nasty.toml"]).err).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("police = 1")).expect("the line");
    let column = lines[at].find("police").expect("the word");
    assert_eq!(lines[at + 1].find("^^^^^^"), Some(column), "{text}");
    work.write("nasty.toml", "version = 1\n[[record]]\nname = \"a\u{202e}b\u{200b}\"; x\n");
    let text = String::from_utf8(work.run(&["inventory", "dump.rdb", "--spec", "nasty.toml"]).err).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(r#"a\u{202e}b\u{200b}""#)).expect("the line");
    let column = lines[at].find("; x").expect("the place");
    assert!(lines[at + 1].find('^').is_some_and(|mark| mark.abs_diff(column) <= 1), "{text}");
}

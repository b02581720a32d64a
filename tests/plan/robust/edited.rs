//! A bundle is what was reviewed, or it is refused.

use super::{Work, contents, small};
use std::fs;

/// Runs every command that opens a bundle; each must refuse it, by the name of the file, without a database in sight.
fn refused(work: &Work, file: &str, what: &str) {
    let id = "000000000000";
    for args in [
        &["show", "plan"][..],
        &["apply", "plan", "--to", "redis://127.0.0.1:1", "--confirm", id],
        &["rollback", "plan", "--to", "redis://127.0.0.1:1", "--confirm", id],
        &["verify", "plan", "--to", "redis://127.0.0.1:1"],
    ] {
        let ran = work.run(args);
        assert!(matches!(ran.status, Some(1 | 4)), "{what}, {}: {:?} {}", args[0], ran.status, ran.stderr);
        assert!(ran.stderr.contains(file), "{what}, {}: {}", args[0], ran.stderr);
        assert_eq!(ran.stdout, "", "{what}, {}", args[0]);
    }
}

#[test]
fn an_edited_bundle_is_refused_by_the_name_of_the_file() {
    let work = Work::new();
    assert_eq!(work.plan(&small().finish(), &[]).status, Some(0));
    assert_eq!(work.run(&["show", "plan"]).status, Some(0));
    let whole = contents(&work.path("plan"));
    for (name, bytes) in &whole {
        let path = work.path("plan").join(name);
        let middle = bytes.len() / 2;
        let flipped: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == middle)).collect();
        let longer = [bytes.as_slice(), b"\n"].concat();
        let edits = [
            ("flipped", flipped),
            ("longer", longer),
            ("shorter", bytes[..bytes.len() - 1].to_vec()),
            ("emptied", Vec::new()),
        ];
        for (what, edited) in edits {
            fs::write(&path, edited).expect("written");
            refused(&work, name, what);
        }
        fs::remove_file(&path).expect("removed");
        refused(&work, name, "removed");
        fs::write(&path, bytes).expect("written");
    }
    assert_eq!(work.run(&["show", "plan"]).status, Some(0), "put back, it is as before");
}

#[test]
fn numbers_in_the_manifest_cannot_be_changed_by_hand() {
    let work = Work::new();
    assert_eq!(work.plan(&small().finish(), &[]).status, Some(0));
    let path = work.path("plan").join("plan.json");
    let text = fs::read_to_string(&path).expect("plan.json");
    // Every digit of it, one after the other.
    let digits: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    for &at in digits.iter().step_by(digits.len() / 60 + 1) {
        let mut edited = text.clone().into_bytes();
        edited[at] = if edited[at] == b'9' { b'1' } else { edited[at] + 1 };
        fs::write(&path, edited).expect("written");
        let ran = work.run(&["show", "plan"]);
        assert_eq!(ran.status, Some(1), "digit at {at}: {}", ran.stdout);
        assert!(ran.stderr.contains("plan"), "{}", ran.stderr);
    }
}

//! The slips that destroyed right data in databases of real applications, where they are at hand (`../shared`): each is
//! refused, or takes nothing away that is right.

use std::path::Path;

use serde_json::Value;

use super::{Desk, commands};
use crate::support::judges::{APPS, REPORTED};

fn desk(dump: &Path, spec: &str) -> Desk {
    let desk = Desk { folder: tempfile::tempdir().expect("a folder") };
    std::fs::copy(dump, desk.path("dump.rdb")).expect("copied");
    std::fs::write(desk.path("spec.toml"), spec).expect("written");
    desk
}

/// Edits of a plan that take away from, or add to, what is right by `expected.json`: `{key: {type, value, expires}}`, bytes
/// as Latin-1.
fn harm(resp: &[u8], expected: &Value) -> Vec<String> {
    let latin = |text: &str| text.to_owned();
    let right = |key: &str| -> Vec<String> {
        match &expected[key]["value"] {
            Value::Array(members) => members
                .iter()
                .map(|member| member.as_str().or(member[0].as_str()).unwrap_or_default().to_owned())
                .collect(),
            Value::Object(members) => members.keys().cloned().collect(),
            _ => Vec::new(),
        }
    };
    let mut harm = Vec::new();
    for words in commands(resp) {
        let (verb, args) = (words[0].as_str(), &words[1..]);
        match verb {
            "UNLINK" => harm
                .extend(args.iter().filter(|key| !expected[latin(key)].is_null()).map(|key| format!("UNLINK {key}"))),
            "SREM" | "ZREM" => {
                let right = right(&args[0]);
                harm.extend(
                    args[1..]
                        .iter()
                        .filter(|member| right.contains(member))
                        .map(|member| format!("{verb} {} {member}", args[0])),
                );
            }
            "SADD" => {
                let right = right(&args[0]);
                harm.extend(
                    args[1..]
                        .iter()
                        .filter(|member| !right.contains(member))
                        .map(|member| format!("{verb} {} {member}", args[0])),
                );
            }
            _ => harm.push(format!("{words:?}")),
        }
    }
    harm
}

#[test]
fn slips_on_databases_of_applications() {
    let Some(apps) = APPS.find() else { return };
    for (slip, brake) in [
        ("walrus/spec-typo.toml", Some("no-entry (index city)")),
        ("asynq/spec-wide.toml", Some("no-entry (index state)")),
        ("authjs-upstash/spec-wrongtype.toml", Some("wrong-type (index email)")),
        ("envelop-response-cache/spec-partial.toml", None),
    ] {
        let path = apps.join(slip);
        let folder = path.parent().expect("a folder");
        // One of them was written when a brace stood for itself.
        let spec = std::fs::read_to_string(&path).expect("a spec").replace("{default}", "{{default}}");
        let planned = desk(&folder.join("dump.rdb"), &spec).plan(&[]);
        match brake {
            Some(brake) => planned.refused(&[brake]),
            None => assert_eq!(planned.status, 0, "{slip}: {}", planned.stderr),
        }
        if planned.status == 0 {
            let expected = std::fs::read(folder.join("expected.json")).expect("the right state");
            let expected: Value = serde_json::from_slice(&expected).expect("JSON");
            let resp = std::fs::read(planned.folder.path().join("out/apply.resp")).expect("commands");
            assert_eq!(harm(&resp, &expected), Vec::<String>::new(), "{slip}");
        }
    }
}

/// None of them is a Discord bot's.
#[test]
fn the_default_preset_is_not_applied_to_other_databases() {
    let Some(apps) = APPS.find() else { return };
    let mut tried = 0;
    for app in std::fs::read_dir(apps).expect("a folder").flatten().filter(|app| app.path().is_dir()) {
        let desk = desk(&app.path().join("dump.rdb"), "");
        let (status, _, stderr) = desk.run(&["plan", "dump.rdb", "--out", "out"]);
        assert!(status == 4 && stderr.contains("no-match: no spec was given"), "{app:?}: {stderr}");
        assert!(stderr.contains("`rdb-reindex infer dump.rdb`"), "{app:?}: {stderr}");
        assert!(!stderr.to_lowercase().contains("discord"), "{app:?}: {stderr}");
        tried += 1;
    }
    assert!(tried >= 20, "{tried}");
}

#[test]
fn what_was_reported() {
    let Some(reported) = REPORTED.find() else { return };
    let plan = |dump: &str, spec: &str| {
        let spec = std::fs::read_to_string(reported.join(spec)).expect("a spec");
        desk(&reported.join(dump), &spec).plan(&[])
    };
    plan("typo.rdb", "typo.toml").refused(&["no-entry (index n)"]);
    let planned = plan("othertypes.rdb", "half.toml");
    planned.does(&[]);
    assert_eq!(planned.brakes(), ["other-type n keeps"]);
    assert_eq!(plan("noliteral.rdb", "noliteral.toml").status, 1);
    for (dump, spec) in [
        ("scalar.rdb", "spec.toml"),
        ("wrongprefix-counter.rdb", "wrongprefix.toml"),
        ("wrongprefix-nocounter.rdb", "wrongprefix.toml"),
        ("frozen.rdb", "half.toml"),
    ] {
        let planned = plan(dump, spec);
        planned.does(&[]);
        assert!(planned.stderr.contains("not everything is right"), "{dump}: {}", planned.stderr);
        assert!(!planned.stderr.contains("as they should be"), "{dump}: {}", planned.stderr);
    }
    // Nothing is filled into the registry, and nothing is taken out of it, for what is no record.
    let registry = desk(&reported.join("registry-scalar.rdb"), "");
    let (status, _, stderr) = registry.run(&["plan", "dump.rdb", "--out", "out"]);
    assert_eq!(status, 0, "{stderr}");
    let resp = std::fs::read(registry.path("out/apply.resp")).expect("commands");
    assert_eq!(commands(&resp), Vec::<Vec<String>>::new());
}

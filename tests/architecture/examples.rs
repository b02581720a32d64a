//! The examples of the library: short, and right about the fixture. As parts of its documentation they are run, too.

use std::path::Path;

#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/compute-index.rs"]
mod compute_index;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/count-types.rs"]
mod count_types;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/read-key.rs"]
mod read_key;

fn fixture() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb")).expect("the fixture")
}

#[test]
fn types_are_counted() {
    let counts = count_types::count(&fixture()).expect("a dump");
    // fixtures/README.md: 29,695 keys; a stream where an index key should be, and the one of the points.
    assert_eq!(counts.values().sum::<u64>(), 29_695);
    assert_eq!(counts["stream"], 2);
    // Messages, projects, users, channels, and 38 others, of which 32 stand where an index key should be.
    assert_eq!(counts["ReJSON-RL"], 19_485 + 4 + 2_040 + 2_008 + 38);
}

#[test]
fn a_key_is_read() {
    let members = read_key::members(&fixture(), "discord:projects:all").expect("a dump");
    // It "lacks 2 of the 4 projects, has 4 members that are none".
    assert_eq!(members.len(), 6);
    assert_eq!(read_key::members(&fixture(), "no such key").expect("a dump"), Vec::<String>::new());
}

#[test]
fn an_index_is_computed() {
    let sizes = compute_index::compute(&fixture()).expect("a dump");
    // 1,991 + 172 + 3 messages of the projects that exist, 3 of the deleted one; "", "undefined", ids without a prefix and
    // of projects that never were. Null and absent give none, and neither does an object.
    assert_eq!(sizes.values().sum::<u64>(), 1_991 + 172 + 3 + 3 + 866 + 866 + 2_596 + 1_695);
    assert_eq!((sizes["by-project:"], sizes["by-project:undefined"]), (866, 866));
    assert!(sizes.values().any(|size| *size == 1_991) && sizes.values().any(|size| *size == 172));
}

#[test]
fn none_has_forty_lines() {
    for name in ["compute-index", "count-types", "read-key"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
        let text = std::fs::read_to_string(path).expect("the example");
        assert!(text.lines().count() < 40, "{name}: {} lines", text.lines().count());
    }
}

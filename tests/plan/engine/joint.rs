//! Several indexes with the same keys of which one has the keys of records for members, and another one more than these:
//! a member that both imply is one.

use super::*;
use crate::support::dump_writer::DumpBuilder;

const SPEC: &str = "version = 1
[[record]]
name = 'r'
key = 'r:*'
[[index]]
name = 'one'
policy = 'maintain'
from = 'r'
key = 'i:{f}'
member = '{@key}'
[[index]]
name = 'more'
policy = 'maintain'
from = 'r'
key = 'i:{g}'
member = ['{@key}', '{id}']
";

#[test]
fn a_member_by_two_rules_is_one() {
    let spec = Spec::parse(SPEC, "spec.toml").unwrap();
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_764_500_000).select_db(0);
    dump.string("r:1", "{\"f\":\"a\",\"g\":\"a\",\"id\":7}").string("r:2", "{\"f\":\"a\",\"g\":\"b\",\"id\":8}");
    dump.set("i:a", &["r:1", "7", "r:2", "r:3"]).set("i:b", &["r:2", "8"]);
    let dump = dump.finish();
    let difference = Difference::take(&dump, &spec, Expiry::Careful, &Observer::default()).unwrap();
    let folder = TempDir::new().unwrap();
    let found = Outcome::of(&difference, &folder.path().join("plan"));
    // r:3 is no record; that r:1 is implied twice makes it neither missing nor there twice.
    assert_eq!(found.changes, ["one,i:a,remove member,r:3,no record implies it"]);
    assert_eq!(found.apply, [["SREM", "i:a", "r:3"].map(|arg| arg.as_bytes().to_vec()).to_vec()]);
}

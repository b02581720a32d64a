//! `--guard records` where a key is in the families of several indexes: all of them decide.

use crate::operate::Stage;
use crate::operate::bundle::Scene;
use crate::operate::guard::sorted;
use crate::support::server::Server;

/// `index:vip:1` has the form of both keys; the records imply it in the second one.
const SPEC: &str = r#"version = 1
accept = ["nested", "no-key-right"]

[[record]]
name = "message"
key = "message:*"

[[index]]
name = "wide"
policy = "maintain"
from = "message"
key = "index:{group}"
member = "{@key}"

[[index]]
name = "narrow"
policy = "maintain"
from = "message"
key = "index:vip:{level}"
member = "{@key}"
"#;

/// Messages 1 to 3 in group a. Of level 1 are 1 and 3, which `index:vip:1` lacks; it has 2, which is of level 2.
fn scene() -> Scene {
    Scene { spec: SPEC.into(), ..Scene::default() }
        .state(&["HSET message:1 group a level 1", "HSET message:2 group a level 2", "HSET message:3 group a level 1"])
        .state(&[
            "SADD index:a message:1 message:2 message:3",
            "SADD index:vip:1 message:2",
            "SADD index:vip:2 message:2",
        ])
        .touch("index:vip:1", "set", 1)
        .apply("SADD index:vip:1 message:1 message:3", 2)
        .apply("SREM index:vip:1 message:2", 1)
        .rollback("SADD index:vip:1 message:2", 1)
        .rollback("SREM index:vip:1 message:1 message:3", 2)
}

/// The members of `index:vip:1` after an apply, and its status, if somebody did this meanwhile.
fn applied(meanwhile: &[&[&str]]) -> Option<(Option<i32>, Vec<String>)> {
    let stage = Stage::on(Server::builder().start()?, &scene());
    for command in meanwhile {
        let _: redis::Value = stage.server.query(command);
    }
    let done = stage.confirmed("apply", &["--guard", "records"]);
    assert!(matches!(done.status, Some(0 | 7)), "{done:?}");
    let members = sorted(&stage, "index:vip:1");
    if meanwhile.is_empty() {
        let back = stage.confirmed("rollback", &["--guard", "records"]);
        assert_eq!((back.status, stage.server.digest()), (Some(0), stage.before.clone()), "{back:?}");
    }
    Some((done.status, members))
}

#[test]
fn the_index_that_implies_the_key_is_asked() {
    let Some(found) = applied(&[]) else { return };
    assert_eq!(found, (Some(0), vec!["message:1".to_owned(), "message:3".to_owned()]));
}

#[test]
fn what_became_right_in_the_narrow_index_stays() {
    let Some(found) = applied(&[&["HSET", "message:2", "level", "1"]]) else { return };
    assert_eq!(found, (Some(7), ["message:1", "message:2", "message:3"].map(str::to_owned).to_vec()));
}

#[test]
fn what_became_right_in_the_wide_index_stays() {
    let Some(found) = applied(&[&["HSET", "message:2", "group", "vip:1"]]) else { return };
    assert_eq!(found, (Some(7), ["message:1", "message:2", "message:3"].map(str::to_owned).to_vec()));
}

#[test]
fn what_became_wrong_is_not_added() {
    let Some(found) = applied(&[&["HSET", "message:3", "level", "9"]]) else { return };
    assert_eq!(found, (Some(7), vec!["message:1".to_owned()]));
}

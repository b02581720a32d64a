//! The whole way with a plan that the program made itself: the fixture, on a real server, there and back.

use std::path::Path;

use crate::operate::{program, ran};
use crate::support::server::Server;

#[test]
fn the_fixture_there_and_back() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    for guard in ["replies", "records"] {
        let Some(server) = Server::builder().rejson().dump_file(&fixture).start() else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("plan");
        let planned = ran(program().arg("plan").arg(&fixture).arg("--out").arg(&dir));
        assert_eq!(planned.status, Some(0), "{planned:?}");
        let text = std::fs::read_to_string(dir.join("plan.json")).expect("it was written");
        let manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let id = manifest["plan_id"].as_str().expect("it has an id");
        let before = server.digest();
        let run = |name: &str, args: &[&str]| {
            let mut command = program();
            let ran = ran(command.arg(name).arg(&dir).args(["--to", &server.url()]).args(args));
            assert_eq!(ran.status, Some(0), "{name} {args:?}, {guard}: {ran:?}");
        };
        run("apply", &["--dry-run"]);
        assert_eq!(server.digest(), before);
        run("apply", &["--confirm", id, "--guard", guard]);
        run("verify", &[]);
        let after = ran(program().arg("verify").arg(&dir).arg("--dump").arg(server.save()));
        assert_eq!(after.status, Some(0), "{guard}: {after:?}");
        run("rollback", &["--confirm", id]);
        assert_eq!(server.digest(), before, "{guard}");
    }
}

//! `verify` of a live database: what nobody's edit names, and the old state after a rollback.

use std::path::Path;

use crate::operate::price::{made, planned, run};
use crate::support::server::Server;

fn send(server: &Server, command: &str) {
    server.query::<redis::Value>(&command.split(' ').collect::<Vec<_>>());
}

/// How many commands `verify` said that it would send at most.
fn said(err: &str) -> u64 {
    let (_, text) = err.split_once(" in at most ").expect("it is said beforehand");
    let digits: String = text.chars().take_while(|c| *c != ' ').filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn verify(server: &Server, folder: &Path, status: i32, part: &str) {
    let (found, count) = run(server, folder, "verify", &["--settle", "0"]);
    assert_eq!(found.status, Some(status), "{part}: {found:?}");
    assert!(found.out.contains(part), "{part}: {found:?}");
    // One for who we are on the server, and up to two to ask what it is.
    assert!(count <= said(&found.err) + 3, "{count} commands: {found:?}");
}

#[test]
fn what_no_edit_names_is_seen_there_and_back() {
    let Some(server) = Server::builder().rejson().start() else { return };
    made(&server);
    send(&server, "RPUSH index:list 1 2 3");
    send(&server, "HSET index:hash f v");
    send(&server, "SET index:text hello");
    send(&server, "JSON.SET index:json $ {\"a\":[1,2.5]}");
    send(&server, "XADD index:stream 1-1 f v");
    send(&server, "PEXPIREAT index:wrong:1 4102444800000");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = planned(&server, folder.path());
    let id = json["plan_id"].as_str().expect("an id");
    let (verify, before) = (|status, part: &str| verify(&server, folder.path(), status, part), server.digest());
    let changes = [
        ("SADD index:3 gained", "SREM index:3 gained", "1 key with other members than before"),
        ("SREM index:3 message:3:1", "SADD index:3 message:3:1", "1 key with other members than before"),
        ("ZADD ranked:3 77 message:3:1", "ZADD ranked:3 1 message:3:1", "1 key with other members than before"),
    ];
    let each = |changes: &[(&str, &str, &str)]| {
        for (change, back, part) in changes {
            send(&server, change);
            verify(5, part);
            send(&server, back);
        }
        // Swapped: as many as before.
        send(&server, "SREM index:3 message:3:1");
        send(&server, "SADD index:3 swapped");
        verify(5, "and not the same");
        send(&server, "SREM index:3 swapped");
        send(&server, "SADD index:3 message:3:1");
    };
    let (applied, _) = run(&server, folder.path(), "apply", &["--confirm", id]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    verify(0, "everything is as the plan leaves it");
    each(&changes);
    let (back, _) = run(&server, folder.path(), "rollback", &["--confirm", id]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(server.digest(), before);
    verify(0, "everything is as it was in the dump");
    each(&changes);
    each(&[
        ("SADD index:wrong:3 gained", "SREM index:wrong:3 gained", "1 member that should not be there"),
        ("SREM index:wrong:3 message:3:1", "SADD index:wrong:3 message:3:1", "1 missing member"),
        ("ZADD ranked:wrong:3 2 message:3:1", "ZADD ranked:wrong:3 1 message:3:1", "1 member of another score"),
        ("LSET index:list 1 9", "LSET index:list 1 2", "1 key with another value"),
        ("RPUSH index:list 4", "RPOP index:list", "1 key with another value"),
        ("HSET index:hash g v", "HDEL index:hash g", "1 key with another value"),
        ("SET index:text other", "SET index:text hello", "1 key with another value"),
        ("JSON.SET index:json $.a [1]", "JSON.SET index:json $.a [1,2.5]", "1 key with another value"),
        ("PERSIST index:wrong:1", "PEXPIREAT index:wrong:1 4102444800000", "1 key of another expiry"),
        ("RENAME index:wrong:3 elsewhere", "RENAME elsewhere index:wrong:3", "1 missing key"),
    ]);
    verify(0, "everything is as it was in the dump");
}

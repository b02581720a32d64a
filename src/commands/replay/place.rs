//! Servers that a plan cannot be replayed to: named for what they are, with what can be done.

use std::path::Path;

use crate::replay::{LinkError, PlaceKind, QueryError, Reply};
use crate::text::counted;
use crate::ui::exit::{Exit, Failure};
use crate::ui::typed;

/// Refuses all but one server that takes writes. `command` is this command to another address.
pub fn refuse(kind: &PlaceKind, dir: &Path, target: &str, command: impl Fn(&str) -> String) -> Result<(), Failure> {
    let refused = |what: String| Failure::new(Exit::Refused, format!("{target} is {what}; nothing was written"));
    let scheme = target.split_once("://").map_or("redis", |(scheme, _)| scheme);
    let there = |address: &str| command(&format!("{scheme}://{address}"));
    Err(match kind {
        PlaceKind::Single => return Ok(()),
        PlaceKind::Sentinel { primaries } => {
            let lines: Vec<String> = primaries
                .iter()
                .filter_map(|(name, address)| {
                    address.as_ref().map(|at| format!("\nthe primary of {name}:\n  {}", there(at)))
                })
                .collect();
            let hint = match lines.is_empty() {
                true => {
                    "it knows where the primary is, and has no data itself: ask it with SENTINEL MASTERS, and give \
                         that address"
                        .to_owned()
                }
                false => format!("it has no data itself, and knows where they are now{}", lines.concat()),
            };
            refused("a Sentinel, not a database".into()).with_hint(hint)
        }
        PlaceKind::Replica { primary } => {
            let hint = match primary {
                Some(at) => format!("connect to its primary:\n  {}", there(at)),
                None => "connect to its primary".into(),
            };
            refused("a replica, which takes no writes".into()).with_hint(hint)
        }
        PlaceKind::Cluster { shards } => {
            let what = match shards {
                Some(1) => "a cluster of one shard".to_owned(),
                Some(shards @ 2..) => format!("a node of a cluster of {}", counted(*shards, "shard")),
                _ => "a node of a cluster".to_owned(),
            };
            refused(what).with_hint(format!(
                "this version replays a plan to a single server: a command with keys of several slots is refused by a \
                 cluster. The plan can be proven without a server:\n  rdb-reindex rehearse {} DUMP",
                typed::folder(dir)
            ))
        }
    })
}

/// Why a look came to nothing, with a status.
pub fn failure(exit: Exit, error: QueryError) -> Failure {
    let of_a_cluster =
        matches!(&error, QueryError::Refused { reply: Reply::Error(error), .. } if error.is_of_a_cluster());
    match (&error, of_a_cluster) {
        (_, true) => Failure::new(Exit::Refused, format!("{error}; nothing was written")),
        (QueryError::Link(LinkError::Interrupted), _) => {
            Failure::new(Exit::Stopped, "interrupted; nothing was written")
        }
        _ => Failure::new(exit, error),
    }
}

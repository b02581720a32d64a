//! Servers that a plan cannot be replayed to: named for what they are, with what can be done.

use std::path::Path;

use crate::dump::slots::slot_of;
use crate::replay::{Commands, LinkError, PlaceKind, QueryError, Reply};
use crate::text::counted;
use crate::ui::exit::{Exit, Failure};
use crate::ui::typed;

/// Refuses all but one server that takes writes. `command` is this command to another address.
/// `by_slot`: whether the plan is one for a cluster.
pub fn refuse(
    kind: &PlaceKind,
    (dir, by_slot): (&Path, bool),
    target: &str,
    command: impl Fn(&str) -> String,
) -> Result<(), Failure> {
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
            let address = target.split_once("://").map_or("HOST:PORT", |(_, address)| address);
            let there = command(&format!("{scheme}+cluster://{address}"));
            refused(what).with_hint(match by_slot {
                true => format!("the same to all of it:\n  {there}"),
                false => format!(
                    "a cluster takes no command with keys of several slots: {}, and give the address of all of it:\n  {there}",
                    plan_by_slot(dir)
                ),
            })
        }
    })
}

/// A cluster takes no command with keys of several slots.
pub fn refuse_several_slots(commands: &Commands<'_>, dir: &Path) -> Result<(), Failure> {
    let all = [commands.apply(), commands.rollback()];
    for item in all.into_iter().collect::<Result<Vec<_>, _>>().map_err(Failure::error)?.into_iter().flatten() {
        let mut slots = item.keys().iter().map(|key| slot_of(key));
        let first = slots.next();
        if slots.any(|slot| Some(slot) != first) {
            let message = format!("command {} of the plan has keys of several slots; nothing was sent", item.number);
            return Err(Failure::new(Exit::Refused, message)
                .with_hint(format!("{}: a cluster takes no such command", plan_by_slot(dir))));
        }
        if item.db != 0 {
            let message = format!("the plan is for database {}, and a cluster has database 0 only", item.db);
            return Err(Failure::new(Exit::Refused, format!("{message}; nothing was sent")));
        }
    }
    Ok(())
}

fn plan_by_slot(dir: &Path) -> String {
    format!("plan again with --by-slot (rdb-reindex plan DUMP --by-slot --out {})", typed::folder(dir))
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

//! What a command becomes on its way to the nodes: itself, or a piece for each slot, or one for each primary.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{self, About};
use super::map;
use super::question::{Merge, Piece, Question};
use super::{ClusterLink, command, not_served};
use crate::dump::slots::slot_of;
use crate::replay::link::Reply;

impl ClusterLink {
    /// A command, ready to be sent.
    pub(super) fn question(&self, args: &[&[u8]], bytes: &[u8]) -> Question {
        let name = args.first().copied().unwrap_or_default();
        let piece = |slot, keys| Piece { bytes: bytes.to_vec(), slot, keys, ..Piece::default() };
        let (pieces, merge) = match keys::about(args) {
            About::NoKey => return self.unkeyed(args, bytes),
            About::Keys(keys) => {
                let slots: BTreeSet<u16> = keys.iter().map(|key| slot_of(key)).collect();
                if slots.len() > 1 {
                    return Question::answered(Reply::Error(
                        "CROSSSLOT Keys in request don't hash to the same slot".into(),
                    ));
                }
                (vec![piece(slots.first().copied(), Vec::new())], Merge::First)
            }
            About::Each(keys) => {
                let mut by_slot: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
                for key in keys {
                    by_slot.entry(slot_of(key)).or_default().push(key.to_vec());
                }
                let several = by_slot.len() > 1;
                let of_slot = |(slot, keys): (u16, Vec<Vec<u8>>)| match several {
                    true => Piece { bytes: command(name, &keys), ..piece(Some(slot), keys) },
                    false => piece(Some(slot), keys),
                };
                (by_slot.into_iter().map(of_slot).collect(), Merge::Sum)
            }
        };
        Question { name: name.to_vec(), pieces, merge }
    }

    /// What is asked of the cluster as a whole, or of any of its nodes.
    fn unkeyed(&self, args: &[&[u8]], bytes: &[u8]) -> Question {
        let of_all = |bytes: &dyn Fn(u64) -> Vec<u8>| {
            let to = |node: &map::Node| Piece {
                bytes: bytes(node.replicas),
                node: Some(node.address.clone()),
                ..Piece::default()
            };
            self.map.primaries.iter().map(to).collect::<Vec<_>>()
        };
        let (pieces, merge) = match args {
            // Every node has its own, and a connection that broke is ended when the next one is opened.
            [b"CLIENT", ..] => return Question::answered(Reply::Error("ERR unknown command of a cluster".into())),
            [b"SELECT", b"0"] => return Question::answered(Reply::Status("OK".into())),
            [b"INFO", b"server"] => {
                let run = format!("run_id:{}\r\n", self.nodes.run());
                return Question::answered(Reply::Bulk(run.into_bytes()));
            }
            [b"ROLE"] => {
                let replicas =
                    self.map.primaries.iter().flat_map(|node| (0..node.replicas.min(64)).map(|_| Reply::Nil));
                let role = vec![Reply::Bulk(b"master".to_vec()), Reply::Integer(0), Reply::Array(replicas.collect())];
                return Question::answered(Reply::Array(role));
            }
            [b"INFO", b"keyspace"] => (of_all(&|_| bytes.to_vec()), Merge::Keyspace),
            [b"PING"] => (of_all(&|_| bytes.to_vec()), Merge::First),
            [b"WAIT", _, time] => {
                let wait = |replicas: u64| command(b"WAIT", &[replicas.to_string().into_bytes(), time.to_vec()]);
                (of_all(&wait), Merge::Sum)
            }
            _ => (of_all(&|_| bytes.to_vec()).into_iter().take(1).collect(), Merge::First),
        };
        if pieces.is_empty() {
            return Question::answered(not_served());
        }
        Question { name: b"PING".to_vec(), pieces, merge }
    }
}

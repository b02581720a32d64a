//! Whether commands are as few and as small as the caps allow.

use std::collections::BTreeMap;

use super::command::Command;
use super::slot::slot;
use super::state::Name;
use crate::bundle::manifest::Caps;
use crate::bundle::resp::{argument_len, header_len};

/// What goes into commands of one kind on one key (or, for deletions, in one database), in the order of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Series {
    /// Commands that there are.
    found: u64,
    /// Commands that it takes: the last of them is being filled.
    least: u64,
    args: usize,
    bytes: usize,
}

/// The commands of `apply.resp` against the fewest that would do.
#[derive(Debug)]
pub struct Packing {
    caps: Caps,
    by_slot: bool,
    /// By kind, and by key; deletions have none, or in a plan by slot the number of the slot.
    series: BTreeMap<(&'static str, Name), Series>,
}

impl Packing {
    pub fn new(caps: Caps, by_slot: bool) -> Self {
        Self { caps, by_slot, series: BTreeMap::new() }
    }

    /// Takes a command into account.
    pub fn add(&mut self, db: u64, command: &Command<'_, '_>, args: &[&[u8]]) {
        let (kind, key, units, per) = match *command {
            Command::Unlink(keys) => ("UNLINK", None, keys, 1),
            Command::SAdd { key, members } => ("SADD", Some(key), members, 1),
            Command::SRem { key, members } => ("SREM", Some(key), members, 1),
            Command::ZRem { key, members } => ("ZREM", Some(key), members, 1),
            Command::HDel { key, fields } => ("HDEL", Some(key), fields, 1),
            Command::HSet { key, fields } => ("HSET", Some(key), fields, 2),
            Command::ZAdd { key, members, .. } => ("ZADD", Some(key), members, 2),
            _ => return,
        };
        let head: Vec<&[u8]> = args.iter().take(args.len().saturating_sub(units.len())).copied().collect();
        let head_bytes = length(&head);
        let of_slot = || match units.first().filter(|_| self.by_slot) {
            Some(key) => format!("slot {}", slot(key)).into_bytes(),
            None => Vec::new(),
        };
        let series = self.series.entry((kind, (db, key.map_or_else(of_slot, <[u8]>::to_vec)))).or_default();
        series.found = series.found.saturating_add(1);
        for unit in units.chunks(per) {
            let (args, bytes) = (series.args.saturating_add(unit.len()), series.bytes.saturating_add(length(unit)));
            if series.least > 0 && fits(self.caps, args, bytes) {
                (series.args, series.bytes) = (args, bytes);
            } else {
                series.least = series.least.saturating_add(1);
                series.args = head.len().saturating_add(unit.len());
                series.bytes = head_bytes.saturating_add(length(unit));
            }
        }
    }

    /// Kind, database and key, commands there are and commands it takes, where those differ.
    pub fn excess(&self) -> impl Iterator<Item = (&'static str, &Name, u64, u64)> {
        let excess = self.series.iter().filter(|(_, series)| series.found > series.least);
        excess.map(|((kind, name), series)| (*kind, name, series.found, series.least))
    }
}

/// Whether a command keeps to the caps; one with a single argument (or pair) beyond its key has to go out anyway.
pub fn is_within(caps: Caps, command: &Command<'_, '_>, args: &[&[u8]], bytes: usize) -> bool {
    let least = match command {
        Command::Unlink(_) => 2,
        Command::ZAdd { .. } | Command::HSet { .. } => 4,
        Command::SAdd { .. }
        | Command::SRem { .. }
        | Command::ZRem { .. }
        | Command::HDel { .. }
        | Command::RPush { .. } => 3,
        // They cannot be divided.
        _ => return true,
    };
    args.len() <= least || (within(args.len(), caps.max_args) && within(bytes, caps.max_command_bytes))
}

fn fits(caps: Caps, args: usize, bytes: usize) -> bool {
    within(args, caps.max_args) && within(bytes.saturating_add(header_len(args)), caps.max_command_bytes)
}

fn within(n: usize, cap: u64) -> bool {
    u64::try_from(n).is_ok_and(|n| n <= cap)
}

fn length(args: &[&[u8]]) -> usize {
    args.iter().fold(0, |sum: usize, arg| sum.saturating_add(argument_len(arg.len())))
}

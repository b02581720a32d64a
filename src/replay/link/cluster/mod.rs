//! A cluster as one link: each command goes to the node that has its slot, answers come back in the order of the commands.
//!
//! Slots may move meanwhile. `MOVED` and `ASK` are followed, to nodes that the cluster itself has named and to no others; a
//! command of several keys that is refused because some are on their way goes as commands of single keys. Each of these
//! answers says that a command was not carried out, so it may go again; what became of a command whose answer was lost,
//! whoever uses this link asks ([`Link::receive`]). When another node takes over, or one is lost, the whole link is at its
//! end, so that what was acknowledged is looked at before anything else is sent.

mod keys;
mod map;
mod nodes;
mod pieces;
mod question;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use self::keys::About;
use self::map::SlotMap;
pub use self::map::{Address, reachable};
pub use self::nodes::{Memory, Whereabouts};
use self::nodes::{Nodes, shown};
use self::question::{Merged, Piece, Question};
use super::server_error::ServerError;
use super::{Link, LinkError, Reply};
use crate::bundle::resp::{CommandReader, encode};
use crate::dump::slots::slot_of;
use crate::replay::look::query::ask;

/// How often commands are sent again before whoever sent them is told to wait.
const MOST_ROUNDS: u32 = 12;
/// The longest pause between two of these rounds.
const LONGEST: Duration = Duration::from_millis(250);
/// How long replicas get to take over what a primary was sent, in milliseconds.
const REPLICAS: &str = "500";
/// How long one that does not is taken for one that may be taking over, before it is taken for one that is down.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open link to a cluster.
pub struct ClusterLink {
    nodes: Nodes,
    map: SlotMap,
    questions: VecDeque<Question>,
    ready: VecDeque<Reply>,
    /// The slots must be asked for before anything is sent.
    stale: bool,
    /// Nodes that were sent something that they pass on to their replicas.
    written: BTreeSet<Address>,
    failed: Option<LinkError>,
}

/// A piece of a question by its places, and whether `ASKING` went before it.
type Sent = (usize, usize, bool);

impl ClusterLink {
    /// Asks for the slots, and connects to all primaries.
    pub fn open(place: Whereabouts) -> Result<Self, LinkError> {
        let mut nodes = Nodes::new(place);
        let map = nodes.slots()?;
        nodes.connect(&map)?;
        Ok(Self {
            nodes,
            map,
            questions: VecDeque::new(),
            ready: VecDeque::new(),
            stale: false,
            written: BTreeSet::new(),
            failed: None,
        })
    }

    /// Sends what is not sent yet, and gives what is to be answered, node by node.
    fn dispatch(&mut self) -> Result<Vec<(Address, Vec<Sent>)>, LinkError> {
        let mut out: BTreeMap<Address, (Vec<u8>, Vec<Sent>)> = BTreeMap::new();
        for (at, question) in self.questions.iter_mut().enumerate() {
            let writes = keys::may_write(&question.name);
            for (part, piece) in question.pieces.iter_mut().enumerate().filter(|(_, piece)| !piece.sent) {
                let asking = piece.asking.take();
                let owner = || piece.slot.and_then(|slot| self.map.owner(slot).cloned());
                let Some(address) = asking.clone().or_else(|| piece.node.clone()).or_else(owner) else {
                    self.stale = true;
                    (piece.sent, piece.reply) = (true, Some(not_served()));
                    continue;
                };
                if writes && piece.slot.is_some() {
                    self.written.insert(address.clone());
                }
                let (bytes, sent) = out.entry(address).or_default();
                if asking.is_some() {
                    bytes.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
                }
                bytes.extend_from_slice(&piece.bytes);
                sent.push((at, part, asking.is_some()));
                piece.sent = true;
            }
        }
        let mut waiting = Vec::with_capacity(out.len());
        for (address, (bytes, sent)) in out {
            let link = self.nodes.link(&address)?;
            // What a node has answered before it was lost may still be read.
            match link.send(&bytes) {
                Ok(()) => waiting.push((address, sent)),
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        Ok(waiting)
    }

    /// Reads what was answered. Gives where commands must go instead, and whether anything must go again.
    fn collect(&mut self, waiting: Vec<(Address, Vec<Sent>)>) -> (Vec<(u16, Address)>, bool) {
        let (mut moved, mut again) = (Vec::new(), false);
        let mut asked: Vec<(usize, usize, Address)> = Vec::new();
        for (address, sent) in waiting {
            for (at, part, asking) in sent {
                let reply = match self.answer(&address, asking) {
                    Ok(reply) => reply,
                    Err(error) => {
                        self.failed.get_or_insert(error);
                        break;
                    }
                };
                let Some(question) = self.questions.get_mut(at) else { continue };
                let Some(piece) = question.pieces.get_mut(part) else { continue };
                let Reply::Error(error) = &reply else {
                    piece.reply = Some(reply);
                    continue;
                };
                let place = |error: &ServerError| map::redirection(error.text(), &address, self.nodes.maps());
                match error.text().split(' ').next() {
                    Some("MOVED") if piece.slot.is_some() => {
                        moved.extend(place(error));
                        (piece.sent, again, self.stale) = (false, true, true);
                    }
                    Some("ASK") if piece.slot.is_some() => {
                        asked.extend(place(error).map(|(_, node)| (at, part, node)));
                        (piece.sent, again) = (false, true);
                    }
                    Some("TRYAGAIN") => {
                        (piece.sent, again) = (false, true);
                        if piece.keys.len() > 1 {
                            let (name, whole) = (question.name.clone(), piece.clone());
                            let single = |key: Vec<u8>| {
                                let keys = vec![key];
                                Piece { bytes: command(&name, &keys), keys, reply: None, sent: false, ..whole.clone() }
                            };
                            let mut singles = whole.keys.clone().into_iter().map(single);
                            if let Some(first) = singles.next() {
                                *piece = first;
                            }
                            let rest: Vec<Piece> = singles.collect();
                            question.pieces.extend(rest);
                        }
                    }
                    Some("CLUSTERDOWN") => {
                        self.stale = true;
                        piece.reply = Some(reply);
                    }
                    _ => piece.reply = Some(reply),
                }
            }
        }
        for (at, part, node) in asked {
            // A node that takes slots over may have none yet: then it is in no map, but the cluster names it if asked.
            if (self.map.all.contains(&node) || self.nodes.has(&node))
                && let Some(piece) = self.questions.get_mut(at).and_then(|question| question.pieces.get_mut(part))
            {
                piece.asking = Some(node);
            }
        }
        (moved, again)
    }

    fn answer(&mut self, address: &Address, asking: bool) -> Result<Reply, LinkError> {
        let link = self.nodes.link(address)?;
        if asking {
            link.receive()?;
        }
        link.receive()
    }

    /// Asks for the slots again. `moved` is what nodes said meanwhile.
    fn refresh(&mut self, moved: &[(u16, Address)]) -> Result<(), LinkError> {
        self.map = self.nodes.slots()?;
        for (slot, address) in moved {
            self.map.moved(*slot, address);
        }
        self.stale = false;
        match self.map.primaries.iter().find(|node| !self.nodes.was_primary(&node.address)) {
            Some(node) => Err(LinkError::TookOver { target: shown(&node.address) }),
            None => Ok(()),
        }
    }

    /// Waits until the replicas of a primary have what it was sent. One that does not follow may be taking over.
    fn settle_node(&mut self, address: &Address) -> Result<(), LinkError> {
        let given_up = Instant::now().checked_add(PATIENCE);
        loop {
            let node = self.map.primaries.iter().find(|node| node.address == *address);
            let replicas = node.map_or(0, |node| node.replicas);
            if replicas == 0 {
                return Ok(());
            }
            let have = match ask(self.nodes.link(address)?, &["WAIT", &replicas.to_string(), REPLICAS])? {
                Reply::Integer(have) => u64::try_from(have).unwrap_or_default(),
                _ => return Ok(()),
            };
            if have >= replicas {
                return Ok(());
            }
            self.refresh(&[])?;
            if given_up.is_none_or(|end| Instant::now() >= end)
                && let Some(node) = self.map.primaries.iter_mut().find(|node| node.address == *address)
            {
                // It is down, and is not waited for again until the slots are asked for anew.
                node.replicas = have;
                return Ok(());
            }
        }
    }

    /// Waits for all answers to what was sent, and has it sent elsewhere where that is needed.
    fn resolve(&mut self) {
        let mut waiting = match self.dispatch() {
            Ok(waiting) => waiting,
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        };
        for round in 0..MOST_ROUNDS {
            let (moved, again) = self.collect(waiting);
            if !again || self.failed.is_some() {
                return;
            }
            let refreshed = if self.stale { self.refresh(&moved) } else { Ok(()) };
            if round > 0 {
                std::thread::sleep(LONGEST.min(Duration::from_millis(1_u64 << round.min(8))));
            }
            waiting = match refreshed.and_then(|()| self.dispatch()) {
                Ok(waiting) => waiting,
                Err(error) => {
                    self.failed.get_or_insert(error);
                    return;
                }
            };
        }
        self.collect(waiting);
        for piece in self.questions.iter_mut().flat_map(|question| &mut question.pieces) {
            if piece.reply.is_none() && !piece.sent {
                piece.reply = Some(Reply::Error("TRYAGAIN the slot of this key is being moved".into()));
            }
        }
    }

    /// Hands out the answers, up to the first that is missing.
    fn hand_out(&mut self) {
        while let Some(question) = self.questions.front() {
            match question.merged() {
                Merged::Reply(reply) => self.ready.push_back(reply),
                Merged::Open => {
                    self.failed.get_or_insert(LinkError::Unusable { target: "the cluster".into() });
                    break;
                }
                Merged::Partly(reply) => {
                    let cause = reply.to_string();
                    self.failed.get_or_insert(LinkError::Io { target: "the cluster".into(), cause });
                    break;
                }
            }
            self.questions.pop_front();
        }
        self.questions.clear();
    }
}

/// A command of these keys, or other arguments.
fn command(name: &[u8], keys: &[Vec<u8>]) -> Vec<u8> {
    let args: Vec<&[u8]> = std::iter::once(name).chain(keys.iter().map(Vec::as_slice)).collect();
    let mut bytes = Vec::new();
    encode(&args, &mut bytes);
    bytes
}

fn not_served() -> Reply {
    Reply::Error("CLUSTERDOWN no node has the slot of this key".into())
}

impl Link for ClusterLink {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.stale
            && self.questions.is_empty()
            && let Err(error) = self.refresh(&[])
        {
            self.failed = Some(error.clone());
            return Err(error);
        }
        let mut reader = CommandReader::new(commands);
        while let Ok(Some(command)) = reader.next_command() {
            let question = self.question(command.args, command.bytes);
            self.questions.push_back(question);
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        if let Some(reply) = self.ready.pop_front() {
            return Ok(reply);
        }
        if self.failed.is_none() {
            self.resolve();
            self.hand_out();
        }
        match (self.ready.pop_front(), &self.failed) {
            (Some(reply), _) => Ok(reply),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(LinkError::Unusable { target: "the cluster".into() }),
        }
    }

    fn settle(&mut self) -> Result<(), LinkError> {
        for address in std::mem::take(&mut self.written) {
            if let Err(error) = self.settle_node(&address) {
                self.failed.get_or_insert(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    fn ask_each(&mut self, args: &[&str]) -> Result<Vec<Reply>, LinkError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let primaries: Vec<Address> = self.map.primaries.iter().map(|node| node.address.clone()).collect();
        let mut replies = Vec::with_capacity(primaries.len());
        for address in primaries {
            let asked = self.nodes.link(&address).and_then(|link| ask(link, args));
            replies.push(asked.inspect_err(|error| {
                self.failed.get_or_insert(error.clone());
            })?);
        }
        Ok(replies)
    }

    fn may_fail_over(&self) -> bool {
        true
    }

    fn nodes(&self, commands: &[u8]) -> Vec<String> {
        let mut reader = CommandReader::new(commands);
        let mut nodes = BTreeSet::new();
        while let Ok(Some(command)) = reader.next_command() {
            let (About::Keys(keys) | About::Each(keys)) = keys::about(command.args) else { continue };
            nodes.extend(keys.iter().filter_map(|key| self.map.owner(slot_of(key))));
        }
        nodes.into_iter().map(shown).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may stop")]
mod tests;

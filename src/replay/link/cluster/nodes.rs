//! The connections to the nodes of a cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::map::{self, Address, SlotMap};
use crate::replay::link::server_error::Class;
use crate::replay::link::session::{identity, run_of};
use crate::replay::link::target::{NodeMap, Place};
use crate::replay::link::{Link, LinkError, Reply};
use crate::replay::look::query::ask;

/// Opens a connection to one node: authenticated, and known to answer.
pub type Dial = dyn Fn(&Address) -> Result<Box<dyn Link + Send>, LinkError> + Send;

/// What outlives the connections: those that were opened and that a node may still have, by their `CLIENT KILL` filters;
/// and the nodes that the cluster named.
#[derive(Debug, Default)]
pub struct Memory {
    open: Vec<(Address, [String; 2])>,
    named: Vec<Address>,
}

/// Where a cluster is, and how its nodes are reached.
pub struct Whereabouts {
    pub seeds: Vec<Address>,
    pub maps: Vec<NodeMap>,
    pub dial: Box<Dial>,
    pub memory: Arc<Mutex<Memory>>,
}

/// Connections to nodes, one each.
pub struct Nodes {
    place: Whereabouts,
    links: BTreeMap<Address, Box<dyn Link + Send>>,
    /// What each primary calls the time since it was started, when this was opened.
    runs: BTreeMap<Address, Option<String>>,
}

impl Nodes {
    /// Without any connection yet.
    pub fn new(place: Whereabouts) -> Self {
        Self { place, links: BTreeMap::new(), runs: BTreeMap::new() }
    }

    fn remember<T>(&self, what: impl FnOnce(&mut Memory) -> T) -> T {
        what(&mut self.place.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The other address of a node that was announced so.
    pub fn maps(&self) -> &[NodeMap] {
        &self.place.maps
    }

    /// The connection to a node; made if there is none.
    pub fn link(&mut self, address: &Address) -> Result<&mut (dyn Link + Send), LinkError> {
        if !self.links.contains_key(address) {
            let mut link = (self.place.dial)(address)?;
            if let Some(identity) = identity(&mut *link)? {
                self.remember(|memory| memory.open.push((address.clone(), identity)));
            }
            self.links.insert(address.clone(), link);
        }
        match self.links.get_mut(address) {
            Some(link) => Ok(&mut **link),
            None => Err(LinkError::Unusable { target: shown(address) }),
        }
    }

    /// Asks any node for the slots: those that are connected, those that were given, those that the cluster named before.
    pub fn slots(&mut self) -> Result<SlotMap, LinkError> {
        let mut candidates: Vec<Address> = self.links.keys().cloned().collect();
        candidates.extend(self.place.seeds.iter().cloned());
        candidates.extend(self.remember(|memory| memory.named.clone()));
        let mut first = None;
        let mut seen: Vec<Address> = Vec::new();
        for address in candidates {
            if seen.contains(&address) {
                continue;
            }
            match self.ask_for_slots(&address) {
                Ok(map) => {
                    self.remember(|memory| memory.named.clone_from(&map.all));
                    return Ok(map);
                }
                // Another node would ask for it, too.
                Err(error @ (LinkError::PasswordNeeded { .. } | LinkError::Refused { .. })) => return Err(error),
                Err(error) => {
                    self.links.remove(&address);
                    first.get_or_insert(error);
                }
            }
            seen.push(address);
        }
        Err(first.unwrap_or(LinkError::Unusable { target: "the cluster".into() }))
    }

    fn ask_for_slots(&mut self, address: &Address) -> Result<SlotMap, LinkError> {
        let reply = match self.links.get_mut(address) {
            Some(link) => ask(&mut **link, &["CLUSTER", "SLOTS"])?,
            // On a connection of its own: what is given need not be the address that the cluster announces.
            None => ask(&mut *(self.place.dial)(address)?, &["CLUSTER", "SLOTS"])?,
        };
        match SlotMap::read(&reply, address, &self.place.maps) {
            Some(map) => Ok(map),
            None => Err(LinkError::NoCluster { target: shown(address), cause: reply.to_string() }),
        }
    }

    /// Whether the cluster has a node of that address, though it has no slots yet.
    pub fn has(&mut self, address: &Address) -> bool {
        let asked: Vec<Address> = self.links.keys().cloned().collect();
        for node in asked {
            let Some(link) = self.links.get_mut(&node) else { continue };
            if let Ok(reply) = ask(&mut **link, &["CLUSTER", "NODES"]) {
                return map::listed(&reply, &node, &self.place.maps).contains(address);
            }
        }
        false
    }

    /// Connects to all primaries, ends what an earlier connection to any node may still have on its way, and notes which
    /// servers they are.
    pub fn connect(&mut self, map: &SlotMap) -> Result<(), LinkError> {
        let old = self.remember(|memory| memory.open.clone());
        for node in &map.primaries {
            let run = run_of(self.link(&node.address)?)?;
            self.runs.insert(node.address.clone(), run);
        }
        for (address, [id, at]) in old {
            let is_primary = self.runs.contains_key(&address);
            let killed = match self.link(&address) {
                Ok(link) => ask(link, &["CLIENT", "KILL", "ID", &id, "ADDR", &at]),
                Err(error) => Err(error),
            };
            match killed {
                Ok(Reply::Error(error)) if error.class() == Class::Wait => {
                    return Err(LinkError::NotEnded { cause: error.to_string() });
                }
                Err(error) if is_primary => return Err(error),
                // Ended; or nobody will ever end it; or the node is gone, and with it what it was sent.
                _ => self.remember(|memory| memory.open.retain(|(node, [other, _])| *node != address || *other != id)),
            }
        }
        Ok(())
    }

    /// Whether it was a primary when this was opened.
    pub fn was_primary(&self, address: &Address) -> bool {
        self.runs.contains_key(address)
    }

    /// What all primaries call the time since they were started.
    pub fn run(&self) -> String {
        let mut runs: Vec<&str> = self.runs.values().flatten().map(String::as_str).collect();
        runs.sort_unstable();
        runs.concat()
    }
}

/// For a message.
pub fn shown((host, port): &Address) -> String {
    Place(host, *port).to_string()
}

//! Opening the link to whatever a target is.

use std::sync::{Arc, Mutex};

use super::cluster::{ClusterLink, Memory, Whereabouts};
use super::connection::Connection;
use super::rest::RestLink;
use super::target::{Kind, Target};
use super::{Link, LinkError, sentinel};

/// What is known of a target beyond one link to it.
pub type Remembered = Arc<Mutex<Memory>>;

/// Opens a link: authenticated, database selected, known to answer.
pub fn open(target: &Target, remembered: &Remembered) -> Result<Box<dyn Link + Send>, LinkError> {
    if target.rest.is_some() {
        return Ok(Box::new(RestLink::open(target)?));
    }
    Ok(match &target.kind {
        Kind::Single | Kind::Unix(_) => Box::new(Connection::open(target)?),
        Kind::Sentinel(name) => sentinel::open(target, name)?,
        Kind::Cluster => {
            let seeds = std::iter::once((target.host.clone(), target.port)).chain(target.more.iter().cloned());
            let node = Target { kind: Kind::Single, more: Vec::new(), ..target.clone() };
            let dial = move |(host, port): &(String, u16)| -> Result<Box<dyn Link + Send>, LinkError> {
                let node = Target { host: host.clone(), port: *port, ..node.clone() };
                Ok(Box::new(Connection::open(&node)?))
            };
            Box::new(ClusterLink::open(Whereabouts {
                seeds: seeds.collect(),
                maps: target.node_map.clone(),
                dial: Box::new(dial),
                memory: Arc::clone(remembered),
            })?)
        }
    })
}

//! Which node of a cluster has which slots, as `CLUSTER SLOTS` says it. What a server says is not believed further than
//! it makes sense.

use crate::dump::slots::SLOTS;
use crate::replay::link::Reply;
use crate::replay::link::target::NodeMap;

/// A host and a port.
pub type Address = (String, u16);

/// No cluster has more nodes.
const MOST_NODES: usize = 1_000;
const LONGEST_HOST: usize = 255;

/// A primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub address: Address,
    /// How many replicas it has.
    pub replicas: u64,
}

/// The slots of a cluster.
#[derive(Clone, Debug)]
pub struct SlotMap {
    pub primaries: Vec<Node>,
    /// All nodes that it names, replicas too.
    pub all: Vec<Address>,
    /// By slot, the place of its primary.
    owners: Vec<Option<usize>>,
}

impl SlotMap {
    /// Reads what the node at `asked` answered; `None` where that makes no sense. Addresses are those that are reachable.
    pub fn read(reply: &Reply, asked: &Address, maps: &[NodeMap]) -> Option<Self> {
        let Reply::Array(ranges) = reply else { return None };
        let mut map = Self { primaries: Vec::new(), all: Vec::new(), owners: vec![None; SLOTS] };
        for range in ranges {
            let Reply::Array(parts) = range else { return None };
            let [Reply::Integer(first), Reply::Integer(last), primary, replicas @ ..] = &parts[..] else { return None };
            let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
            if last < first {
                return None;
            }
            let address = reachable(node(primary, asked)?, maps);
            let place = match map.primaries.iter().position(|known| known.address == address) {
                Some(place) => place,
                None => {
                    map.know(address.clone());
                    let replicas = u64::try_from(replicas.len()).unwrap_or(u64::MAX);
                    map.primaries.push(Node { address, replicas });
                    map.primaries.len().checked_sub(1)?
                }
            };
            for replica in replicas.iter().filter_map(|replica| node(replica, asked)) {
                map.know(reachable(replica, maps));
            }
            if map.all.len() > MOST_NODES {
                return None;
            }
            map.owners.get_mut(first..last.checked_add(1)?)?.fill(Some(place));
        }
        Some(map)
    }

    fn know(&mut self, address: Address) {
        if !self.all.contains(&address) {
            self.all.push(address);
        }
    }

    /// The primary that has a slot.
    pub fn owner(&self, slot: u16) -> Option<&Address> {
        let place = self.owners.get(usize::from(slot)).copied().flatten()?;
        self.primaries.get(place).map(|node| &node.address)
    }

    /// Notes that a slot is another node's, which must be one of those that the cluster named.
    pub fn moved(&mut self, slot: u16, address: &Address) {
        if !self.all.contains(address) {
            return;
        }
        let place = self.primaries.iter().position(|known| known.address == *address);
        let place = place.unwrap_or_else(|| {
            self.primaries.push(Node { address: address.clone(), replicas: 0 });
            self.primaries.len().saturating_sub(1)
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = Some(place);
        }
    }
}

/// A node of `CLUSTER SLOTS`: its host, its port, and more that does not matter here. Without a host it is where the answer
/// came from.
fn node(reply: &Reply, asked: &Address) -> Option<Address> {
    let Reply::Array(parts) = reply else { return None };
    let [host, Reply::Integer(port), ..] = &parts[..] else { return None };
    let host = match host {
        Reply::Nil => "",
        host => std::str::from_utf8(host.as_bytes()?).ok()?,
    };
    address(host, u16::try_from(*port).ok()?, asked)
}

/// An address that a server gave, if it is one.
fn address(host: &str, port: u16, asked: &Address) -> Option<Address> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if port == 0 || host.len() > LONGEST_HOST || !host.bytes().all(good) {
        return None;
    }
    Some((if host.is_empty() { asked.0.clone() } else { host.to_owned() }, port))
}

/// The address by which one is reached that was announced.
pub fn reachable(announced: Address, maps: &[NodeMap]) -> Address {
    let map = maps.iter().find(|map| map.announced == announced);
    map.map_or(announced, |map| map.reachable.clone())
}

/// The slot and the address in the text of `MOVED` or `ASK`, which the node at `asked` answered.
pub fn redirection(text: &str, asked: &Address, maps: &[NodeMap]) -> Option<(u16, Address)> {
    let mut words = text.split(' ').skip(1);
    let (slot, place) = (words.next()?.parse().ok()?, words.next()?);
    let (host, port) = place.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((slot, reachable(address(host, port.parse().ok()?, asked)?, maps)))
}

/// The addresses in what `CLUSTER NODES` answers: those of nodes that have no slots, too.
pub fn listed(reply: &Reply, asked: &Address, maps: &[NodeMap]) -> Vec<Address> {
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let mut all = Vec::new();
    for line in text.lines().take(MOST_NODES) {
        let Some(place) = line.split(' ').nth(1) else { continue };
        let (place, names) = place.split_once(',').unwrap_or((place, ""));
        let Some((host, port)) = place.split('@').next().and_then(|place| place.rsplit_once(':')) else { continue };
        let Ok(port) = port.parse() else { continue };
        let name = names.split(',').next().filter(|name| !name.is_empty() && !name.contains('='));
        for host in std::iter::once(host).chain(name) {
            all.extend(address(host, port, asked).map(|address| reachable(address, maps)));
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    fn at(host: &str, port: i64) -> Reply {
        Reply::Array(vec![bulk(host), Reply::Integer(port), bulk("id"), Reply::Array(Vec::new())])
    }

    fn range(first: i64, last: i64, nodes: &[Reply]) -> Reply {
        Reply::Array([&[Reply::Integer(first), Reply::Integer(last)][..], nodes].concat())
    }

    fn asked() -> Address {
        ("seed".to_owned(), 1)
    }

    #[test]
    fn slots_have_owners() {
        let maps = ["b:7001=127.0.0.1:9".parse().unwrap()];
        let unknown = Reply::Array(vec![Reply::Nil, Reply::Integer(7002), bulk("id")]);
        let reply = Reply::Array(vec![
            range(0, 99, &[at("a", 7000), at("c", 7003)]),
            range(100, 100, &[at("b", 7001)]),
            range(200, 16_383, &[unknown]),
            range(150, 160, &[at("a", 7000)]),
        ]);
        let mut map = SlotMap::read(&reply, &asked(), &maps).unwrap();
        let owner = |map: &SlotMap, slot| map.owner(slot).map(|(host, port)| format!("{host}:{port}"));
        let expected = [(0, "a:7000"), (99, "a:7000"), (100, "127.0.0.1:9"), (16_383, "seed:7002"), (155, "a:7000")];
        for (slot, address) in expected {
            assert_eq!(owner(&map, slot).as_deref(), Some(address), "{slot}");
        }
        assert_eq!((owner(&map, 101), owner(&map, u16::MAX)), (None, None));
        assert_eq!(map.primaries.iter().map(|node| node.replicas).collect::<Vec<_>>(), [1, 0, 0]);
        // To a node that the cluster named, and to no other.
        map.moved(5, &("c".into(), 7003));
        map.moved(6, &("evil".into(), 6379));
        assert_eq!((owner(&map, 5).as_deref(), owner(&map, 6).as_deref()), (Some("c:7003"), Some("a:7000")));
    }

    #[test]
    fn what_makes_no_sense_is_no_map() {
        let good = at("a", 7000);
        for bad in [
            Reply::Nil,
            Reply::Array(vec![Reply::Nil]),
            Reply::Array(vec![range(0, 16_384, std::slice::from_ref(&good))]),
            Reply::Array(vec![range(-1, 5, std::slice::from_ref(&good))]),
            Reply::Array(vec![range(7, 5, std::slice::from_ref(&good))]),
            Reply::Array(vec![range(0, i64::MAX, std::slice::from_ref(&good))]),
            Reply::Array(vec![range(0, 5, &[])]),
            Reply::Array(vec![range(0, 5, &[at("a", 0)])]),
            Reply::Array(vec![range(0, 5, &[at("a", 70_000)])]),
            Reply::Array(vec![range(0, 5, &[at("a b", 7)])]),
            Reply::Array(vec![range(0, 5, &[at("?", 7)])]),
            Reply::Array(vec![range(0, 5, &[at(&"a".repeat(300), 7)])]),
        ] {
            assert!(SlotMap::read(&bad, &asked(), &[]).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_redirection_names_a_slot_and_a_node() {
        let read = |text| redirection(text, &asked(), &[]);
        assert_eq!(read("MOVED 3999 127.0.0.1:6381"), Some((3999, ("127.0.0.1".into(), 6381))));
        assert_eq!(read("ASK 3999 ::1:6381"), Some((3999, ("::1".into(), 6381))));
        assert_eq!(read("MOVED 3999 :6381"), Some((3999, ("seed".into(), 6381))));
        for bad in ["MOVED", "MOVED x a:1", "MOVED 1 a", "MOVED 1 a:x", "MOVED 1 a:0", "MOVED 1 a b:1", "ASK 99999 a:1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        let nodes = "id1 10.0.0.1:7000@17000,host.one,shard-id=x myself,master - 0 0 1 connected 0-5\nid2 :0@0 handshake\n\
                     id3 10.0.0.3:7003@17003 master - 0 0 2 connected\n";
        let hosts: Vec<String> = listed(&bulk(nodes), &asked(), &[]).into_iter().map(|(host, _)| host).collect();
        assert_eq!(hosts, ["10.0.0.1", "host.one", "10.0.0.3"]);
    }
}

//! A cluster of three primaries, the first of which has a replica, on loopback.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rdb_reindex::dump::slots::slot_of;
use redis::{FromRedisValue, Value};
use tempfile::TempDir;

use super::{Server, free_port, query, tls};

/// Slots of a cluster.
const SLOTS: u16 = 16_384;
/// How long nodes may take to agree.
const LIMIT: Duration = Duration::from_secs(60);

/// A running cluster; dropping it ends its nodes.
pub struct Cluster {
    /// Three primaries, and a replica of the first.
    pub nodes: Vec<Server>,
    pub ids: Vec<String>,
    /// `ca.pem` and others, if the nodes speak TLS among each other.
    pub certificates: Option<TempDir>,
}

/// The port by which other nodes know one.
fn announced(node: &Server) -> u16 {
    node.tls_port().unwrap_or_else(|| node.port())
}

impl Cluster {
    /// Starts it. `None` if there is no server; `more` are arguments for every node.
    pub fn start(password: Option<&str>, tls: bool, more: &[&str]) -> Option<Self> {
        let certificates = tls.then(|| tempfile::tempdir().expect("a temporary folder"));
        if let Some(certificates) = &certificates {
            tls::make(certificates.path());
        }
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..4 {
            let bus = free_port();
            let bus_text = bus.to_string();
            let args = [
                &["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port", &bus_text][..],
                &["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"],
                &["--cluster-migration-barrier", "99", "--cluster-allow-replica-migration", "no"],
                more,
            ];
            let mut builder = Server::builder().args(&args.concat());
            if let Some(password) = password {
                builder = builder.password(password).args(&["--masterauth", password]);
            }
            if let Some(certificates) = &certificates {
                builder = builder.tls_from(certificates.path());
                builder = builder.args(&["--tls-cluster", "yes", "--tls-replication", "yes"]);
            }
            nodes.push(builder.start()?);
            buses.push(bus);
        }
        let ids: Vec<String> = nodes.iter().map(|node| node.query(&["CLUSTER", "MYID"])).collect();
        for (at, node) in nodes.iter().enumerate() {
            node.query::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            nodes[0].query::<()>(&["CLUSTER", "MEET", "127.0.0.1", &announced(node).to_string(), &bus.to_string()]);
        }
        for (node, (first, last)) in nodes.iter().zip([(0, 5460), (5461, 10_922), (10_923, SLOTS - 1)]) {
            node.query::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        let cluster = Self { nodes, ids, certificates };
        cluster.until(|cluster| {
            let knows = |node: &Server| node.query::<String>(&["CLUSTER", "NODES"]).lines().count() == 4;
            cluster.nodes.iter().all(knows)
        });
        cluster.nodes[3].query::<()>(&["CLUSTER", "REPLICATE", &cluster.ids[0]]);
        cluster.until(|cluster| {
            let is_up = |node: &Server| node.query::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
            let replicates =
                cluster.nodes[3].query::<String>(&["INFO", "replication"]).contains("master_link_status:up");
            let knows = |node: &Server| node.query::<String>(&["CLUSTER", "NODES"]).contains("slave");
            // A replica is told of once it has something.
            let slots = cluster.nodes[1].query::<Value>(&["CLUSTER", "SLOTS"]);
            let is_told = format!("{slots:?}").contains(&format!("int({})", cluster.nodes[3].port()));
            cluster.nodes.iter().all(|node| is_up(node) && knows(node)) && replicates && is_told
        });
        Some(cluster)
    }

    /// Waits for something.
    pub fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !is_so(self) {
            assert!(Instant::now() < end, "the cluster does not come to an agreement");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its address, by its second node; with the password if there is one.
    pub fn url(&self) -> String {
        self.nodes[1].url().replacen("redis://", "redis+cluster://", 1).trim_end_matches('/').to_owned()
    }

    /// The same with TLS.
    pub fn tls_url(&self) -> String {
        self.nodes[1].tls_url().replacen("rediss://", "rediss+cluster://", 1).trim_end_matches('/').to_owned()
    }

    /// The nodes that are primaries now.
    pub fn primaries(&self) -> Vec<&Server> {
        let is_primary = |node: &&Server| {
            node.query::<Vec<Value>>(&["ROLE"]).first() == Some(&Value::BulkString(b"master".to_vec()))
        };
        self.nodes.iter().filter(is_primary).collect()
    }

    /// Of the two nodes of the first shard, the replica and the primary, as soon as all nodes say the same.
    pub fn of_first_shard(&self) -> (usize, usize) {
        let is_replica = |at: usize| {
            let line = |node: &Server| {
                let nodes: String = node.query(&["CLUSTER", "NODES"]);
                nodes.lines().find(|line| line.starts_with(&self.ids[at])).unwrap_or_default().to_owned()
            };
            self.nodes.iter().all(|node| line(node).contains("slave"))
        };
        let end = Instant::now() + LIMIT;
        loop {
            match (is_replica(0), is_replica(3)) {
                (true, false) => return (0, 3),
                (false, true) => return (3, 0),
                _ => assert!(Instant::now() < end, "who is the replica is not agreed on"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every key with what it holds, and when it expires.
    pub fn state(&self) -> BTreeMap<Vec<u8>, (String, i64)> {
        let mut state = BTreeMap::new();
        for node in self.primaries() {
            let keys: Vec<Vec<u8>> = node.query(&["KEYS", "*"]);
            if keys.is_empty() {
                continue;
            }
            let digests = node.digest_values(&keys);
            let mut connection = node.connection();
            for (key, digest) in keys.into_iter().zip(digests) {
                // It may be there ahead of its slot.
                redis::cmd("ASKING").exec(&mut connection).expect("it is a node of a cluster");
                let expiry: redis::RedisResult<i64> = redis::cmd("PEXPIRETIME").arg(&key).query(&mut connection);
                state.insert(key, (digest, expiry.unwrap_or(-3)));
            }
        }
        state
    }

    /// Removes everything.
    pub fn clear(&self) {
        self.primaries().into_iter().for_each(|node| node.query::<()>(&["FLUSHALL"]));
    }

    /// Runs commands of one key each, wherever that is.
    pub fn load(&self, commands: &[Vec<Vec<u8>>]) {
        let owners = self.owners();
        let mut by_node: HashMap<usize, redis::Pipeline> = HashMap::new();
        for command in commands {
            let pipeline = by_node.entry(owners[usize::from(slot_of(&command[1]))]).or_default();
            let added = pipeline.cmd(std::str::from_utf8(&command[0]).expect("a name"));
            command[1..].iter().for_each(|arg| {
                added.arg(arg);
            });
            added.ignore();
        }
        for (node, pipeline) in by_node {
            pipeline.query::<()>(&mut self.nodes[node].connection()).expect("they are run");
        }
    }

    /// One command of one key, wherever that is.
    pub fn query<T: FromRedisValue>(&self, args: &[&str]) -> T {
        let owner = self.owners()[usize::from(slot_of(args[1].as_bytes()))];
        self.nodes[owner].query(args)
    }

    /// By slot, the node that has it.
    pub fn owners(&self) -> Vec<usize> {
        let mut owners = vec![0; usize::from(SLOTS)];
        for (place, node) in self.nodes.iter().enumerate() {
            for line in node.query::<String>(&["CLUSTER", "NODES"]).lines().filter(|line| line.contains("myself")) {
                for range in line.split(' ').skip(8).filter(|range| !range.starts_with('[')) {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    let (first, last): (usize, usize) = (first.parse().expect("a slot"), last.parse().expect("a slot"));
                    owners[first..=last].fill(place);
                }
            }
        }
        owners
    }

    /// Begins to move a slot: keys may be at either node from now on. Not where nodes do not agree yet whose it is.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> bool {
        let set = |at: usize, state: &str, other: usize| {
            let (mut command, mut connection) = (redis::cmd("CLUSTER"), self.nodes[at].connection());
            let set = command.arg("SETSLOT").arg(slot).arg(state).arg(&self.ids[other]).exec(&mut connection);
            set.is_ok()
        };
        set(to, "IMPORTING", from) && set(from, "MIGRATING", to)
    }

    /// Moves up to so many keys of it.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, most: usize) {
        let mut connection = self.nodes[from].connection();
        let keys: Vec<Vec<u8>> =
            query(&mut connection, &["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &most.to_string()]);
        if keys.is_empty() {
            return;
        }
        let mut command = redis::cmd("MIGRATE");
        command.arg("127.0.0.1").arg(self.nodes[to].port()).arg("").arg(0).arg(5000);
        if let Some(password) = self.nodes[to].password() {
            command.arg("AUTH").arg(password);
        }
        // A key may be gone in the meantime.
        let _: redis::RedisResult<Value> = command.arg("KEYS").arg(&keys).query(&mut connection);
    }

    /// Ends it.
    pub fn end_move(&self, slot: u16, from: usize, to: usize) {
        let left = || self.nodes[from].query::<u64>(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
        for _ in 0..100 {
            if left() == 0 {
                break;
            }
            self.move_keys(slot, from, to, 100);
        }
        assert_eq!(left(), 0, "keys of slot {slot} do not move");
        for node in [to, from].into_iter().chain((0..4).filter(|node| ![to, from].contains(node))) {
            let (mut command, mut connection) = (redis::cmd("CLUSTER"), self.nodes[node].connection());
            // A replica takes no such order.
            let _ = command.arg("SETSLOT").arg(slot).arg("NODE").arg(&self.ids[to]).exec(&mut connection);
        }
        // A node that takes a slot calls its claim the newest as far as it knows. If it does not know of the one before, both
        // claims are as new, and a node may take back what it gave away, and drop the keys of what it had taken.
        self.until(|cluster| {
            let epoch = |node: &Server| -> String {
                let info: String = node.query(&["CLUSTER", "INFO"]);
                info.lines().find(|line| line.starts_with("cluster_current_epoch")).unwrap_or_default().to_owned()
            };
            let mut epochs: Vec<String> = cluster.nodes.iter().map(epoch).collect();
            epochs.dedup();
            let owners = |node: &Server| -> Vec<String> {
                let nodes: String = node.query(&["CLUSTER", "NODES"]);
                let primaries = nodes.lines().filter(|line| line.contains("master"));
                let mut fields: Vec<String> = primaries
                    .map(|line| {
                        let fields: Vec<&str> = line.split(' ').filter(|field| !field.starts_with('[')).collect();
                        format!("{} {} {:?}", fields[0], fields[6], fields.get(8..))
                    })
                    .collect();
                fields.sort();
                fields
            };
            epochs.len() == 1 && cluster.nodes.iter().map(owners).collect::<std::collections::HashSet<_>>().len() == 1
        });
    }
}

//! What the keys beside the messages hold: nearly right indexes, wrong ones, other records, neighbours.

use super::super::DumpBuilder;
use super::document::Scratch;
use super::ids::{self, Nano, Permutation, mix};
use super::{Item, Shape};

/// Keys of other parts of the application.
pub const NEIGHBOURS: u64 = 64;

/// 2099-01-01 in milliseconds.
const FAR_FUTURE: i64 = 4_070_908_800_000;

impl Shape {
    /// Members that a project's index lacks; as many stand in it that should not (or fewer, if the next project has too
    /// few messages).
    pub fn missing(&self, project: u64) -> u64 {
        let messages = self.messages_of(project);
        self.every(messages.end - messages.start).map_or(0, |k| (messages.end - messages.start) / k)
    }

    /// Members that should not be in a project's index: messages that are gone, and as many of the next project.
    pub fn stale(&self, project: u64) -> u64 {
        self.gone(project) + self.moved(project)
    }

    fn gone(&self, project: u64) -> u64 {
        self.missing(project).div_ceil(2)
    }

    fn moved(&self, project: u64) -> u64 {
        if self.live_projects() < 2 {
            return 0;
        }
        let next = self.messages_of(self.next_live(project));
        (self.missing(project) / 2).min(next.end - next.start)
    }

    /// Projects with a message: they come first.
    pub fn live_projects(&self) -> u64 {
        self.segments[1].1
    }

    fn next_live(&self, project: u64) -> u64 {
        (project + 1) % self.live_projects()
    }

    /// One message in how many is missing from an index of this size; `None` if none is.
    fn every(&self, size: u64) -> Option<u64> {
        let k = 1000_u64.checked_div(self.options.wrong)?.max(2);
        (size >= k).then_some(k)
    }

    /// The name of a key.
    pub fn key_of(&self, item: Item) -> Vec<u8> {
        let mut key = Vec::with_capacity(96);
        self.put_key(&mut key, item);
        key
    }

    fn put_key(&self, out: &mut Vec<u8>, item: Item) {
        let (prefix, rest): (&str, Vec<u8>) = match item {
            Item::Message(n) => return self.put_message_key(out, n),
            Item::ProjectIndex(n) => ("discord:messages:project:", self.project_key(n)),
            Item::UserIndex(n) => ("discord:messages:user:", self.user_id(n).to_string().into()),
            Item::ChannelIndex(n) => ("discord:messages:channel:", self.channel_id(n).to_string().into()),
            Item::Project(n) => ("", self.project_key(n)),
            Item::User(n) => ("discord:user:", self.user_id(n).to_string().into()),
            Item::Channel(n) => ("channel:discord:", self.channel_id(n).to_string().into()),
            Item::Registry => ("discord:projects:all", Vec::new()),
            Item::UsersOfProject(n) => ("discord:users:project:", self.project_key(n)),
            Item::Timeline(n) => ("discord:messages:timeline:", self.project_key(self.project_of_timeline(n))),
            Item::WrongIndex(n) => ("discord:messages:project:", self.wrong_name(n)),
            Item::Neighbour(0) => ("discord:bot:heartbeat", Vec::new()),
            Item::Neighbour(1) => ("discord:health:status", Vec::new()),
            Item::Neighbour(n) => match n % 4 {
                0 => ("points:user:", n.to_string().into()),
                1 => ("points:board:", n.to_string().into()),
                2 => ("backup:discord:2025-01-05:", n.to_string().into()),
                _ => ("merge:plan:", n.to_string().into()),
            },
            Item::Tiny(n) => ("tiny:", n.to_string().into()),
            Item::Giant => ("giant:set", Vec::new()),
        };
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(&rest);
    }

    /// Names that application bugs made of project ids.
    fn wrong_name(&self, n: u64) -> Vec<u8> {
        let first = self.project_key(0);
        let nano = Nano::new(mix(self.options.seed ^ 13, n));
        let nano = String::from_utf8_lossy(nano.as_bytes()).into_owned();
        match n {
            0 => b"undefined".to_vec(),
            1 => b"null".to_vec(),
            2 => b"[object Object]".to_vec(),
            3 => self.deleted_project_key(),
            4 => [&first[..], b" "].concat(),
            5 => [b"project:discord:", &first[..]].concat(),
            6 => self.nano(0).as_bytes().to_vec(),
            n => match n % 8 {
                0 | 1 => format!("project:discord:project:discord:{nano}").into_bytes(),
                2 => format!("discord:messages:project:project:discord:{nano}").into_bytes(),
                3..=5 => format!("project:discord:{nano}").into_bytes(),
                6 => nano.into_bytes(),
                _ => format!("test-project-{n}").into_bytes(),
            },
        }
    }

    /// Members of a key that is a set of any size (a sorted set for a timeline).
    pub(super) fn members(&self, item: Item) -> u64 {
        match item {
            Item::ProjectIndex(p) => {
                let messages = self.messages_of(p);
                messages.end - messages.start - self.missing(p) + self.stale(p)
            }
            Item::UserIndex(u) => {
                let shares = self.shares(u, self.people);
                (shares.end - shares.start).max(1)
            }
            Item::ChannelIndex(c) => {
                let shares = self.shares(c, self.channels);
                (shares.end - shares.start).max(1)
            }
            Item::UsersOfProject(p) => (self.people - p).div_ceil(self.options.projects),
            Item::Timeline(p) => {
                let messages = self.messages_of(self.project_of_timeline(p));
                messages.end - messages.start
            }
            Item::Giant => self.options.giant_set,
            _ => 0,
        }
    }

    fn shares(&self, owner: u64, owners: u64) -> std::ops::Range<u64> {
        let start = |n| ids::share_start(n, self.options.messages, owners);
        start(owner)..start(owner + 1)
    }

    /// The order in which a hash table of these members would come out: no order.
    pub(super) fn order_in(&self, item: Item) -> Permutation {
        Permutation::new(self.members(item), mix(self.options.seed ^ 14, self.members(item)))
    }

    /// One member; `order` is that of `order_in`.
    pub(super) fn put_member(&self, out: &mut Vec<u8>, item: Item, order: &Permutation, n: u64) {
        match item {
            Item::ProjectIndex(p) => self.put_project_member(out, p, order.apply(n)),
            Item::UserIndex(u) | Item::ChannelIndex(u) => {
                let (owners, messages) = match item {
                    Item::UserIndex(_) => (self.people, &self.by_user),
                    _ => (self.channels, &self.by_channel),
                };
                let shares = self.shares(u, owners);
                if shares.is_empty() {
                    self.put_gone_key(out, 0, u); // its messages were deleted, and the index forgotten
                } else {
                    self.put_message_key(out, messages.invert(shares.start + n));
                }
            }
            Item::UsersOfProject(p) => ids::put_decimal(out, self.user_id(order.apply(n) * self.options.projects + p)),
            // A server writes a sorted set from the highest score down.
            Item::Timeline(p) => {
                ids::put_decimal(out, self.snowflake(self.messages_of(self.project_of_timeline(p)).end - 1 - n, false))
            }
            Item::Giant => {
                out.extend_from_slice(b"member:");
                ids::put_decimal(out, order.apply(n));
            }
            _ => {}
        }
    }

    /// First the messages of the project that are there, then the moved ones, then the gone ones.
    fn put_project_member(&self, out: &mut Vec<u8>, project: u64, n: u64) {
        let messages = self.messages_of(project);
        let size = messages.end - messages.start;
        let there = size - self.missing(project);
        if n < there {
            // Every k-th message is missing, so k - 1 of k are there.
            let skipped = self.every(size).map_or(0, |k| n / (k - 1));
            return self.put_message_key(out, messages.start + n + skipped);
        }
        let n = n - there;
        if n < self.moved(project) {
            return self.put_message_key(out, self.messages_of(self.next_live(project)).start + n);
        }
        self.put_gone_key(out, project, messages.start + n);
    }

    fn project_of_timeline(&self, timeline: u64) -> u64 {
        self.live_projects() - 1 - timeline
    }

    /// The score of a timeline's member.
    pub(super) fn timeline_score(&self, timeline: u64, n: u64) -> f64 {
        self.time_ms(self.messages_of(self.project_of_timeline(timeline)).end - 1 - n) as f64
    }

    /// All members of a set, in the order of the dump.
    pub fn members_of(&self, item: Item) -> Vec<Vec<u8>> {
        let order = self.order_in(item);
        let member = |n| {
            let mut member = Vec::new();
            self.put_member(&mut member, item, &order, n);
            member
        };
        (0..self.members(item)).map(member).collect()
    }

    /// Whether a key has an expiry; all are in the far future.
    pub fn expires(&self, item: Item) -> bool {
        match item {
            Item::WrongIndex(n) => n % 16 == 9,
            Item::Neighbour(n) => n == 0,
            _ => false,
        }
    }

    /// Writes one key whole, whatever it is.
    pub(super) fn put_item(&self, out: &mut DumpBuilder, scratch: &mut Scratch, item: Item) {
        if let Item::Message(n) = item {
            return self.put_message(out, scratch, n);
        }
        if self.expires(item) {
            out.expire_ms(FAR_FUTURE);
        }
        let key = self.key_of(item);
        match item {
            Item::UserIndex(_)
            | Item::ChannelIndex(_)
            | Item::ProjectIndex(_)
            | Item::UsersOfProject(_)
            | Item::Giant => {
                out.set(&key, &self.members_of(item));
            }
            Item::Timeline(t) => {
                let members = self.members_of(item).into_iter().enumerate();
                let scored: Vec<_> = members.map(|(n, member)| (member, self.timeline_score(t, n as u64))).collect();
                out.zset(&key, &scored);
            }
            Item::Project(p) => {
                let text = format!(
                    "{{\"id\":\"{}\",\"name\":\"Project {p}\",\"serverId\":\"1100000000000000000\",\"trackedChannels\":[],\
                     \"createdAt\":\"2024-01-01T00:00:00.000Z\",\"isActive\":true,\"stats\":{{\"totalMessages\":{}}}}}",
                    String::from_utf8_lossy(&key),
                    self.messages_of(p).count()
                );
                out.json(&key, text);
            }
            Item::User(u) => {
                let project = self.project_key(u % self.options.projects.max(1));
                let project = String::from_utf8_lossy(&project);
                out.json(&key, format!("{{\"userId\":\"{}\",\"projects\":{{\"{project}\":{u}}}}}", self.user_id(u)));
            }
            Item::Channel(c) => {
                let project = self.project_key(c % self.options.projects.max(1));
                let project = String::from_utf8_lossy(&project);
                let id = self.channel_id(c);
                out.json(
                    &key,
                    format!("{{\"channelId\":\"{id}\",\"projectId\":\"{project}\",\"name\":\"channel {c}\"}}"),
                );
            }
            Item::Registry => {
                // Every other project, the deleted one, and what a bug added.
                let mut members: Vec<_> = (0..self.options.projects).step_by(2).map(|p| self.project_key(p)).collect();
                members.extend([self.deleted_project_key(), b"undefined".to_vec()]);
                out.set(&key, &members);
            }
            Item::WrongIndex(n) => self.put_wrong_index(out, &key, n),
            Item::Neighbour(n) => put_neighbour(out, &key, n),
            Item::Tiny(n) => _ = out.string(&key, n.to_string()),
            Item::Message(_) => {}
        }
    }

    fn put_wrong_index(&self, out: &mut DumpBuilder, key: &[u8], n: u64) {
        let count = 1 + mix(self.options.seed ^ 15, n) % 3;
        let members: Vec<Vec<u8>> = (0..count)
            .map(|m| {
                let mut member = Vec::new();
                match n % 3 {
                    0 if n * 3 + m < self.options.messages => self.put_message_key(&mut member, n * 3 + m),
                    _ => self.put_gone_key(&mut member, self.options.projects, n * 3 + m),
                }
                member
            })
            .collect();
        match n % 50 {
            43 => _ = out.string(key, "[]"),
            44 => _ = out.list(key, &members),
            45 => _ = out.hash(key, &[("count", count.to_string())]),
            46 => _ = out.zset(key, &members.iter().map(|member| (member, 1.0)).collect::<Vec<_>>()),
            _ => _ = out.set(key, &members),
        }
    }
}

fn put_neighbour(out: &mut DumpBuilder, key: &[u8], n: u64) {
    match n {
        0 => _ = out.string(key, "1736180000123"),
        1 => _ = out.hash(key, &[("redis", "ok".to_owned()), ("detail", "x".repeat(90))]),
        n if n % 4 == 0 => _ = out.hash(key, &[("balance", (n * 977).to_string()), ("level", n.to_string())]),
        n if n % 4 == 1 => {
            let members: Vec<_> = (0..n * 4).map(|m| (format!("player:{m}"), m as f64 / 4.0)).collect();
            out.zset(key, &members);
        }
        n if n % 4 == 2 => _ = out.set(key, &(0..n * 8).map(|m| m.to_string()).collect::<Vec<_>>()),
        n => _ = out.list(key, &(0..n * 16).map(|m| format!("step {m} of the plan")).collect::<Vec<_>>()),
    }
}

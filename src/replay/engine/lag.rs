//! How far replicas are behind, in time.
//!
//! A server says how many bytes of its stream each replica has acknowledged. When the server itself was there is noted with
//! each look, so bytes become time: a replica is as far behind as the first look is old that it has not caught up with.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::replay::link::{Link, LinkError, Reply};

/// Looks that are kept of each server.
const MOST_LOOKS: usize = 10_000;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Lag {
    /// By the run id of a server, when it had sent out how much.
    seen: HashMap<String, VecDeque<(Instant, u64)>>,
}

impl Lag {
    /// Asks all servers. How far the replica is behind that is furthest; `None` where no server says it.
    pub fn look(&mut self, link: &mut dyn Link) -> Result<Option<Duration>, LinkError> {
        let mut most = None;
        for reply in link.ask_each(&["INFO", "replication"])? {
            let Some(text) = reply_text(&reply) else { continue };
            most = most.max(self.note(&text, Instant::now()));
        }
        Ok(most)
    }

    /// Notes what a server said now, and gives how far its replicas are behind.
    fn note(&mut self, text: &str, now: Instant) -> Option<Duration> {
        let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name));
        let offset: u64 = field("master_repl_offset:")?.parse().ok()?;
        let id = field("master_replid:").unwrap_or_default().to_owned();
        let seen = self.seen.entry(id).or_default();
        seen.push_back((now, offset));
        if seen.len() > MOST_LOOKS {
            seen.pop_front();
        }
        let replicas = text.lines().filter_map(|line| {
            let (name, fields) = line.trim().split_once(':')?;
            name.strip_prefix("slave")?.parse::<u32>().ok()?;
            fields.split(',').find_map(|field| field.strip_prefix("offset="))?.parse::<u64>().ok()
        });
        let least = replicas.min();
        // What every replica has is of no interest any more.
        let has = least.unwrap_or(u64::MAX);
        while seen.front().is_some_and(|(_, offset)| *offset <= has) {
            seen.pop_front();
        }
        let behind = seen.front().map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at));
        Some(least.map_or(Duration::ZERO, |_| behind))
    }
}

fn reply_text(reply: &Reply) -> Option<String> {
    reply.as_bytes().map(|text| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may stop")]
mod tests {
    use super::*;

    fn info(offset: u64, replicas: &[u64]) -> String {
        let mut text = format!("# Replication\r\nrole:master\r\nmaster_replid:abc\r\nmaster_repl_offset:{offset}\r\n");
        for (n, offset) in replicas.iter().enumerate() {
            text += &format!("slave{n}:ip=127.0.0.1,port=1,state=online,offset={offset},lag=1\r\n");
        }
        text
    }

    #[test]
    fn bytes_become_time() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        let second = Duration::from_secs;
        let mut note = |at: u64, offset, replicas: &[u64]| lag.note(&info(offset, replicas), start + second(at));
        assert_eq!(note(0, 100, &[100, 100]), Some(second(0)));
        assert_eq!(note(1, 200, &[100, 200]), Some(second(0)), "it has not been behind for any time yet");
        assert_eq!(note(3, 300, &[100, 300]), Some(second(2)));
        assert_eq!(note(4, 300, &[200, 300]), Some(second(1)), "it has what was there at 1, not what came at 3");
        assert_eq!(note(5, 300, &[300, 300]), Some(second(0)));
        assert_eq!(note(9, 400, &[]), Some(second(0)), "nobody is behind where nobody is");
        assert_eq!(lag.note("# Replication\r\nrole:master\r\n", start), None);
    }
}

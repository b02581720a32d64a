//! A command on its way to the nodes of a cluster, in one piece or in several, and how their answers become one.

use super::map::Address;
use crate::replay::link::Reply;

/// One command for one node.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    pub bytes: Vec<u8>,
    /// The slot that decides where it goes; `None` for a node that is named, or for any.
    pub slot: Option<u16>,
    pub node: Option<Address>,
    /// To this node, and with `ASKING` before it, but only once.
    pub asking: Option<Address>,
    /// Its keys, where each could have a command of its own.
    pub keys: Vec<Vec<u8>>,
    pub sent: bool,
    pub reply: Option<Reply>,
}

/// How the answers to the pieces become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    First,
    Sum,
    /// Lines of `INFO keyspace`.
    Keyspace,
}

/// A command that was sent.
#[derive(Clone, Debug)]
pub struct Question {
    pub name: Vec<u8>,
    pub pieces: Vec<Piece>,
    pub merge: Merge,
}

/// What a command came to.
#[derive(Debug, PartialEq)]
pub enum Merged {
    /// Some piece has no answer.
    Open,
    Reply(Reply),
    /// Some pieces were carried out and others were not.
    Partly(Reply),
}

impl Question {
    /// That needs no node.
    pub fn answered(reply: Reply) -> Self {
        let piece = Piece { sent: true, reply: Some(reply), ..Piece::default() };
        Self { name: Vec::new(), pieces: vec![piece], merge: Merge::First }
    }

    /// The answer.
    pub fn merged(&self) -> Merged {
        let mut replies = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match &piece.reply {
                Some(reply) => replies.push(reply),
                None => return Merged::Open,
            }
        }
        let first = replies.first().map_or(Reply::Nil, |reply| (*reply).clone());
        let refused: Vec<&&Reply> = replies.iter().filter(|reply| matches!(reply, Reply::Error(_))).collect();
        if let Some(error) = refused.first() {
            let error = (**error).clone();
            let is_partly = refused.len() < replies.len() && super::keys::may_write(&self.name);
            return if is_partly { Merged::Partly(error) } else { Merged::Reply(error) };
        }
        Merged::Reply(match self.merge {
            Merge::First => first,
            Merge::Sum => {
                let number = |reply: &&Reply| if let Reply::Integer(number) = reply { *number } else { 0 };
                Reply::Integer(replies.iter().map(number).fold(0, i64::saturating_add))
            }
            Merge::Keyspace => keyspace(&replies),
        })
    }
}

/// The keys of all nodes, and those that expire.
fn keyspace(replies: &[&Reply]) -> Reply {
    let (mut keys, mut expires) = (0_u64, 0_u64);
    for reply in replies {
        let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
        for line in text.lines().filter_map(|line| line.strip_prefix("db0:")) {
            let number = |name: &str| -> u64 {
                let field = line.split(',').find_map(|field| field.strip_prefix(name));
                field.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
            };
            keys = keys.saturating_add(number("keys="));
            expires = expires.saturating_add(number("expires="));
        }
    }
    Reply::Bulk(format!("db0:keys={keys},expires={expires}\r\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, replies: &[Option<Reply>]) -> Question {
        let piece = |reply: &Option<Reply>| Piece { reply: reply.clone(), ..Piece::default() };
        Question { name: name.as_bytes().to_vec(), pieces: replies.iter().map(piece).collect(), merge: Merge::Sum }
    }

    #[test]
    fn answers_add_up() {
        let (two, refused) = (Some(Reply::Integer(2)), Some(Reply::Error("NOPERM".into())));
        let merged = |name, replies: &[Option<Reply>]| question(name, replies).merged();
        assert_eq!(merged("UNLINK", &[two.clone(), two.clone()]), Merged::Reply(Reply::Integer(4)));
        assert_eq!(merged("UNLINK", &[two.clone(), None]), Merged::Open);
        assert_eq!(merged("UNLINK", &[refused.clone(), two.clone()]), Merged::Partly(Reply::Error("NOPERM".into())));
        assert_eq!(merged("UNLINK", &[refused.clone(), refused.clone()]), Merged::Reply(Reply::Error("NOPERM".into())));
        assert_eq!(merged("EXISTS", &[two, refused]), Merged::Reply(Reply::Error("NOPERM".into())));
        let bulk = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        let one = bulk("# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=0\r\n");
        assert_eq!(keyspace(&[&one, &bulk("# Keyspace\r\n"), &one]), bulk("db0:keys=14,expires=4\r\n"));
    }
}

//! The commands of a file as they are to be sent: as written, or less what must be left out.

use std::borrow::Cow;

use super::error::ReplayError;
use super::was::Was;
use super::{Script, Steps, Totals, Verb};
use crate::bundle::manifest::Reply as Expected;
use crate::bundle::resp;
use crate::replay::link::Reply;
use crate::text::quoted;

/// One command that is to be sent.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Its place in the file, counted from 1: what a journal knows it by.
    pub number: u64,
    pub verb: Verb,
    pub db: u32,
    /// Name and arguments.
    pub args: Vec<&'a [u8]>,
    /// The whole of it, encoded.
    pub bytes: Cow<'a, [u8]>,
    pub wanted: Wanted,
    /// It was sent, and its answer is not known: what is in place of it may be its own doing.
    pub may_be_done: bool,
    /// What each of its parts must find; empty where that does not matter, or is not looked at.
    pub before: Vec<Was<'a>>,
}

/// The answer that a command must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Reply(Expected),
    /// A number up to this one: members were left out, and which of them the plan's number counts is not known.
    UpTo(i64),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reply(Expected::Integer(number)) => write!(f, "{number}"),
            Self::Reply(Expected::Status(text)) => f.write_str(text),
            Self::Reply(Expected::Bulk(value)) => f.write_str(&quoted(&value.0)),
            Self::UpTo(most) => write!(f, "0 to {most}"),
        }
    }
}

/// Reads a whole file: an error here means that nothing was sent. Changes of the database are not items of their own.
pub fn read<'a>(
    commands: &'a [u8],
    script: Script,
    expected: &[Expected],
) -> Result<(Vec<Item<'a>>, Totals), ReplayError> {
    let replies = u64::try_from(expected.len()).unwrap_or(u64::MAX);
    let mut items = Vec::new();
    let mut steps = Steps::new(commands, script, 0);
    let mut totals = Totals { bytes: u64::try_from(commands.len()).unwrap_or(u64::MAX), ..Totals::default() };
    let mut expected = expected.iter();
    while let Some(step) = steps.next_step()? {
        totals.add(&step);
        if let Some(wanted) = expected.next()
            && step.verb != Verb::Select
        {
            items.push(Item {
                number: step.number,
                verb: step.verb,
                db: step.db,
                args: step.command.args.to_vec(),
                bytes: Cow::Borrowed(step.command.bytes),
                wanted: Wanted::Reply(wanted.clone()),
                may_be_done: false,
                before: Vec::new(),
            });
        }
    }
    if totals.commands != replies {
        return Err(ReplayError::ReplyCount { commands: totals.commands, replies });
    }
    Ok((items, totals))
}

impl<'a> Item<'a> {
    /// The key, or the first of several.
    pub fn key(&self) -> &'a [u8] {
        self.args.get(1).copied().unwrap_or_default()
    }

    /// Every key it writes to.
    pub fn keys(&self) -> &[&'a [u8]] {
        let end = if self.verb.deletes_keys() { self.args.len() } else { 2 };
        self.args.get(1..end).unwrap_or_default()
    }

    /// Whether it makes a key, or a piece of one, as a whole.
    pub fn makes_key(&self) -> bool {
        use Verb::{Append, HSet, JsonSet, RPush, Restore, Set, SetNew};
        matches!(self.verb, Set | SetNew | Append | RPush | HSet | JsonSet | Restore)
    }

    /// Whether it edits single members, fields or elements, which can be asked for and left out one by one.
    pub fn edits_members(&self) -> bool {
        self.edits_a_set() || matches!(self.verb, Verb::HEdit | Verb::HDel | Verb::LRem)
    }

    /// Whether it edits single members of a set or a sorted set.
    pub fn edits_a_set(&self) -> bool {
        matches!(self.verb, Verb::SAdd | Verb::SRem | Verb::ZAdd | Verb::ZRem)
    }

    /// What it names, one by one: keys of a deletion, members (with the score, where there is one) of an edit, fields (with
    /// the value, where there is one).
    ///
    /// Of a hash that is made as a whole, which has none that can be left out, the other way round: what is last is the
    /// value.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&'a [u8]>, &'a [u8])> {
        let size = self.part_size();
        let is_field_first = self.verb == Verb::HEdit;
        self.body().chunks_exact(size).map(move |part| match part {
            [field, value] if is_field_first => (Some(*value), *field),
            [score, member] => (Some(*score), *member),
            part => (None, part.first().copied().unwrap_or_default()),
        })
    }

    /// What a part is about: a key, and a member of it where it is not the whole key.
    pub fn subject<'s>(&'s self, part: &'s [u8]) -> (&'s [u8], Option<&'s [u8]>) {
        match self.edits_members() {
            true => (self.key(), Some(part)),
            false if self.verb.deletes_keys() => (part, None),
            false => (self.key(), None),
        }
    }

    /// How many members, fields or elements it adds or removes, or values it changes.
    pub fn members(&self) -> u64 {
        match (self.verb, &self.wanted) {
            (Verb::LRem, Wanted::Reply(Expected::Integer(elements)) | Wanted::UpTo(elements)) => {
                u64::try_from(*elements).unwrap_or_default()
            }
            (Verb::RPush | Verb::HSet | Verb::SetNew | Verb::SetChanged, _) => {
                u64::try_from(self.parts().count()).unwrap_or(u64::MAX)
            }
            _ if self.edits_members() => u64::try_from(self.parts().count()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// What a part must find.
    pub fn was(&self, part: usize) -> &Was<'a> {
        self.before.get(part).unwrap_or(&Was::Any)
    }

    /// How many keys it deletes.
    pub fn deleted_keys(&self) -> u64 {
        if self.verb.deletes_keys() { u64::try_from(self.keys().len()).unwrap_or(u64::MAX) } else { 0 }
    }

    fn part_size(&self) -> usize {
        if matches!(self.verb, Verb::ZAdd | Verb::HSet | Verb::HEdit) { 2 } else { 1 }
    }

    /// Its parts, one after the other.
    fn body(&self) -> &[&'a [u8]] {
        self.args.get(self.head()..self.end()).unwrap_or_default()
    }

    /// Flags may follow a value.
    fn end(&self) -> usize {
        match self.verb {
            Verb::Set | Verb::SetNew | Verb::SetChanged => self.args.len().min(3),
            _ => self.args.len(),
        }
    }

    /// How many arguments stand before the first part.
    fn head(&self) -> usize {
        let mut head: usize = match self.verb {
            verb if verb.deletes_keys() => 1,
            // LREM key 0 element
            Verb::LRem => 3,
            // HPEXPIREAT key time FIELDS 1 field
            Verb::HPExpireAt => 5,
            _ => 2,
        };
        while self.verb == Verb::ZAdd
            && self.args.get(head).is_some_and(|arg| matches!(*arg, b"NX" | b"XX" | b"GT" | b"LT" | b"CH"))
        {
            head = head.saturating_add(1);
        }
        head
    }

    /// Leaves out the parts for which `keep` is false. Whether any is left.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &'a [u8]) -> bool) -> bool {
        let (head, size) = (self.head(), self.part_size());
        let before = self.parts().count();
        let mut args: Vec<&'a [u8]> = self.args.get(..head).unwrap_or_default().to_vec();
        let mut left: usize = 0;
        let mut was = Vec::new();
        for (at, (part, (_, name))) in self.body().chunks_exact(size).zip(self.parts()).enumerate() {
            if keep(at, name) {
                args.extend_from_slice(part);
                was.extend(self.before.get(at).cloned());
                left = left.saturating_add(1);
            }
        }
        if left == before {
            return left > 0;
        }
        if self.verb == Verb::HPExpireAt {
            // It says how many fields it has. A plan has one of each.
            return false;
        }
        self.before = was;
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        // Where every part counted, every one that is left does. A score that changes does not count, and which of
        // several do is not known here.
        self.wanted = match self.wanted {
            Wanted::Reply(Expected::Integer(number)) if number == count(before) => {
                Wanted::Reply(Expected::Integer(count(left)))
            }
            Wanted::Reply(Expected::Integer(0)) => Wanted::Reply(Expected::Integer(0)),
            _ => Wanted::UpTo(count(left)),
        };
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes);
        self.args = args;
        self.bytes = Cow::Owned(bytes);
        left > 0
    }

    /// A command of the way back that does not touch what somebody else made meanwhile, where one command can say that:
    /// a value is set only where there is no key, a member is scored only where there is none, or changed only where
    /// there is one.
    pub fn careful(&mut self) {
        let parts = i64::try_from(self.parts().count()).unwrap_or(i64::MAX);
        let (at, flag): (usize, &'a [u8]) = match (self.verb, &self.wanted) {
            // That there is a flag already is seen by the number of arguments: a value may be the same bytes.
            (Verb::Set, _) if self.args.len() == 3 => (3, b"NX"),
            (Verb::JsonSet, _) if self.args.len() == 4 => (4, b"NX"),
            (Verb::ZAdd, _) if self.head() > 2 => return,
            (Verb::ZAdd, Wanted::Reply(Expected::Integer(new))) if *new == parts => (2, b"NX"),
            (Verb::ZAdd, Wanted::Reply(Expected::Integer(0))) => (2, b"XX"),
            _ => return,
        };
        self.args.insert(at, flag);
        let mut bytes = Vec::new();
        resp::encode(&self.args, &mut bytes);
        self.bytes = Cow::Owned(bytes);
    }

    /// The command that takes out what this one adds, as a piece of the command of another number.
    pub fn removal(&self, number: u64) -> Item<'a> {
        let (verb, name) = match self.verb {
            Verb::ZAdd => (Verb::ZRem, "ZREM"),
            Verb::HEdit | Verb::HSet => (Verb::HDel, "HDEL"),
            Verb::RPush => (Verb::LRem, "LREM"),
            _ => (Verb::SRem, "SREM"),
        };
        // Of a hash that is made as a whole the field comes first.
        let parts = || {
            self.parts().map(|(with, part)| match (self.verb, with) {
                (Verb::HSet, Some(field)) => (Some(part), field),
                _ => (with, part),
            })
        };
        let head = [name.as_bytes(), self.key()].into_iter().chain((verb == Verb::LRem).then_some(&b"0"[..]));
        let args: Vec<&'a [u8]> = head.chain(parts().map(|(_, member)| member)).collect();
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes);
        let count = i64::try_from(self.parts().count()).unwrap_or(i64::MAX);
        let wanted = Wanted::Reply(Expected::Integer(count));
        let values = parts().filter(|_| verb == Verb::HDel);
        let before = values.filter_map(|(value, _)| Some(Was::Is(value?))).collect();
        Item { number, verb, db: self.db, args, bytes: Cow::Owned(bytes), wanted, may_be_done: false, before }
    }

    /// The command that deletes a key, as a piece of the command of another number.
    pub fn unlink(number: u64, db: u32, key: &'a [u8]) -> Item<'a> {
        let args: Vec<&'a [u8]> = vec![b"UNLINK", key];
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes);
        let wanted = Wanted::Reply(Expected::Integer(1));
        let (bytes, before) = (Cow::Owned(bytes), Vec::new());
        Item { number, verb: Verb::Unlink, db, args, bytes, wanted, may_be_done: false, before }
    }

    /// It may have been sent before, and its bytes may even still be on their way: any number will do, as long as doing
    /// it twice does no harm.
    pub fn loosen(&mut self) {
        self.may_be_done = true;
        use Verb::{Append, HPExpireAt, JsonSet, LRem, RPush, Restore, Set, SetChanged, SetNew};
        match (self.verb, &self.wanted) {
            (RPush | Append | Set | SetNew | SetChanged | Restore | JsonSet | HPExpireAt, _) => {}
            (LRem, Wanted::Reply(Expected::Integer(elements))) => self.wanted = Wanted::UpTo(*elements),
            _ => {
                let parts = i64::try_from(self.parts().count()).unwrap_or(i64::MAX);
                self.wanted = Wanted::UpTo(parts.max(1));
            }
        }
    }

    /// Whether a reply is the one that was promised.
    ///
    /// `HPEXPIREAT` alone answers with a list, a number a field; there the plan's one number stands for each of them, and so
    /// does 2: the time is over, and the field went as it would have.
    pub fn accepts(&self, reply: &Reply) -> bool {
        match (&self.wanted, reply) {
            (Wanted::Reply(Expected::Integer(wanted)), Reply::Integer(got)) => got == wanted,
            (Wanted::UpTo(most), Reply::Integer(got)) => (0..=*most).contains(got),
            (Wanted::Reply(Expected::Status(wanted)), Reply::Status(got)) => got == wanted,
            (Wanted::Reply(Expected::Integer(wanted)), Reply::Array(got)) if self.verb == Verb::HPExpireAt => {
                let is_right = |got: &Reply| matches!(got, Reply::Integer(got) if got == wanted || *got == 2);
                !got.is_empty() && got.iter().all(is_right)
            }
            // REST cannot tell a value from a status.
            (Wanted::Reply(Expected::Bulk(wanted)), got) => {
                let own = self.args.get(2).filter(|_| self.may_be_done).copied();
                got.as_bytes().is_some_and(|got| *got == wanted.0 || Some(got) == own)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]
mod tests {
    use super::*;

    fn items<'a>(bytes: &'a mut Vec<u8>, commands: &[(&str, Expected)]) -> Vec<Item<'a>> {
        for (command, _) in commands {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), bytes);
        }
        let expected: Vec<_> = commands.iter().map(|(_, reply)| reply.clone()).collect();
        read(bytes, Script::Rollback, &expected).unwrap().0
    }

    fn text(item: &Item<'_>) -> String {
        String::from_utf8(item.args.join(&b' ')).unwrap()
    }

    #[test]
    fn what_is_left_out_is_not_expected() {
        let mut bytes = Vec::new();
        let commands = [
            ("SELECT 3", Expected::Status("OK".into())),
            ("UNLINK a b c", Expected::Integer(3)),
            ("SADD k x y", Expected::Integer(2)),
            ("ZADD z 1 x 2 y", Expected::Integer(2)),
            ("ZADD z CH 1 x 2 y", Expected::Integer(1)),
            ("ZADD z 1 x 2 y", Expected::Integer(0)),
        ];
        let mut items = items(&mut bytes, &commands);
        assert_eq!(items.len(), 5, "SELECT is not an item");
        assert!(items.iter().all(|item| item.db == 3));
        let wanted = [
            ("UNLINK a c", Wanted::Reply(Expected::Integer(2))),
            ("SADD k x", Wanted::Reply(Expected::Integer(1))),
            ("ZADD z 1 x", Wanted::Reply(Expected::Integer(1))),
            ("ZADD z CH 1 x", Wanted::UpTo(1)),
            ("ZADD z 1 x", Wanted::Reply(Expected::Integer(0))),
        ];
        for (item, (command, reply)) in items.iter_mut().zip(wanted) {
            assert!(item.retain(|_, part| part != b"y" && part != b"b"));
            assert_eq!((text(item).as_str(), &item.wanted), (command, &reply));
            let mut bytes = Vec::new();
            resp::encode(&item.args, &mut bytes);
            assert_eq!(*item.bytes, *bytes);
            assert!(!item.retain(|_, _| false));
        }
    }

    #[test]
    fn fields_and_elements_are_left_out_one_by_one() {
        let mut bytes = Vec::new();
        for command in ["HSET h f 1 g 2", "HSET h f 1 g 2", "HDEL h f g", "LREM l 0 x"] {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut bytes);
        }
        let replies = [2, 0, 2, 7].map(Expected::Integer);
        let (mut items, _) = read(&bytes, Script::Apply, &replies).unwrap();
        let value = |text: &'static str| Was::Is(text.as_bytes());
        items[0].before = vec![value("1"), value("2")];
        assert!(items[0].parts().eq([(Some(&b"1"[..]), &b"f"[..]), (Some(b"2"), b"g")]));
        assert!(items[3].parts().eq([(None, &b"x"[..])]));
        // Seven elements are equal to it.
        assert_eq!(items.iter().map(Item::members).collect::<Vec<_>>(), [2, 2, 2, 7]);
        let removal = items[0].removal(9);
        assert_eq!((text(&removal).as_str(), &removal.before), ("HDEL h f g", &vec![value("1"), value("2")]));
        let wanted = [("HSET h g 2", 1), ("HSET h g 2", 0), ("HDEL h g", 1), ("LREM l 0 x", 7)];
        for (item, (command, reply)) in items.iter_mut().zip(wanted) {
            assert!(item.retain(|_, part| part != b"f"));
            assert_eq!((text(item).as_str(), &item.wanted), (command, &Wanted::Reply(Expected::Integer(reply))));
            item.loosen();
            assert_eq!(item.wanted, Wanted::UpTo(reply.max(1)));
        }
        assert_eq!((items[0].was(0), items[0].was(1)), (&value("2"), &Was::Any));
        assert!(!items[3].retain(|_, part| part != b"x"));
    }

    #[test]
    fn a_value_that_is_changed_answers_the_old_one() {
        let mut bytes = Vec::new();
        resp::encode(&["SET", "k", "new", "XX", "KEEPTTL", "GET"], &mut bytes);
        let old = Expected::Bulk(crate::bundle::manifest::Bytes(b"OK".to_vec()));
        let mut item = read(&bytes, Script::Apply, &[old]).unwrap().0.remove(0);
        let bulk = |text: &str| Reply::Bulk(text.into());
        // REST cannot tell a value from a status.
        assert!(item.accepts(&bulk("OK")) && item.accepts(&Reply::Status("OK".into())));
        assert!(!item.accepts(&bulk("new")) && !item.accepts(&Reply::Nil) && !item.accepts(&Reply::Integer(1)));
        item.loosen();
        assert!(item.accepts(&bulk("OK")) && item.accepts(&bulk("new")), "it was our own doing");
        assert!(!item.accepts(&bulk("other")));
    }

    #[test]
    fn a_value_is_no_flag() {
        let mut bytes = Vec::new();
        let mut items = items(&mut bytes, &[("SET k NX", Expected::Status("OK".into()))]);
        items[0].careful();
        assert_eq!(text(&items[0]), "SET k NX NX");
        items[0].careful();
        assert_eq!(text(&items[0]), "SET k NX NX");
    }

    #[test]
    fn what_somebody_else_made_is_not_touched() {
        let mut bytes = Vec::new();
        let commands = [
            ("SET k v", Expected::Status("OK".into())),
            ("ZADD z 1 x 2 y", Expected::Integer(2)),
            ("ZADD z 1 x 2 y", Expected::Integer(0)),
            // One is new and one is not: no flag says that.
            ("ZADD z 1 x 2 y", Expected::Integer(1)),
            ("SADD s x", Expected::Integer(1)),
        ];
        let mut items = items(&mut bytes, &commands);
        let wanted = ["SET k v NX", "ZADD z NX 1 x 2 y", "ZADD z XX 1 x 2 y", "ZADD z 1 x 2 y", "SADD s x"];
        for (item, wanted) in items.iter_mut().zip(wanted) {
            item.careful();
            assert_eq!(text(item), wanted);
            let mut bytes = Vec::new();
            resp::encode(&item.args, &mut bytes);
            assert_eq!(*item.bytes, *bytes);
        }
    }

    #[test]
    fn a_file_that_does_not_add_up_is_refused() {
        let mut bytes = Vec::new();
        resp::encode(&["SADD", "k", "m"], &mut bytes);
        let error = read(&bytes, Script::Apply, &[]).unwrap_err();
        assert_eq!(error, ReplayError::ReplyCount { commands: 1, replies: 0 });
        resp::encode(&["FLUSHALL"], &mut bytes);
        let error = read(&bytes, Script::Apply, &[Expected::Integer(1), Expected::Status("OK".into())]).unwrap_err();
        assert!(error.to_string().contains("FLUSHALL"), "{error}");
    }

    #[test]
    fn a_status_and_a_number_are_not_the_same() {
        let mut bytes = Vec::new();
        let commands = [("SADD k m", Expected::Integer(2)), ("SET k v", Expected::Status("OK".into()))];
        let items = items(&mut bytes, &commands);
        assert!(items[0].accepts(&Reply::Integer(2)) && items[1].accepts(&Reply::Status("OK".into())));
        assert!(!items[0].accepts(&Reply::Status("2".into())));
        assert!(!items[0].accepts(&Reply::Nil));
        assert!(!items[0].accepts(&Reply::Array(vec![Reply::Integer(2)])));
        assert!(!items[1].accepts(&Reply::Bulk(b"OK".to_vec())));
    }

    #[test]
    fn what_is_left_whole_is_not_copied() {
        let mut bytes = Vec::new();
        let mut items = items(&mut bytes, &[("SADD k x y", Expected::Integer(1))]);
        assert!(items[0].retain(|_, _| true));
        assert!(matches!(items[0].bytes, Cow::Borrowed(_)));
        assert_eq!(items[0].wanted, Wanted::Reply(Expected::Integer(1)));
    }

    #[test]
    fn a_number_stands_for_each_field_that_expires() {
        let mut bytes = Vec::new();
        let items = items(&mut bytes, &[("HPEXPIREAT h 1 FIELDS 2 f g", Expected::Integer(1))]);
        let list = |numbers: &[i64]| Reply::Array(numbers.iter().copied().map(Reply::Integer).collect());
        assert!(items[0].accepts(&list(&[1, 1])));
        assert!(items[0].accepts(&list(&[1, 2])), "its time was over");
        assert!(!items[0].accepts(&list(&[1, -2])), "the second field does not exist");
        assert!(!items[0].accepts(&list(&[])));
        assert!(!items[0].accepts(&Reply::Status("1".into())));
    }
}

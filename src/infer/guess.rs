//! Which rules the memberships speak for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::Error;
use super::entries::{self, Entry};
use super::fields::{Fields, Reader};
use super::patterns::is_separator;
use super::rule::{Member, Part, Rule};
use super::sample::{NAME_BYTES, Sample};
use super::survey::{Collection, Survey, lot};
use super::votes::Votes;
use crate::dump::rdb::{self, Kind, Scratch};
use crate::dump::scan::Observer;
use crate::text::rfc3339::unix_millis;

/// Members of one set that are looked at, and of all.
const MEMBERS: usize = 32;
const ALL_MEMBERS: usize = 100_000;
/// To find them, so many are passed over at most.
const PASSED: u64 = 1 << 14;
/// Matches of fields in one key, and pairs of them.
const MATCHES: usize = 12;
/// Longer members are no identifiers.
const MEMBER_BYTES: usize = 1 << 12;
/// Rules that are counted at the same time.
const RULES: usize = 1 << 16;
/// Records that are kept decoded.
const CACHED: usize = 4_096;

/// What the sampled memberships of a family of sets say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    pub members: u64,
    /// Members that are the key of a record.
    pub named: u64,
    /// Members that are the value of a record's field.
    pub valued: u64,
    /// Members with a record one of whose fields is in the name of the set.
    pub matched: u64,
}

/// What the sample says.
#[derive(Debug, Default)]
pub struct Guesses {
    pub rules: BTreeMap<Rule, Votes>,
    /// In the order of the families.
    pub heard: Vec<Heard>,
}

/// Lets the sampled memberships vote.
pub fn guess(survey: &Survey<'_>, sample: &mut Sample, observer: &Observer) -> Result<Guesses, Error> {
    let chosen: usize = sample.families.iter().map(|family| family.chosen.len()).sum();
    let share = ALL_MEMBERS.checked_div(chosen).unwrap_or(MEMBERS).clamp(2, MEMBERS);
    let mut reader = Reader::default();
    reader.paths = std::mem::take(&mut sample.paths);
    let mut poll = Poll {
        survey,
        sample,
        reader: &mut reader,
        cache: HashMap::new(),
        voted: HashSet::new(),
        guesses: Guesses::default(),
        room: Vec::new(),
        scratch: Scratch::default(),
    };
    for family in &sample.families {
        let mut heard = Heard::default();
        for collection in &family.chosen {
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
            poll.collection(collection, share, &mut heard)?;
        }
        poll.guesses.heard.push(heard);
    }
    let guesses = poll.guesses;
    sample.paths = reader.paths;
    Ok(guesses)
}

struct Poll<'s, 'a> {
    survey: &'s Survey<'a>,
    sample: &'s Sample,
    reader: &'s mut Reader,
    cache: HashMap<u64, Option<Rc<Fields>>>,
    /// What the member at hand has voted for: many records may have it as a value, and it has one vote.
    voted: HashSet<Rule>,
    guesses: Guesses,
    room: Vec<u8>,
    scratch: Scratch,
}

impl Poll<'_, '_> {
    fn collection(&mut self, collection: &Collection, share: usize, heard: &mut Heard) -> Result<(), Error> {
        let mut room = Vec::new();
        let name = self.survey.dump.key(collection.start, &mut room)?;
        if name.len() > NAME_BYTES {
            return Ok(());
        }
        let (dump, clock) = (&self.survey.dump, self.survey.clock);
        for entry in entries::some(dump, clock, collection.start, (share, PASSED), &mut self.scratch)? {
            heard.members = heard.members.saturating_add(1);
            self.voted.clear();
            // What names the record; of a hash it is the value.
            let text = if matches!(collection.kind, Kind::Hash | Kind::String) { &entry.value } else { &entry.member };
            if text.is_empty() || text.len() > MEMBER_BYTES {
                continue;
            }
            let (mut named, mut valued, mut matched) = (false, false, false);
            for (class, member, fields) in self.owners(collection.db, text)? {
                named |= member == Member::Key;
                valued |= member != Member::Key;
                matched |= self.vote(collection, name, class, (member, &entry), &fields)?;
            }
            heard.named = heard.named.saturating_add(u64::from(named));
            heard.valued = heard.valued.saturating_add(u64::from(valued));
            heard.matched = heard.matched.saturating_add(u64::from(matched));
        }
        Ok(())
    }

    /// The records that a text may stand for: by their key, by what varies in it, or by a field.
    fn owners(&mut self, db: u64, text: &[u8]) -> Result<Vec<(u32, Member, Rc<Fields>)>, Error> {
        let mut out = Vec::new();
        if let Some(key) = self.survey.find(db, text, &mut self.room)? {
            if let Some(class) = self.sample.classes.of(db, text)
                && let Some(fields) = self.fields(key.start, class, text)?
            {
                out.push((class, Member::Key, fields));
            }
            return Ok(out);
        }
        let sample = self.sample;
        for (class, of) in sample.classes.all.iter().enumerate().filter(|(_, of)| of.db == db) {
            let Some((name, capture)) = of.named_by(text) else { continue };
            let Ok(class) = u32::try_from(class) else { continue };
            if let Some(key) = self.survey.find(db, &name, &mut self.room)?
                && sample.classes.of(db, &name) == Some(class)
                && let Some(fields) = self.fields(key.start, class, &name)?
                && let Some(path) = self.reader.paths.of_text(&format!("@{capture}"))
            {
                out.push((class, Member::Field(Vec::new(), path), fields));
            }
        }
        for (before, value) in tails(text) {
            for (document, path) in sample.with_value(db, value) {
                let Some(class) = document.class else { continue };
                out.push((class, Member::Field(before.to_vec(), path), Rc::clone(&document.fields)));
            }
        }
        Ok(out)
    }

    fn fields(&mut self, start: u64, class: u32, name: &[u8]) -> Result<Option<Rc<Fields>>, rdb::Error> {
        if let Some(known) = self.cache.get(&start) {
            return Ok(known.clone());
        }
        if self.cache.len() >= CACHED {
            self.cache.clear();
        }
        let mut fields = self.reader.read(&self.survey.dump, self.survey.clock, start)?;
        if let (Some(fields), Some(class)) = (&mut fields, self.sample.classes.get(class)) {
            class.complete(name, &mut self.reader.paths, fields);
        }
        let fields = fields.map(Rc::new);
        self.cache.insert(start, fields.clone());
        Ok(fields)
    }

    /// Votes for every rule that would put this member there. False if no field is in the name.
    fn vote(
        &mut self,
        collection: &Collection,
        name: &[u8],
        class: u32,
        (member, entry): (Member, &Entry),
        fields: &Fields,
    ) -> Result<bool, rdb::Error> {
        if collection.kind == Kind::Hash {
            // What the field says, and the value stands for.
            let said: Vec<u32> =
                fields.iter().filter(|(_, value)| *value == entry.member).map(|(path, _)| *path).collect();
            let mut matched = false;
            for path in said {
                let field = Member::Field(Vec::new(), path);
                matched |= self.vote_for(collection, name, class, (field, Some(member.clone())), entry, fields)?;
            }
            return Ok(matched);
        }
        self.vote_for(collection, name, class, (member, None), entry, fields)
    }

    fn vote_for(
        &mut self,
        collection: &Collection,
        name: &[u8],
        class: u32,
        (member, value): (Member, Option<Member>),
        entry: &Entry,
        fields: &Fields,
    ) -> Result<bool, rdb::Error> {
        let matches = matches(name, fields);
        let (db, kind) = (collection.db, collection.kind);
        let rule = |key: Vec<Part>| Rule { db, kind, class, member: member.clone(), value: value.clone(), key };
        let score = entry.score;
        let mut rules = vec![(rule(vec![Part::Literal(name.to_vec())]), Vec::new())];
        for (at, one) in matches.iter().enumerate() {
            rules.push((rule(parts(name, &[one])), vec![*one]));
            for two in matches.get(at.saturating_add(1)..).unwrap_or_default() {
                if one.end <= two.start && one.path != two.path {
                    rules.push((rule(parts(name, &[one, two])), vec![*one, *two]));
                }
            }
        }
        // One vote for a rule, also where a field has the same value twice.
        rules.sort_by(|a, b| a.0.cmp(&b.0));
        rules.dedup_by(|a, b| a.0 == b.0);
        let equal = score.map(|score| equal_to(score, fields)).unwrap_or_default();
        for (rule, fields) in rules {
            if self.guesses.rules.len() >= RULES && !self.guesses.rules.contains_key(&rule) {
                continue;
            }
            if !self.voted.insert(rule.clone()) {
                continue;
            }
            let mut required = Vec::new();
            for field in &fields {
                let value = name.get(field.start..field.end).unwrap_or_default();
                if self.survey.find(collection.db, value, &mut self.room)?.is_some()
                    && let Some(of) = self.sample.classes.of(collection.db, value)
                {
                    required.push((field.path, of));
                }
            }
            let votes = self.guesses.rules.entry(rule).or_default();
            votes.count = votes.count.saturating_add(1);
            votes.elements = votes.elements.max(collection.elements);
            let lots: Vec<u64> =
                fields.iter().map(|field| lot(name.get(field.start..field.end).unwrap_or_default())).collect();
            votes.values(&lots);
            for path in &equal {
                let count = votes.scores.entry(*path).or_default();
                *count = count.saturating_add(1);
            }
            for pair in required {
                let count = votes.required.entry(pair).or_default();
                *count = count.saturating_add(1);
            }
        }
        Ok(!matches.is_empty())
    }
}

/// A field whose value stands in a name.
#[derive(Clone, Copy, Debug)]
struct Match {
    path: u32,
    start: usize,
    end: usize,
}

/// Where the values of fields stand in a name as whole words, with some text before the first.
fn matches(name: &[u8], fields: &Fields) -> Vec<Match> {
    let edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let mut all = Vec::new();
    for (path, value) in fields {
        for start in memchr::memmem::find_iter(name, value) {
            let end = start.saturating_add(value.len());
            let before = start.checked_sub(1).and_then(|at| name.get(at));
            if start > 0 && edge(before) && edge(name.get(end)) && all.len() < MATCHES {
                all.push(Match { path: *path, start, end });
            }
        }
    }
    all.sort_unstable_by_key(|found| (found.start, found.end, found.path));
    all
}

/// The name with fields in place of what matched.
fn parts(name: &[u8], fields: &[&Match]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0;
    let literal = |parts: &mut Vec<Part>, from: usize, to: usize| {
        if let Some(text) = name.get(from..to).filter(|text| !text.is_empty()) {
            parts.push(Part::Literal(text.to_vec()));
        }
    };
    for field in fields {
        literal(&mut parts, from, field.start);
        parts.push(Part::Field(field.path));
        from = field.end;
    }
    literal(&mut parts, from, name.len());
    parts
}

/// The whole of a member, and what follows its last separators.
fn tails(member: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let separators = member.iter().enumerate().rev().filter(|(_, byte)| is_separator(byte));
    let cuts = separators.map(|(at, _)| at.saturating_add(1)).take(3);
    std::iter::once(0).chain(cuts).filter_map(|at| member.split_at_checked(at)).filter(|(_, tail)| !tail.is_empty())
}

/// The fields that are this score.
fn equal_to(score: f64, fields: &Fields) -> Vec<u32> {
    let number = |value: &[u8]| -> Option<f64> {
        let text = std::str::from_utf8(value).ok()?;
        let decimal =
            text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
        let number = if decimal { text.parse().ok() } else { None };
        // Milliseconds of four-digit years are exact.
        number.or_else(|| unix_millis(value).map(|ms| ms as f64))
    };
    let mut paths: Vec<u32> =
        fields.iter().filter(|(_, value)| number(value) == Some(score)).map(|(path, _)| *path).collect();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, fields: &[(u32, &str)]) -> Vec<(u32, usize)> {
        let fields = fields.iter().map(|(path, value)| (*path, value.as_bytes().to_vec())).collect();
        matches(name.as_bytes(), &fields).iter().map(|found| (found.path, found.start)).collect()
    }

    #[test]
    fn only_whole_words_match_and_never_the_start() {
        assert_eq!(
            found("idx:ab:1", &[(0, "ab"), (1, "a"), (2, "1"), (3, "idx"), (4, "ab:1")]),
            [(0, 4), (4, 4), (2, 7)]
        );
        assert_eq!(found("a:b:b", &[(0, "b")]), [(0, 2), (0, 4)]);
    }

    #[test]
    fn tails_are_cut_at_separators() {
        let tails: Vec<_> = tails(b"a:b/c").map(|(head, tail)| (head.len(), tail)).collect();
        assert_eq!(tails, [(0, &b"a:b/c"[..]), (4, b"c"), (2, b"b/c")]);
    }

    #[test]
    fn scores_are_numbers_or_times() {
        let fields = vec![(0, b"1500".to_vec()), (1, b"1970-01-01T00:00:01.500Z".to_vec()), (2, b"1501".to_vec())];
        assert_eq!(equal_to(1500.0, &fields), [0, 1]);
    }
}

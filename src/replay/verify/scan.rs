//! Reading the touched keys, page by page, and comparing them with what they should be.

use hashbrown::{HashMap, HashSet};

use super::super::guard::is_document;
use super::super::link::{Link, Reply};
use super::number;
use super::state::{KeyState, Members, Named, PAGE, Proof, Proven, Value, count, reserve};
use super::verification::Verification;
use crate::bundle::content::Content;
use crate::replay::link::server_error::{Class, ErrorKind};
use crate::replay::look::query::{Difference, LookOptions, Pipeline, QueryError, exist_none};
use crate::replay::script::kind::Kind;
use crate::text::{display, quoted, rfc3339};

/// The version and the checksum at the end of what `DUMP` answers.
const FOOTER: usize = 10;
/// Bytes that a member has in a reply, where none is known.
const MEMBER: usize = 64;

impl Proof<'_> {
    /// Looks at those keys (by database and name) that are `wanted`. `progress` is told how many were looked at.
    pub fn look(
        &self,
        link: &mut dyn Link,
        options: &LookOptions,
        wanted: &dyn Fn(u32, &[u8]) -> bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Verification, QueryError> {
        let keys: Vec<&KeyState<'_>> = self.keys.iter().filter(|state| wanted(state.db, state.key)).collect();
        let most = keys.iter().map(|key| key.commands()).fold(0, u64::saturating_add);
        let mut look = Look {
            options,
            found: Verification { proven: self.proven, ..Verification::default() },
            progress,
            left: most.saturating_add(reserve(most)),
            unsure: Vec::new(),
        };
        look.absent(link, &keys)?;
        look.scan(link, &keys)?;
        look.types(link, &keys)?;
        look.expiries(link, &keys)?;
        Ok(look.found)
    }
}

struct Look<'o> {
    options: &'o LookOptions,
    found: Verification,
    progress: &'o mut dyn FnMut(u64),
    /// Commands that may still be sent.
    left: u64,
    /// Keys, by their place, whose type must be asked for.
    unsure: Vec<usize>,
}

/// A key that is being read.
struct Scan<'k, 'a> {
    place: usize,
    state: &'k KeyState<'a>,
    /// Where the next page begins: a cursor that the server gave, or a number of elements.
    cursor: Vec<u8>,
    from: u64,
    progress: Read<'k, 'a>,
    ended: bool,
}

/// What was read so far.
enum Read<'k, 'a> {
    Members(MembersRead<'k, 'a>),
    List {
        elements: &'k [&'a [u8]],
        same: bool,
    },
    Hash {
        fields: HashMap<&'a [u8], &'a [u8], foldhash::fast::RandomState>,
        same: HashSet<&'a [u8], foldhash::fast::RandomState>,
        other: bool,
    },
    Once,
}

/// What stands beside a member.
#[derive(Clone, Copy)]
enum With<'v> {
    Nothing,
    Score(f64),
    Value(&'v [u8]),
}

struct MembersRead<'k, 'a> {
    members: &'k Members<'a>,
    named: HashMap<&'a [u8], Named<'a>, foldhash::fast::RandomState>,
    /// A page may give a member again that was given before.
    seen: HashSet<Content, foldhash::fast::RandomState>,
    named_seen: HashSet<&'a [u8], foldhash::fast::RandomState>,
    others: u64,
    content: Content,
    /// Of those that are not named, where there should be none.
    gained: Vec<Vec<u8>>,
}

impl<'k, 'a> Scan<'k, 'a> {
    fn new(place: usize, state: &'k KeyState<'a>) -> Option<Self> {
        let progress = match &state.value {
            Value::Absent => return None,
            Value::Members(members) => Read::Members(MembersRead {
                members,
                named: members.named.iter().copied().collect(),
                seen: HashSet::default(),
                named_seen: HashSet::default(),
                others: 0,
                content: Content::default(),
                gained: Vec::new(),
            }),
            Value::List(elements) => Read::List { elements, same: true },
            Value::Hash(fields) => {
                Read::Hash { fields: fields.iter().copied().collect(), same: HashSet::default(), other: false }
            }
            Value::Text(_) | Value::Document(_) | Value::Dump(..) => Read::Once,
        };
        Some(Self { place, state, cursor: b"0".to_vec(), from: 0, progress, ended: false })
    }

    /// The command that reads the next page.
    fn command(&self) -> Vec<Vec<u8>> {
        let text = |text: &str| text.as_bytes().to_vec();
        let key = self.state.key.to_vec();
        let (from, to) = (self.from.to_string(), self.from.saturating_add(PAGE).saturating_sub(1).to_string());
        let count = PAGE.to_string();
        match &self.state.value {
            Value::Members(members) if members.kind == Kind::ZSet => {
                vec![text("ZRANGE"), key, text(&from), text(&to), text("WITHSCORES")]
            }
            Value::Members(members) if members.kind == Kind::Set => {
                vec![text("SSCAN"), key, self.cursor.clone(), text("COUNT"), text(&count)]
            }
            Value::Members(_) | Value::Hash(_) => {
                vec![text("HSCAN"), key, self.cursor.clone(), text("COUNT"), text(&count)]
            }
            Value::List(_) => vec![text("LRANGE"), key, text(&from), text(&to)],
            Value::Text(_) => vec![text("GET"), key],
            Value::Document(_) => vec![text("JSON.GET"), key, text("$")],
            Value::Dump(..) | Value::Absent => vec![text("DUMP"), key],
        }
    }

    /// About how many bytes its answer has.
    fn bytes(&self) -> usize {
        let page = |elements: u64, each: usize| {
            let elements = usize::try_from(elements.saturating_sub(self.from).min(PAGE)).unwrap_or(usize::MAX);
            elements.saturating_mul(each)
        };
        match &self.state.value {
            Value::Members(members) => {
                let first = members.named.first().map_or(MEMBER, |(member, _)| member.len());
                let value = members.named.iter().find_map(|(_, named)| match named {
                    Named::Value(value) => Some(value.len()),
                    _ => None,
                });
                let more = match members.kind {
                    Kind::ZSet => 32,
                    Kind::Hash => value.unwrap_or(MEMBER).saturating_add(8),
                    _ => 8,
                };
                page(members.size(), first.saturating_add(more))
            }
            Value::List(elements) => page(count(elements.len()), elements.first().map_or(MEMBER, |first| first.len())),
            Value::Hash(fields) => {
                let first = fields.first().map_or(MEMBER, |(field, value)| field.len().saturating_add(value.len()));
                page(count(fields.len()), first)
            }
            Value::Text(text) => text.len(),
            Value::Document(text) | Value::Dump(text, _) => text.len(),
            Value::Absent => 0,
        }
    }
}

/// Members of keys that are read at a time.
const AT_ONCE: usize = 100_000;
/// Keys that are read at a time.
const KEYS_AT_ONCE: usize = 5_000;

impl Look<'_> {
    /// Notes that a key was looked at.
    fn looked(&mut self) {
        self.found.keys = self.found.keys.saturating_add(1);
        (self.progress)(self.found.keys);
    }

    fn absent(&mut self, link: &mut dyn Link, keys: &[&KeyState<'_>]) -> Result<(), QueryError> {
        let absent = keys.iter().enumerate().filter(|(_, state)| matches!(state.value, Value::Absent));
        let (places, names): (Vec<usize>, Vec<(u32, &[u8])>) =
            absent.map(|(place, state)| (place, (state.db, state.key))).unzip();
        let mut pipeline = Pipeline::new(link, self.options.limits, |(from, to): (usize, usize), reply| {
            let Reply::Integer(there) = reply else { return Err(QueryError::Refused { command: "EXISTS", reply }) };
            for place in places.get(from..to).unwrap_or_default() {
                match there {
                    0 => self.looked(),
                    _ => self.unsure.push(*place),
                }
            }
            Ok(())
        });
        exist_none(&names, &mut pipeline, |from, to| (from, to))?;
        pipeline.finish()
    }

    /// Reads every key that should be there, some at a time.
    fn scan(&mut self, link: &mut dyn Link, keys: &[&KeyState<'_>]) -> Result<(), QueryError> {
        let mut places = 0..keys.len();
        loop {
            let mut scans = Vec::new();
            let mut members: usize = 0;
            for place in places.by_ref() {
                let Some(scan) = keys.get(place).and_then(|state| Scan::new(place, state)) else { continue };
                members = members.saturating_add(match &scan.state.value {
                    Value::Members(members) => members.named.len(),
                    Value::Hash(fields) => fields.len(),
                    _ => 1,
                });
                scans.push(scan);
                if members >= AT_ONCE || scans.len() >= KEYS_AT_ONCE {
                    break;
                }
            }
            if scans.is_empty() {
                return Ok(());
            }
            self.read(link, &mut scans)?;
        }
    }

    /// Page after page of some keys, a page of each at a time.
    fn read(&mut self, link: &mut dyn Link, scans: &mut [Scan<'_, '_>]) -> Result<(), QueryError> {
        loop {
            let open = scans.iter().enumerate().filter(|(_, scan)| !scan.ended);
            let mut commands: Vec<(usize, u32, Vec<Vec<u8>>, usize)> =
                open.map(|(at, scan)| (at, scan.state.db, scan.command(), scan.bytes())).collect();
            commands.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            if commands.is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(count(commands.len()));
            let limits = self.options.limits;
            let mut pipeline = Pipeline::new(link, limits, |at: usize, reply| match scans.get_mut(at) {
                Some(scan) => self.take(scan, reply),
                None => Ok(()),
            });
            for (at, db, args, bytes) in &commands {
                pipeline.select(*db)?;
                pipeline.push_expecting(args, *at, *bytes)?;
            }
            pipeline.finish()?;
        }
        for scan in scans.iter_mut().filter(|scan| !scan.ended) {
            self.unfinished(scan);
        }
        Ok(())
    }

    fn take(&mut self, scan: &mut Scan<'_, '_>, reply: Reply) -> Result<(), QueryError> {
        let reply = match reply {
            // Of another type, or no command of this server reads it: the type says which.
            Reply::Error(error) if error.class() != Class::Wait && error.kind() != ErrorKind::NoPermission => {
                scan.ended = true;
                self.unsure.push(scan.place);
                return Ok(());
            }
            reply @ Reply::Error(_) => return Err(QueryError::Refused { command: "a look at a key", reply }),
            // REST cannot tell a value from a status.
            Reply::Status(text) => Reply::Bulk(text.into_bytes()),
            reply => reply,
        };
        let state = scan.state;
        match (&mut scan.progress, reply) {
            (Read::Once, Reply::Nil) => self.ended(scan, |look, state| look.missing(state)),
            (Read::Once, Reply::Bulk(found)) => match &state.value {
                Value::Text(text) => self.whole(scan, *text == found),
                Value::Document(text) => self.whole(scan, is_document(text, &found)),
                Value::Dump(dump, _) => {
                    let value = |bytes: &[u8]| Some(bytes.get(..bytes.len().checked_sub(FOOTER)?)?.to_vec());
                    match value(dump).is_some_and(|dump| Some(dump) == value(&found)) {
                        true => self.whole(scan, true),
                        false => {
                            scan.ended = true;
                            self.unsure.push(scan.place);
                        }
                    }
                }
                _ => {}
            },
            (Read::List { elements, same }, Reply::Array(page)) => {
                let from = usize::try_from(scan.from).unwrap_or(usize::MAX);
                let expected = elements.get(from..).unwrap_or_default();
                let found = page.iter().map(|item| item.as_bytes().unwrap_or_default());
                let is_last = count(page.len()) < PAGE;
                let right = page.len() <= expected.len() && found.zip(expected).all(|(found, wanted)| found == *wanted);
                *same &= right && (!is_last || page.len() == expected.len());
                scan.from = scan.from.saturating_add(count(page.len()));
                if is_last {
                    let (same, is_empty) = (*same, scan.from == 0);
                    match is_empty {
                        true => self.ended(scan, |look, state| look.missing(state)),
                        false => self.whole(scan, same),
                    }
                }
            }
            (Read::Members(_) | Read::Hash { .. }, Reply::Array(page)) => return self.take_page(scan, page),
            (_, reply) => return Err(QueryError::Refused { command: "a look at a key", reply }),
        }
        Ok(())
    }

    /// A page of a set, a sorted set or a hash.
    fn take_page(&mut self, scan: &mut Scan<'_, '_>, page: Vec<Reply>) -> Result<(), QueryError> {
        let kind = match &scan.state.value {
            Value::Members(members) => members.kind,
            _ => Kind::Hash,
        };
        let is_zset = kind == Kind::ZSet;
        let items = match is_zset {
            true => page,
            false => {
                let mut parts = page.into_iter();
                match (parts.next(), parts.next()) {
                    (Some(cursor), Some(Reply::Array(items))) => {
                        scan.cursor = match cursor {
                            // REST gives numbers as such.
                            Reply::Integer(number) => number.to_string().into_bytes(),
                            cursor => cursor.as_bytes().unwrap_or(b"0").to_vec(),
                        };
                        items
                    }
                    _ => {
                        let reply = Reply::Nil;
                        return Err(QueryError::Refused { command: "SSCAN or HSCAN", reply });
                    }
                }
            }
        };
        let is_last = if is_zset { count(items.len()) < PAGE.saturating_mul(2) } else { scan.cursor == b"0" };
        scan.from = scan.from.saturating_add(PAGE);
        let is_empty = match &mut scan.progress {
            Read::Members(read) if is_zset => {
                for pair in items.chunks(2) {
                    let [member, score] = pair else { continue };
                    let score = match score {
                        Reply::Double(score) => *score,
                        Reply::Integer(score) => number(score.to_string().as_bytes()).unwrap_or(f64::NAN),
                        score => score.as_bytes().and_then(number).unwrap_or(f64::NAN),
                    };
                    self.member(scan.state, read, &bytes_of(member), With::Score(score));
                }
                read.is_empty()
            }
            Read::Members(read) if kind == Kind::Hash => {
                for pair in items.chunks(2) {
                    let [field, value] = pair else { continue };
                    self.member(scan.state, read, &bytes_of(field), With::Value(&bytes_of(value)));
                }
                read.is_empty()
            }
            Read::Members(read) => {
                for member in &items {
                    self.member(scan.state, read, &bytes_of(member), With::Nothing);
                }
                read.is_empty()
            }
            Read::Hash { fields, same, other } => {
                for pair in items.chunks(2) {
                    let [field, value] = pair else { continue };
                    match fields.get_key_value(&bytes_of(field)[..]) {
                        Some((field, wanted)) if bytes_of(value) == *wanted => {
                            same.insert(field);
                        }
                        _ => *other = true,
                    }
                }
                same.is_empty() && !*other
            }
            _ => false,
        };
        match is_last {
            false => {}
            true if is_empty => self.ended(scan, |look, state| look.missing(state)),
            true => {
                scan.ended = true;
                let state = scan.state;
                match &mut scan.progress {
                    Read::Members(read) => self.members(state, read),
                    Read::Hash { fields, same, other } if *other || same.len() != fields.len() => {
                        self.other_value(state);
                    }
                    _ => {}
                }
                self.looked();
            }
        }
        Ok(())
    }

    fn member(&mut self, state: &KeyState<'_>, read: &mut MembersRead<'_, '_>, member: &[u8], with: With<'_>) {
        let keep = self.options.examples;
        let named = read.named.get_key_value(member).map(|(member, named)| (*member, *named));
        let Some((member, named)) = named else {
            let one = match with {
                With::Nothing => Content::of(member, None),
                With::Score(score) => Content::of(member, Some(score)),
                With::Value(value) => Content::of_field(member, value),
            };
            if read.seen.insert(one) {
                read.others = read.others.saturating_add(1);
                read.content = read.content.plus(one);
                if read.members.is_known() && read.gained.len() < keep {
                    read.gained.push(member.to_vec());
                }
            }
            return;
        };
        if !read.named_seen.insert(member) {
            return;
        }
        let spell = |expected: String, found: String| state.difference(Some(member), expected, found);
        match (named, with) {
            (Named::Gone, _) => {
                self.found.remaining_members.add(keep, || spell("no member".into(), "a member".into()));
            }
            // Zero and minus zero compare equal, and Redis orders them alike.
            (Named::Score(wanted), With::Score(score)) if wanted != score => {
                self.found.wrong_scores.add(keep, || spell(format!("score {wanted}"), format!("score {score}")));
            }
            (Named::Value(wanted), With::Value(value)) if wanted != value => {
                self.found.wrong_fields.add(keep, || spell(quoted(wanted), quoted(value)));
            }
            _ => {}
        }
    }

    /// All members of a key were read.
    fn members(&mut self, state: &KeyState<'_>, read: &MembersRead<'_, '_>) {
        let (keep, members) = (self.options.examples, read.members);
        self.found.members = self.found.members.saturating_add(count(members.named.len()));
        for (member, named) in &members.named {
            if *named != Named::Gone && !read.named_seen.contains(member) {
                let spell = || state.difference(Some(member), "a member".into(), "no member".into());
                self.found.missing_members.add(keep, spell);
            }
        }
        if members.is_known() {
            let tally = &mut self.found.remaining_members;
            for member in &read.gained {
                tally.add(keep, || state.difference(Some(member), "no member".into(), "a member".into()));
            }
            // Those of which no example was kept.
            tally.count = tally.count.saturating_add(read.others.saturating_sub(count(read.gained.len())));
            return;
        }
        if read.others != members.others || members.content.is_some_and(|content| content != read.content) {
            let (expected, found) = (members.others, read.others);
            let found = match expected == found {
                true => format!("{found}, and not the same"),
                false => found.to_string(),
            };
            let expected = format!("{expected} members that no edit names");
            self.found.other_members.add(keep, || state.difference(None, expected, found));
        }
    }

    fn ended(&mut self, scan: &mut Scan<'_, '_>, note: impl FnOnce(&mut Self, &KeyState<'_>)) {
        scan.ended = true;
        note(self, scan.state);
        self.looked();
    }

    /// A value that was read at once, or to its end.
    fn whole(&mut self, scan: &mut Scan<'_, '_>, is_same: bool) {
        self.ended(scan, |look, state| {
            if !is_same {
                look.other_value(state);
            }
        });
    }

    fn other_value(&mut self, state: &KeyState<'_>) {
        let whose = self.whose();
        let spell = || state.difference(None, format!("the {} of the {whose}", state.kind()), "another value".into());
        self.found.other_values.add(self.options.examples, spell);
    }

    /// Where the values come from that are looked for.
    fn whose(&self) -> &'static str {
        match self.found.proven {
            Proven::Target => "plan",
            Proven::Old => "dump",
        }
    }

    /// More was there than should be, and more than may be read.
    fn unfinished(&mut self, scan: &mut Scan<'_, '_>) {
        self.ended(scan, |look, state| {
            let whose = look.whose();
            let spell = || {
                let expected = match &state.value {
                    Value::Members(members) => format!("{} members", members.size()),
                    _ => format!("the {} of the {whose}", state.kind()),
                };
                state.difference(None, expected, "more than can be read with so few commands".into())
            };
            look.found.other_members.add(look.options.examples, spell);
        });
    }

    fn missing(&mut self, state: &KeyState<'_>) {
        if state.expire_at_ms.is_some_and(|at| at <= rfc3339::now_ms()) {
            // Put back, and expired since.
            return;
        }
        let keep = self.options.examples;
        self.found.missing_keys.add(keep, || state.difference(None, state.kind().into(), "no key".into()));
        self.none_of(state);
    }

    /// A key that is not there, or of another type, has none of the members.
    fn none_of(&mut self, state: &KeyState<'_>) {
        let Value::Members(members) = &state.value else { return };
        self.found.members = self.found.members.saturating_add(count(members.named.len()));
        for (member, _) in members.named.iter().filter(|(_, named)| *named != Named::Gone) {
            let spell = || state.difference(Some(member), "a member".into(), "no member".into());
            self.found.missing_members.add(self.options.examples, spell);
        }
    }

    /// What is there in place of what should be, or of nothing.
    fn types(&mut self, link: &mut dyn Link, keys: &[&KeyState<'_>]) -> Result<(), QueryError> {
        let mut unsure = std::mem::take(&mut self.unsure);
        unsure.sort_unstable();
        let mut pipeline = Pipeline::new(link, self.options.limits, |place: usize, reply: Reply| {
            let Some(state) = keys.get(place) else { return Ok(()) };
            let Some(name) = reply.as_bytes() else { return Err(QueryError::Refused { command: "TYPE", reply }) };
            let (keep, shown) = (self.options.examples, display(name));
            match (&state.value, name) {
                (Value::Absent, b"none") => {}
                (Value::Absent, _) => {
                    self.found.unexpected_keys.add(keep, || state.difference(None, "no key".into(), shown));
                }
                (_, b"none") => self.missing(state),
                (_, name) if name != state.kind().as_bytes() => {
                    self.found.wrong_type.add(keep, || state.difference(None, state.kind().into(), shown));
                    self.none_of(state);
                }
                _ => {
                    let spell = || state.difference(None, "what the dump has".into(), "what cannot be compared".into());
                    self.found.not_compared.add(keep, spell);
                }
            }
            self.looked();
            Ok(())
        });
        for (place, state) in unsure.iter().filter_map(|place| Some((*place, keys.get(*place)?))) {
            pipeline.select(state.db)?;
            pipeline.push(&[&b"TYPE"[..], state.key], place)?;
        }
        pipeline.finish()
    }

    fn expiries(&mut self, link: &mut dyn Link, keys: &[&KeyState<'_>]) -> Result<(), QueryError> {
        let keep = self.options.examples;
        let mut pipeline = Pipeline::new(link, self.options.limits, |place: usize, reply: Reply| {
            let Some((state, wanted)) = keys.get(place).and_then(|state| Some((state, state.expire_at_ms?))) else {
                return Ok(());
            };
            match reply {
                // Not there: that was said.
                Reply::Integer(-2) => {}
                Reply::Integer(at) if at == wanted => {}
                Reply::Integer(at) => {
                    let found = if at < 0 { "no expiry".to_owned() } else { format!("expires at {at}") };
                    let spell = || state.difference(None, format!("expires at {wanted}"), found);
                    self.found.wrong_expiry.add(keep, spell);
                }
                // Before 7.0.
                Reply::Error(error) if error.kind() == ErrorKind::UnknownCommand => {}
                reply => return Err(QueryError::Refused { command: "PEXPIRETIME", reply }),
            }
            Ok(())
        });
        for (place, state) in keys.iter().enumerate().filter(|(_, state)| state.expire_at_ms.is_some()) {
            pipeline.select(state.db)?;
            pipeline.push(&[&b"PEXPIRETIME"[..], state.key], place)?;
        }
        pipeline.finish()
    }
}

impl MembersRead<'_, '_> {
    fn is_empty(&self) -> bool {
        self.others == 0 && self.named_seen.is_empty()
    }
}

impl KeyState<'_> {
    /// What `TYPE` answers.
    fn kind(&self) -> &str {
        match &self.value {
            Value::Absent => "none",
            Value::Members(members) => members.kind.type_name(),
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Text(_) => "string",
            Value::Document(_) => "ReJSON-RL",
            Value::Dump(_, kind) => kind,
        }
    }

    fn difference(&self, member: Option<&[u8]>, expected: String, found: String) -> Difference {
        let (key, member) = (self.key.to_vec(), member.map(<[u8]>::to_vec));
        Difference { db: self.db, key, member, expected, found }
    }
}

/// REST gives a member that is a number as such.
fn bytes_of(reply: &Reply) -> std::borrow::Cow<'_, [u8]> {
    match reply {
        Reply::Integer(number) => number.to_string().into_bytes().into(),
        reply => reply.as_bytes().unwrap_or_default().into(),
    }
}

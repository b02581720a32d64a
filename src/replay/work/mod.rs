//! What is to be done now: the commands of a file, less what was done, what must stay, and what never happened.

pub mod acked_but_gone;
mod before;
pub mod expand;
mod in_turn;
pub mod not_applied;

use std::collections::{HashMap, HashSet};

use super::engine::OnDrift;
use super::guard::{Judge, Known, Level};
use super::journal::{Course, Fate, History, Record, Way};
use super::link::Link;
use super::look::exact;
use super::look::forecast::{Expectation, Forecast, State};
use super::look::inspect::{Found, Part, Subject, inspect};
use super::look::preflight::{Drift, Preflight, There, preflight};
use super::look::query::{Difference, LookOptions, QueryError, Tally};
use super::script::commands::Commands;
use super::script::error::ReplayError;
use super::script::item::Item;
use super::script::was::Was;
use super::script::{Script, Verb};
use crate::bundle::manifest::{Bytes, Manifest};
use crate::text::quoted;
use acked_but_gone::Lost;
use expand::{built, one_by_one, taken_out};
use in_turn::in_turn;
use not_applied::Undone;

/// The commands that are still to be sent, and the state in which they should find their keys.
pub struct Work<'a> {
    pub items: Vec<Item<'a>>,
    /// Commands of the whole file; those that only change the database do not count.
    pub of: u64,
    /// Of those, the ones an earlier run sent and has no answer to.
    sent: HashSet<u64>,
    /// What earlier runs in this direction did and can still be seen.
    done: Vec<Item<'a>>,
    /// For a guard.
    pub known: Known<'a>,
    forecast: Forecast<'a>,
    /// On the way back: lists whose old order comes back, by being made again.
    lists: HashSet<(u32, &'a [u8])>,
    /// How many keys of each database have an expiry in the dump, beside those that the plan touches.
    elsewhere: HashMap<u32, u64>,
    way: Way,
    guarded: bool,
}

/// What a look at the database came to.
#[derive(Clone, Debug, Default)]
pub struct Outlook<'a> {
    pub preflight: Preflight<'a>,
    /// Edits that are in place and were not made by an earlier run.
    pub in_place: Tally,
    /// Fields that are neither as they were nor as the edit would leave them: somebody changed them.
    pub changed: Tally,
    /// On the way back, lists that are not as the apply left them. They stay as they are, whatever is done about drift: a
    /// list is something that others work on.
    pub lists: Tally,
    /// Commands of an earlier run that turned out to have been carried out.
    pub found_done: u64,
    /// What of them was, one by one: in a cluster nobody has looked at what it rests on since.
    pub done: Vec<Item<'a>>,
    /// Edits that earlier runs made and that are not there.
    pub lost: Lost,
    /// For the journal: what is left out, and what turned out to be done.
    pub left: Vec<Record>,
}

impl Outlook<'_> {
    /// Whether everything is as the plan expects it.
    pub fn is_calm(&self) -> bool {
        self.preflight.drift.is_empty()
            && self.in_place.is_empty()
            && self.changed.is_empty()
            && self.lost.edits.is_empty()
    }
}

impl<'a> Work<'a> {
    /// Reads the files, and takes away what the journal says was done. What a rollback undoes is what the journal says
    /// was applied, or, if it knows of nothing, everything.
    ///
    /// A guard takes what a key had one by one, instead of deleting it: what came since then stays. `judge` knows of which
    /// keys that is so.
    pub fn new(
        way: Way,
        commands: &Commands<'a>,
        history: &History,
        level: Level,
        judge: Option<&dyn Judge>,
    ) -> Result<Self, ReplayError> {
        let guarded = level == Level::Records;
        let judge = judge.filter(|judge| level != Level::Replies && judge.prunes_any());
        let manifest = commands.files.manifest;
        let mut apply = commands.apply()?.to_vec();
        let mut forecast = Forecast::new(&manifest.touched);
        let elsewhere = elsewhere(manifest);
        let mut known = Known::default();
        // For a guard one command of the file may become several.
        let of = |script, items: &[Item<'a>]| match guarded || judge.is_some() {
            true => Ok(u64::try_from(items.len()).unwrap_or(u64::MAX)),
            false => commands.count(script),
        };
        if way == Way::Apply {
            if guarded || judge.is_some() {
                let rollback = commands.rollback()?;
                let pruned = |db, key: &[u8]| judge.and_then(|judge| judge.prunes(db, key));
                let file = commands.apply()?;
                apply = one_by_one(apply, rollback, |db, key, verb| match pruned(db, key) {
                    Some(pruned) => !pruned.whole,
                    None => guarded && matches!(verb, Verb::SAdd | Verb::ZAdd),
                });
                if guarded {
                    known = Known::there(&apply, rollback);
                }
                if let Some(judge) = judge {
                    known = known.of_pruned(file, rollback, |db, key| pruned(db, key).is_some());
                    apply = in_turn(apply, &known, judge);
                }
            }
            if manifest.touched.iter().any(|touched| touched.kind == "string") {
                forecast.measure(commands.rollback()?);
            }
            if apply.iter().any(|item| matches!(item.verb, Verb::HEdit | Verb::HDel | Verb::SetChanged)) {
                before::tell(&mut apply, commands.rollback()?, way);
            }
            // A guard compares them when it deletes them.
            if !guarded && manifest.touched.iter().any(|touched| touched.kind == "list") {
                before::tell_deleted_lists(&mut apply, commands.rollback()?);
            }
            let of = of(Script::Apply, &apply)?;
            let done = done(&apply, way, history);
            let (items, sent) = take_done(apply, way, history, &mut forecast);
            let lists = HashSet::new();
            return Ok(Self { items, of, sent, done, known, forecast, lists, elsewhere, way, guarded });
        }
        let mut items = commands.rollback()?.to_vec();
        forecast.measure(&items);
        let partly = partly(&history.apply);
        if !partly.is_empty() {
            // A guard left something of keys that it emptied: what comes back is beside that.
            let is_partly = |db: u32, key: &[u8]| partly.contains(&(db, key));
            apply = one_by_one(apply, &items, |db, key, _| is_partly(db, key));
            items = expand::beside(items, &apply, is_partly);
        }
        if guarded {
            known = Known::back(&apply, &items, history.apply.states.clone());
        }
        let built = if guarded { built(&apply, &items) } else { HashMap::new() };
        before::tell(&mut items, &apply, way);
        let lists = before::tell_lists(&mut items, &apply, history.apply.started.as_ref().map(|_| &history.apply));
        if history.apply.started.is_some() {
            let undone = Undone::new(&apply, history);
            take_done(apply, Way::Apply, history, &mut forecast);
            items.retain_mut(|item| undone.happened(item));
            if guarded {
                items = taken_out(items, &built, |db, key, member| !undone.members.contains(&(db, key, member)));
            }
        } else {
            forecast = forecast.after(&apply);
            if guarded {
                items = taken_out(items, &built, |_, _, _| true);
            }
        }
        if !guarded {
            items.iter_mut().for_each(Item::careful);
        }
        let of = of(Script::Rollback, &items)?;
        let done = done(&items, way, history);
        let (items, sent) = take_done(items, way, history, &mut forecast);
        Ok(Self { items, of, sent, done, known, forecast, lists, elsewhere, way, guarded })
    }

    /// How much there is to look at: what the progress of [`Work::look`] counts to.
    pub fn to_look_at(&self) -> u64 {
        let keys = self.keys().len();
        let edits = self.items.iter().filter(|item| item.edits_members() || self.may_have_been_sent(item)).count();
        u64::try_from(keys.saturating_add(edits).saturating_add(self.done.len())).unwrap_or(u64::MAX)
    }

    /// The first command with an argument that is not text, which REST could not carry.
    pub fn first_not_text(&self) -> Option<&Item<'a>> {
        self.items.iter().find(|item| item.args.iter().any(|arg| std::str::from_utf8(arg).is_err()))
    }

    /// Keys that the remaining commands write to.
    fn keys(&self) -> HashSet<(u32, &'a [u8])> {
        self.items.iter().flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect()
    }

    /// Whether an earlier run may have done this already, or, on the way back, may not have done what it undoes.
    fn may_have_been_sent(&self, item: &Item<'a>) -> bool {
        let is_unknown =
            |key: &&[u8]| matches!(self.forecast.get(item.db, key), Some(Expectation { state: State::Unknown, .. }));
        // A list that comes back has elements before it is made again: how many there are says nothing.
        let is_made_again = || item.makes_key() && self.lists.contains(&(item.db, item.key()));
        self.sent.contains(&item.number) || item.keys().iter().any(is_unknown) && !is_made_again()
    }

    /// Looks at every key and every member that the remaining commands touch, and leaves out what must be left out.
    ///
    /// With [`OnDrift::Stop`] the caller must not go on unless [`Outlook::is_calm`].
    pub fn look(
        &mut self,
        link: &mut dyn Link,
        options: &LookOptions,
        on_drift: OnDrift,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Outlook<'a>, QueryError> {
        let mut outlook = Outlook::default();
        let mut keys = self.keys();
        let deleting = self.items.iter().filter(|item| item.verb.deletes_keys());
        for key in deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))) {
            // Looked at as a whole, below.
            if self.lists.contains(&key) {
                keys.remove(&key);
            }
        }
        let expectations: Vec<Expectation<'a>> =
            self.forecast.keys().iter().filter(|key| keys.contains(&(key.db, key.key))).copied().collect();
        // Every difference is needed, not only the first few.
        let all = LookOptions { examples: usize::MAX, ..*options };
        outlook.preflight = preflight(link, &expectations, &self.elsewhere, &all, progress)?;
        let looked_at = outlook.preflight.looked_at;
        if self.way == Way::Apply {
            self.look_at_deleted_lists(link, options, &expectations, &mut outlook.preflight)?;
        }
        let there = expectations.iter().zip(&outlook.preflight.there);
        let there: HashMap<(u32, &[u8]), There<'a>> = there.map(|(key, there)| ((key.db, key.key), *there)).collect();
        let subject = |item| Subject {
            item,
            was_sent: self.may_have_been_sent(item),
            there: there.get(&(item.db, item.key())).copied().unwrap_or_default(),
        };
        let subjects: Vec<Subject<'_, 'a>> = self.items.iter().map(subject).collect();
        let found = inspect(link, &subjects, options, &mut |edits| progress(looked_at.saturating_add(edits)))?;
        let to_look_at = self.to_look_at();
        let done = u64::try_from(self.done.len()).unwrap_or(u64::MAX);
        let lost = acked_but_gone::look(link, &self.done, options, &mut |edits| {
            progress(to_look_at.saturating_sub(done).saturating_add(edits.min(done)));
        })?;
        if !lost.is_believable(self.guarded) {
            outlook.lost = lost;
        }

        let mut drifted = self.drifted(&outlook.preflight.drift, on_drift);
        drifted.extend(self.look_at_lists(link, options, &mut outlook)?);
        let lists = u64::try_from(self.keys().len().saturating_sub(keys.len())).unwrap_or(u64::MAX);
        outlook.preflight.looked_at = looked_at.saturating_add(lists);
        let way = self.way;
        outlook.left = drifted
            .iter()
            .map(|(db, key)| Record::Leave { way, db: *db, key: Bytes(key.clone()), member: None, in_place: false })
            .collect();
        let mut items = Vec::with_capacity(self.items.len());
        let mut done = Vec::new();
        for (mut item, found) in std::mem::take(&mut self.items).into_iter().zip(found) {
            let (db, key, deletes) = (item.db, item.key().to_vec(), item.verb.deletes_keys());
            if !drifted.is_empty()
                && !item.retain(|_, part| !drifted.contains(&(db, if deletes { part.to_vec() } else { key.clone() })))
            {
                continue;
            }
            let was_sent = self.may_have_been_sent(&item);
            if was_sent {
                item.loosen();
            }
            if found == Found::Open {
                items.push(item);
                continue;
            }
            let states: Vec<Part> = (0..item.parts().count()).map(|at| found.part(at)).collect();
            if was_sent {
                let mut made = item.clone();
                if made.retain(|at, _| states.get(at) == Some(&Part::Done)) {
                    outlook.done.push(made);
                }
            }
            let theirs = || item.parts().zip(&states).enumerate().filter(|(_, (_, state))| **state == Part::Theirs);
            for (at, ((_, part), _)) in theirs() {
                let member = item.edits_members().then(|| part.to_vec());
                outlook.changed.add(options.examples, || changed(&item, at, member.clone()));
                let (key, member) = (Bytes(key.clone()), member.map(Bytes));
                outlook.left.push(Record::Leave { way, db, key, member, in_place: false });
            }
            if was_sent {
                let all = states.iter().all(|state| *state == Part::Done);
                outlook.found_done = outlook.found_done.saturating_add(u64::from(all));
                if all {
                    done.push(item.number);
                }
            } else {
                for ((_, member), _) in item.parts().zip(&states).filter(|(_, state)| **state == Part::Done) {
                    outlook.in_place.add(options.examples, || difference(&item, member));
                    let member = Some(Bytes(member.to_vec()));
                    outlook.left.push(Record::Leave { way, db, key: Bytes(key.clone()), member, in_place: true });
                }
            }
            let whole = !item.edits_members() && !item.verb.deletes_keys();
            if !whole && item.retain(|at, _| states.get(at) == Some(&Part::Open)) {
                items.push(item);
            }
        }
        self.leave_expiries(&mut items, &outlook.left);
        // Noted, so that no later run asks again: what was built since would be taken for what was to be deleted.
        let open: HashSet<u64> = items.iter().map(|item| item.number).collect();
        done.dedup();
        for number in done.into_iter().filter(|number| !open.contains(number)) {
            let (first, last) = (number, number);
            let (open, unknown, failed, otherwise) = Default::default();
            outlook.left.push(Record::Intent { way, first, last, nodes: Vec::new() });
            outlook.left.push(Record::Ack { way, first, last, open, unknown, failed, otherwise });
        }
        self.items = items;
        Ok(outlook)
    }

    /// Lists that are not as the apply left them, by database and name.
    fn look_at_lists(
        &self,
        link: &mut dyn Link,
        options: &LookOptions,
        outlook: &mut Outlook<'a>,
    ) -> Result<Vec<(u32, Vec<u8>)>, QueryError> {
        if self.lists.is_empty() {
            return Ok(Vec::new());
        }
        let items: Vec<&Item<'a>> = self.items.iter().filter(|item| item.verb.deletes_keys()).collect();
        let mut changed = Vec::new();
        for found in exact::changed(link, &items, options)? {
            let Some(item) = items.get(found.item) else { continue };
            let Some((_, key)) = item.parts().nth(found.part) else { continue };
            // Gone, it may be our own doing.
            let is_ours = found.is_gone && self.sent.contains(&item.number);
            if is_ours || !self.lists.contains(&(item.db, key)) {
                continue;
            }
            let is = if found.is_gone { "no key" } else { "another list, or another type" };
            outlook.lists.add(usize::MAX, || Difference {
                db: item.db,
                key: key.to_vec(),
                member: None,
                expected: "the list that the apply left".into(),
                found: is.into(),
            });
            changed.push((item.db, key.to_vec()));
        }
        Ok(changed)
    }

    /// Lists that are to be deleted, and that have as many elements as in the dump: whether they are the same.
    fn look_at_deleted_lists(
        &self,
        link: &mut dyn Link,
        options: &LookOptions,
        expectations: &[Expectation<'a>],
        preflight: &mut Preflight<'a>,
    ) -> Result<(), QueryError> {
        let found = expectations.iter().zip(&preflight.there);
        let lists: HashSet<(u32, &[u8])> =
            found.filter(|(_, there)| **there == There::Is("list")).map(|(key, _)| (key.db, key.key)).collect();
        let other_size = preflight.drift.wrong_cardinality.examples.iter();
        let other_size: HashSet<(u32, &[u8])> = other_size.map(|other| (other.db, &other.key[..])).collect();
        let asked = |db: u32, key: &[u8]| lists.contains(&(db, key)) && !other_size.contains(&(db, key));
        let mut items: Vec<Item<'a>> = self.items.iter().filter(|item| item.verb.deletes_keys()).cloned().collect();
        items.retain_mut(|item| {
            let db = item.db;
            item.retain(|_, key| asked(db, key))
        });
        for found in exact::changed(link, &items.iter().collect::<Vec<_>>(), options)? {
            let key = items.get(found.item).and_then(|item| Some((item.db, item.parts().nth(found.part)?.1)));
            let Some((db, key)) = key else { continue };
            preflight.drift.wrong_value.add(usize::MAX, || Difference {
                db,
                key: key.to_vec(),
                member: None,
                expected: "the list of the dump".into(),
                found: "another list".into(),
            });
        }
        Ok(())
    }

    /// Takes out expiries of fields that are left alone.
    fn leave_expiries(&self, items: &mut Vec<Item<'a>>, left: &[Record]) {
        let left: HashSet<(u32, &[u8], &[u8])> = left
            .iter()
            .filter_map(|left| match left {
                Record::Leave { db, key, member: Some(member), .. } => Some((*db, &key.0[..], &member.0[..])),
                _ => None,
            })
            .collect();
        items.retain_mut(|item| {
            let (db, key) = (item.db, item.key());
            item.verb != Verb::HPExpireAt || item.retain(|_, field| !left.contains(&(db, key, field)))
        });
    }

    /// Keys that are left alone because they differ.
    fn drifted(&self, drift: &Drift, on_drift: OnDrift) -> HashSet<(u32, Vec<u8>)> {
        let key = |difference: &Difference| (difference.db, difference.key.clone());
        let deleted: HashSet<(u32, &[u8])> = self
            .items
            .iter()
            .filter(|item| item.verb.deletes_keys())
            .flat_map(|item| item.keys().iter().map(|key| (item.db, *key)))
            .collect();
        let rebuilt: HashSet<(u32, &[u8])> =
            self.items.iter().filter(|item| !item.verb.deletes_keys()).map(|item| (item.db, item.key())).collect();
        let is_deleted = |difference: &&Difference| deleted.contains(&(difference.db, &difference.key[..]));
        match on_drift {
            OnDrift::Stop => HashSet::new(),
            OnDrift::Skip => drift.kinds().into_iter().flat_map(|(_, tally)| tally.examples.iter().map(key)).collect(),
            OnDrift::Proceed => {
                let other_type = drift.wrong_type.examples.iter().filter(|difference| !is_deleted(difference));
                // A key that another type was expected under, and that is simply gone, can be built all the same.
                let gone = drift.missing_keys.examples.iter().filter(is_deleted);
                let gone = gone.filter(|difference| !rebuilt.contains(&(difference.db, &difference.key[..])));
                // Nor is a key replaced that somebody made since. A guard sees to that when the time comes.
                let made: HashSet<(u32, &[u8])> = match self.guarded {
                    true => HashSet::new(),
                    false => {
                        self.items.iter().filter(|item| item.makes_key()).map(|item| (item.db, item.key())).collect()
                    }
                };
                let taken = drift.unexpected_keys.examples.iter();
                let taken = taken.filter(|difference| made.contains(&(difference.db, &difference.key[..])));
                // A string that names something else now is somebody else's.
                let other_value = drift.wrong_value.examples.iter();
                other_type.chain(gone).chain(taken).chain(other_value).map(key).collect()
            }
        }
    }
}

/// Keys of which an apply left something that it should have taken out.
fn partly(apply: &Course) -> HashSet<(u32, &[u8])> {
    let left = apply.left_members.iter().filter(|edit| !apply.in_place.contains(*edit));
    left.map(|(db, key, _)| (*db, &key[..])).collect()
}

/// Keys with an expiry in the dump that the plan does not touch, by database.
fn elsewhere(manifest: &Manifest) -> HashMap<u32, u64> {
    let mut elsewhere = HashMap::new();
    for expiring in &manifest.expiring {
        elsewhere.insert(u32::try_from(expiring.db).unwrap_or(u32::MAX), expiring.keys);
    }
    for touched in manifest.touched.iter().filter(|touched| touched.expire_at_ms.is_some()) {
        if let Some(keys) = elsewhere.get_mut(&u32::try_from(touched.db).unwrap_or(u32::MAX)) {
            *keys = keys.saturating_sub(1);
        }
    }
    elsewhere
}

fn difference(item: &Item<'_>, member: &[u8]) -> Difference {
    let (expected, found) = match item.verb {
        Verb::SAdd => ("no member", "a member"),
        Verb::ZAdd => ("another score, or no member", "the score of the plan"),
        Verb::HEdit => ("another value, or no field", "the value of the plan"),
        Verb::HDel => ("a field", "no field"),
        Verb::LRem => ("an element", "no such element"),
        _ => ("a member", "no member"),
    };
    Difference {
        db: item.db,
        key: item.key().to_vec(),
        member: Some(member.to_vec()),
        expected: expected.into(),
        found: found.into(),
    }
}

/// A part that is neither as it was nor as the command would leave it.
fn changed(item: &Item<'_>, at: usize, member: Option<Vec<u8>>) -> Difference {
    let expected = match item.was(at) {
        Was::Is(value) | Was::AbsentOr(value) => quoted(value),
        _ => "nothing".into(),
    };
    Difference { db: item.db, key: item.key().to_vec(), member, expected, found: "another value".into() }
}

/// Takes out of a command what is left out in every run; whether anything remains.
fn retain_not_left(course: &Course, item: &mut Item<'_>) -> bool {
    if course.left_keys.is_empty() && course.left_members.is_empty() {
        return true;
    }
    let (db, key, deletes) = (item.db, item.key(), item.verb.deletes_keys());
    item.retain(|_, part| {
        let key = if deletes { part } else { key };
        !course.left_keys.contains(&(db, key.to_vec()))
            && (deletes || !course.left_members.contains(&(db, key.to_vec(), part.to_vec())))
    })
}

/// What the journal says was done, as far as it can still be seen.
fn done<'a>(items: &[Item<'a>], way: Way, history: &History) -> Vec<Item<'a>> {
    let course = history.course(way);
    let is_done = |item: &&Item<'a>| course.fate(item.number) == Fate::Done;
    let mut done: Vec<Item<'a>> = items.iter().filter(is_done).cloned().collect();
    done.retain_mut(|item| retain_not_left(course, item));
    acked_but_gone::lasting(done, &items.iter().collect::<Vec<_>>())
}

/// Takes away what was done, notes it in the forecast, and says which commands may have been.
fn take_done<'a>(
    items: Vec<Item<'a>>,
    way: Way,
    history: &History,
    forecast: &mut Forecast<'a>,
) -> (Vec<Item<'a>>, HashSet<u64>) {
    let course = history.course(way);
    let otherwise: HashMap<u64, i64> = course.otherwise.iter().copied().collect();
    let mut sent = HashSet::new();
    let left = items.into_iter().filter_map(|mut item| {
        if !retain_not_left(course, &mut item) {
            return None;
        }
        match course.fate(item.number) {
            Fate::Done => {
                forecast.advance(&item, otherwise.get(&item.number).copied());
                None
            }
            Fate::Failed => None,
            Fate::Open => Some(item),
            Fate::Unknown => {
                sent.insert(item.number);
                forecast.doubt(&item);
                Some(item)
            }
        }
    });
    let left = left.collect();
    (left, sent)
}

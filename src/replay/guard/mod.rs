//! `--guard auto`: what one command cannot be told goes out by a script that looks and edits in one step: entries that are
//! pruned (`prune`), fields, and strings that are changed. Everything else goes as it is.
//!
//! `--guard records`: every edit is decided anew on the record as it is now, and made only if the record is still so.
//!
//! The records of a batch are read and judged here; a script on the server then compares each with what the decision
//! was made on (by type and SHA-1) and edits, in one step that nothing comes between. A record that changed in between
//! is read and judged again.
//!
//! On the way back an edit is undone if its record is as it was when the edit was made, or if undoing it is right by the
//! record as it is now. Otherwise somebody else has written that record since, and the membership is theirs.

mod across;
mod content;
mod known;
mod named;
mod prune;
mod record;
mod script;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::journal::Way;
use super::link::server_error::Class;
use super::link::{Link, Reply};
use super::look::query::{LookOptions, QueryError, ask, ask_all};
use super::script::Verb;
use super::script::item::Item;
use super::script::was::Was;
use super::verify::number;
use crate::dump::slots::slot_of;
use content::Content;
pub use known::Known;

/// Whether `answer`, what `JSON.GET key $` gives, is the document.
pub(super) fn is_document(document: &[u8], answer: &[u8]) -> bool {
    Content::is_document(document, answer)
}

pub use across::Repair;
pub use named::{Entry, Level, Named, Pruned};
use prune::{Checks, Pruning};
pub use prune::{most_parts, named};
use record::Records;
pub use record::Value;
use script::{DECLARED, Scripts};

/// That a record belongs to an index key.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub key: Vec<u8>,
    pub score: f64,
    /// Records that must exist.
    pub require: Vec<Vec<u8>>,
}

/// What decides about the members of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The index, for [`Judge::implied`].
    pub index: usize,
    /// What to ask a document for.
    pub paths: Vec<String>,
    /// What to ask a hash for.
    pub fields: Vec<Vec<u8>>,
}

/// Knows the spec. Outside of here, because nothing else of a replay needs it.
pub trait Judge {
    /// `None` where no record decides: the key's index is retired.
    fn rule(&self, db: u32, key: &[u8]) -> Option<&Rule>;

    /// What the record implies in that index; `None` if that cannot be said.
    fn implied(&mut self, rule: &Rule, record: &[u8], value: &Value) -> Option<Vec<Membership>>;

    /// Whether prune rules decide about any key of the plan.
    fn prunes_any(&self) -> bool;

    /// What prune rules take away from a key of the plan; `None` where there are none for it.
    fn prunes(&self, db: u32, key: &[u8]) -> Option<Pruned>;

    /// What entries of a key name; `None` for one that has not the form of any rule, or names what cannot be told.
    fn named(&self, db: u32, key: &[u8], entries: &[Entry<'_>]) -> Vec<Option<Vec<Named>>>;

    /// What the name of a key names that may also go as a whole ([`Pruned::by_name`]).
    fn named_by_name(&self, db: u32, key: &[u8]) -> Option<Vec<Named>>;

    /// What to ask a named key for, where a condition decides.
    fn asked(&self, condition: (usize, usize)) -> Option<&Rule>;

    /// Whether what was found lets the entry stay, or may do so.
    fn holds(&self, key: (u32, &[u8]), entry: Entry<'_>, condition: (usize, usize), value: &Value) -> bool;
}

/// How a command goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Plain,
    /// As a script with an answer for each part.
    Script(Vec<u8>),
    /// By the script of the command before it, which answers for both.
    With,
    /// As a script that answers like the command, or [`KEPT`].
    Whole(Vec<u8>),
    /// Not at all: no edit of it is left.
    Nothing,
}

/// What a script answers that left a key alone because it is somebody else's.
pub const KEPT: &[u8] = b"KEPT";

/// The guard of one replay.
pub struct Guard<'g> {
    judge: &'g mut dyn Judge,
    level: Level,
    way: Way,
    known: &'g Known<'g>,
    /// In a cluster, the commands of the other file of the bundle.
    others: Option<&'g [Item<'g>]>,
    /// Edits of an earlier run that ended before the second look at them.
    made: Vec<Item<'g>>,
    /// Not known before the server was asked which it takes.
    scripts: Option<Scripts>,
}

/// What becomes of a batch.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Of each command.
    pub shapes: Vec<Shape>,
    /// The edits that are not made, by the place of their command: members, or keys.
    pub kept: Vec<(usize, Vec<Vec<u8>>)>,
    /// By the place of their command, members and the states of their records that the edits depend on.
    pub seen: Vec<(usize, Seen)>,
}

/// Members and the states of their records.
pub type Seen = Vec<(Vec<u8>, String)>;

/// On what an edit is made.
#[derive(Clone, Debug, Default)]
struct Decision<'a> {
    /// The record must be in the state in which it was read.
    on_record: bool,
    /// Required records, and whether each must be there.
    require: Vec<(Vec<u8>, bool)>,
    /// The score that the member must have now, `-` where it must not be there; empty where that does not matter.
    score: Cow<'a, [u8]>,
}

impl<'g> Guard<'g> {
    /// `known` comes from the work that is guarded.
    pub fn new(judge: &'g mut dyn Judge, level: Level, way: Way, known: &'g Known<'g>) -> Self {
        Self { judge, level, way, known, others: None, made: Vec::new(), scripts: None }
    }

    /// How much of a replay it takes care of.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Whether a command is one of a prune rule.
    pub fn prunes(&self, item: &Item<'_>) -> bool {
        use Verb::{Del, HDel, LRem, SRem, Unlink, ZRem};
        self.way == Way::Apply
            && matches!(item.verb, SRem | ZRem | HDel | LRem | Unlink | Del)
            && self.judge.prunes(item.db, item.key()).is_some()
    }

    /// Whether a command may go out by a script.
    pub fn takes(&self, item: &Item<'_>) -> bool {
        match self.level {
            Level::Replies => false,
            Level::Records => true,
            Level::Auto => match item.verb {
                Verb::HEdit | Verb::HDel | Verb::SetChanged => true,
                Verb::Unlink | Verb::Del if self.way == Way::Rollback => item.before.iter().any(|was| *was != Was::Any),
                _ => self.prunes(item),
            },
        }
    }

    /// Reads the records of a batch, and says how each of its commands goes out, and which parts do not. The items lose
    /// the parts that are kept.
    pub fn prepare(
        &mut self,
        link: &mut dyn Link,
        items: &mut [Cow<'_, Item<'_>>],
        options: &LookOptions,
    ) -> Result<Prepared, QueryError> {
        self.ask_for_scripts(link)?;
        let pruning = items.iter().enumerate().filter(|(_, item)| self.prunes(item));
        let pruning = pruning.map(|(place, item)| (place, item.as_ref()));
        let mut pruned = prune::decide(link, &*self.judge, self.known, pruning, options)?;
        let across = self.is_across();
        if across {
            prune::ask_elsewhere(link, items, &mut pruned, options)?;
        }
        let records = self.read(link, items, options)?;
        let judged = self.judge(items, &records);
        let required = exist(link, &judged, options)?;
        let contents = self.contents(link, items, options)?;
        let mut prepared = Prepared::default();
        let Some(scripts) = &self.scripts else { return Ok(prepared) };
        let mut prunings: Vec<(usize, Pruning<'_>)> = Vec::new();
        for ((place, item), edits) in items.iter_mut().enumerate().zip(judged) {
            if let Some(checks) = pruned.remove(&place) {
                let stays = item.parts().zip(&checks).filter(|(_, checks)| checks.is_none());
                let stays: Vec<Vec<u8>> = stays.map(|((_, part), _)| part.to_vec()).collect();
                let mut left = true;
                if !stays.is_empty() {
                    prepared.kept.push((place, stays));
                    left = item.to_mut().retain(|at, _| matches!(checks.get(at), Some(Some(_))));
                }
                prepared.shapes.push(if left { Shape::With } else { Shape::Nothing });
                if left {
                    let db = item.db;
                    let content = |key: &[u8]| self.content_of_pruned(db, key, &contents);
                    let mut checks: Vec<Checks> = checks.into_iter().flatten().collect();
                    if across {
                        let keys =
                            item.parts().map(|(_, part)| if item.verb.deletes_keys() { part } else { item.key() });
                        checks.iter_mut().zip(keys).for_each(|(checks, key)| checks.retain_together(key));
                    }
                    prunings.push((place, Pruning::new(item, checks, content, across)));
                }
                continue;
            }
            if !self.takes(item) {
                prepared.shapes.push(Shape::Plain);
                continue;
            }
            let shape = match item.verb {
                Verb::Unlink | Verb::Del => {
                    let of_keys = item.keys().iter().enumerate().map(|(at, key)| match item.was(at) {
                        Was::Any | Was::Absent | Was::AbsentOr(_) => contents.get(item.db, key, self.known),
                        Was::Is(text) => Content::of_text(text),
                        Was::List(left) => left.known().and_then(|list| Content::of_list(&list)),
                    });
                    // What is too large for a script was looked at just before.
                    let looked_at = self.level == Level::Auto;
                    let of_keys = of_keys.map(|content| content.or_else(|| looked_at.then(Content::any)));
                    Shape::Script(scripts.unlink(item, &of_keys.collect::<Vec<_>>()))
                }
                // It never replaces a key.
                Verb::Restore | Verb::Select => Shape::Plain,
                // It takes out what is equal to its element, and nothing else.
                Verb::LRem => Shape::Plain,
                Verb::HEdit | Verb::HDel | Verb::SetChanged => Shape::Script(scripts.value(item)),
                Verb::PExpireAt => {
                    let content = contents.get(item.db, item.key(), self.known);
                    Shape::Whole(scripts.expire(item, content.as_ref()))
                }
                Verb::Set
                | Verb::SetNew
                | Verb::Append
                | Verb::RPush
                | Verb::HSet
                | Verb::HPExpireAt
                | Verb::JsonSet => Shape::Whole(scripts.make(item, self.known)),
                Verb::SAdd | Verb::SRem | Verb::ZAdd | Verb::ZRem => {
                    let rule = self.judge.rule(item.db, item.key()).cloned().unwrap_or_default();
                    let decide = |(edit, (_, member))| self.decide(item, edit, member, &records, &required);
                    let decisions: Vec<_> = edits.iter().zip(item.parts()).map(decide).collect();
                    let refused = item.parts().zip(&decisions).filter(|(_, decision)| decision.is_none());
                    let refused: Vec<Vec<u8>> = refused.map(|((_, member), _)| member.to_vec()).collect();
                    let mut left = true;
                    if !refused.is_empty() {
                        prepared.kept.push((place, refused));
                        left = item.to_mut().retain(|at, _| matches!(decisions.get(at), Some(Some(_))));
                    }
                    let mut decisions: Vec<_> = decisions.into_iter().flatten().collect();
                    if !left {
                        Shape::Nothing
                    } else if decisions.iter().all(|decision| !decision.on_record && decision.score.is_empty()) {
                        Shape::Plain
                    } else {
                        let on_records = item.parts().zip(&decisions).filter(|(_, decision)| decision.on_record);
                        let states = on_records.filter_map(|((_, member), _)| {
                            Some((member.to_vec(), records.get(&(item.db, member))?.1.clone()))
                        });
                        if self.way == Way::Apply {
                            prepared.seen.push((place, states.collect()));
                        }
                        if across {
                            let key = item.key();
                            for (decision, (_, member)) in decisions.iter_mut().zip(item.parts()) {
                                decision.on_record &= slot_of(member) == slot_of(key);
                                decision.require.retain(|(required, _)| slot_of(required) == slot_of(key));
                            }
                        }
                        Shape::Script(scripts.edit(item, &rule, &records, &decisions))
                    }
                }
            };
            prepared.shapes.push(shape);
        }
        for (first, script) in in_scripts(scripts, &prunings) {
            if let Some(shape) = prepared.shapes.get_mut(first) {
                *shape = Shape::Script(script);
            }
        }
        Ok(prepared)
    }

    /// What a pruned key must hold that goes as a whole: where its text is what goes, that; where records guard, what it
    /// held.
    fn content_of_pruned(&self, db: u32, key: &[u8], contents: &Documents) -> Option<[Vec<u8>; 4]> {
        match self.judge.prunes(db, key) {
            Some(Pruned { whole: false, .. }) => Some(prune::content_of_text(self.known.text(db, key))),
            _ if self.level == Level::Records => Some(Content::arguments(contents.get(db, key, self.known).as_ref())),
            _ => None,
        }
    }

    /// Asks, once, which header the server takes: an error if it runs no scripts.
    pub fn ask_for_scripts(&mut self, link: &mut dyn Link) -> Result<(), QueryError> {
        if self.scripts.is_some() {
            return Ok(());
        }
        let declared = match ask(link, &["EVAL", &format!("{DECLARED}return 1"), "0"])? {
            Reply::Integer(1) => true,
            Reply::Error(error) if error.class() != Class::Wait => match ask(link, &["EVAL", "return 1", "0"])? {
                Reply::Integer(1) => false,
                reply => return Err(QueryError::Refused { command: "EVAL", reply }),
            },
            reply => return Err(QueryError::Refused { command: "EVAL", reply }),
        };
        self.scripts = Some(Scripts::new(declared));
        Ok(())
    }

    /// Whether a record decides about an edit: one of an index that is kept right, and on the way back one whose state
    /// was noted when the edit was made.
    fn is_judged(&self, item: &Item<'_>, member: &[u8]) -> bool {
        self.level == Level::Records
            && item.edits_a_set()
            && self.judge.rule(item.db, item.key()).is_some()
            && (self.way == Way::Apply || self.known.state(item.db, item.key(), member).is_some())
    }

    /// Every record that an edit of the batch is about.
    fn read<'a>(
        &self,
        link: &mut dyn Link,
        items: &[Cow<'_, Item<'a>>],
        options: &LookOptions,
    ) -> Result<Records<'a>, QueryError> {
        if self.level != Level::Records {
            return Ok(Records::default());
        }
        let mut wanted: Vec<(u32, &'a [u8], &Rule)> = Vec::new();
        let mut known = HashSet::new();
        for item in items.iter().filter(|item| item.edits_a_set()) {
            let Some(rule) = self.judge.rule(item.db, item.key()) else { continue };
            for (_, member) in item.parts() {
                if self.is_judged(item, member) && known.insert((item.db, member)) {
                    wanted.push((item.db, member, rule));
                }
            }
        }
        record::read(link, &wanted, options)
    }

    /// For each command, what its edits depend on.
    fn judge<'a>(&mut self, items: &[Cow<'_, Item<'a>>], records: &Records<'a>) -> Vec<Vec<Edit>> {
        let mut one = |item: &Item<'a>| -> Vec<Edit> {
            let Some(rule) = self.judge.rule(item.db, item.key()).filter(|_| item.edits_a_set()).cloned() else {
                return item.parts().map(|_| Edit { db: item.db, judged: None }).collect();
            };
            let edits = item.parts().map(|(score, member)| {
                let judged = self.is_judged(item, member).then(|| {
                    let (value, _) = records.get(&(item.db, member))?;
                    let mut implied = self.judge.implied(&rule, member, value)?;
                    implied.retain(|membership| membership.key == item.key());
                    // That the score has changed since is not a reason to write the old one.
                    if let Some(score) = score {
                        implied.retain(|membership| number(score) == Some(membership.score));
                    }
                    Some(implied)
                });
                Edit { db: item.db, judged }
            });
            edits.collect()
        };
        items.iter().map(|item| one(item)).collect()
    }

    /// Whether an edit is made, and on what that rests.
    fn decide<'s>(
        &'s self,
        item: &Item<'s>,
        edit: &Edit,
        member: &'s [u8],
        records: &Records<'s>,
        required: &HashMap<(u32, Vec<u8>), bool>,
    ) -> Option<Decision<'s>> {
        let mut decision = Decision::default();
        if self.way == Way::Rollback && matches!(item.verb, Verb::ZAdd | Verb::ZRem) {
            decision.score = Cow::Borrowed(self.known.score(item.db, item.key(), member).unwrap_or(b"-"));
        }
        let Some(implied) = &edit.judged else { return Some(decision) };
        decision.on_record = true;
        let state = records.get(&(item.db, member)).map(|(_, state)| state.as_str());
        if self.way == Way::Rollback && state.is_some() && state == self.known.state(item.db, item.key(), member) {
            return Some(decision);
        }
        decision.require = edit.right(item.verb, implied.as_ref()?, required)?;
        Some(decision)
    }

    /// Documents that must be compared here.
    fn contents(
        &self,
        link: &mut dyn Link,
        items: &[Cow<'_, Item<'_>>],
        options: &LookOptions,
    ) -> Result<Documents, QueryError> {
        let whole = items.iter().filter(|item| item.verb.deletes_keys() || item.verb == Verb::PExpireAt);
        let keys = whole.flat_map(|item| item.keys().iter().map(|key| (item.db, *key)));
        let documents: Vec<(u32, &[u8], &[u8])> = keys
            .filter_map(|(db, key)| match self.known.content(db, key) {
                Some(Content::Document(document)) => Some((db, key, *document)),
                _ => None,
            })
            .collect();
        let questions = documents.iter().map(|(db, key, _)| (*db, vec![&b"JSON.GET"[..], key, b"$"]));
        let replies = ask_all(link, options, questions)?;
        let same = documents.iter().zip(replies).filter_map(|((db, key, document), reply)| {
            let answer = reply.as_bytes().filter(|answer| Content::is_document(document, answer))?;
            Some(((*db, key.to_vec()), Content::of_answer(answer)))
        });
        Ok(Documents(same.collect()))
    }
}

/// The scripts for commands that prune, each with the place of its first command: as many commands that follow each other as
/// one script takes.
fn in_scripts(scripts: &Scripts, prunings: &[(usize, Pruning<'_>)]) -> Vec<(usize, Vec<u8>)> {
    let mut all = Vec::new();
    let mut together: Vec<&Pruning<'_>> = Vec::new();
    let (mut first, mut last, mut size): (usize, usize, usize) = (0, 0, prune::HEAD);
    for (place, pruning) in prunings {
        let follows = *place == last.saturating_add(1);
        let fits = size.saturating_add(pruning.arguments()) < prune::MOST_ARGUMENTS;
        if !(follows && fits && together.last().is_some_and(|before| before.goes_with(pruning))) {
            if !together.is_empty() {
                all.push((first, scripts.prune(&together)));
            }
            together.clear();
            (first, size) = (*place, prune::HEAD);
        }
        together.push(pruning);
        size = size.saturating_add(pruning.arguments());
        last = *place;
    }
    if !together.is_empty() {
        all.push((first, scripts.prune(&together)));
    }
    all
}

/// Documents that are what they were a moment ago.
struct Documents(HashMap<(u32, Vec<u8>), Content<'static>>);

impl Documents {
    /// By what a script can compare the content of a key; `None` where it is another, or cannot be compared.
    fn get<'s>(&self, db: u32, key: &'s [u8], known: &'s Known<'_>) -> Option<Content<'s>> {
        match known.content(db, key)? {
            Content::Document(_) => self.0.get(&(db, key.to_vec())).cloned(),
            content => Some(content.clone()),
        }
    }
}

/// What decides about an edit.
struct Edit {
    db: u32,
    /// The memberships that put its member into its key now, `Some(None)` if that cannot be said; `None` where no record
    /// decides.
    judged: Option<Option<Vec<Membership>>>,
}

impl Edit {
    /// Whether the edit is right now, and on which required records (there, or not there) that rests.
    fn right(
        &self,
        verb: Verb,
        implied: &[Membership],
        exist: &HashMap<(u32, Vec<u8>), bool>,
    ) -> Option<Vec<(Vec<u8>, bool)>> {
        let there = |key: &Vec<u8>| exist.get(&(self.db, key.clone())).copied().unwrap_or_default();
        let fulfilled = implied.iter().find(|membership| membership.require.iter().all(there));
        match (verb, fulfilled) {
            (Verb::SAdd | Verb::ZAdd, Some(membership)) => {
                Some(membership.require.iter().map(|key| (key.clone(), true)).collect())
            }
            (Verb::SRem | Verb::ZRem, None) => {
                // Each membership lacks one; that one must still be missing when the edit is made.
                let lacking = implied.iter().filter_map(|membership| membership.require.iter().find(|key| !there(key)));
                Some(lacking.map(|key| (key.clone(), false)).collect())
            }
            _ => None,
        }
    }
}

/// Which of the required records exist.
fn exist(
    link: &mut dyn Link,
    judged: &[Vec<Edit>],
    options: &LookOptions,
) -> Result<HashMap<(u32, Vec<u8>), bool>, QueryError> {
    let edits = judged.iter().flatten().filter_map(|edit| Some((edit.db, edit.judged.as_ref()?.as_ref()?)));
    let all = edits
        .flat_map(|(db, implied)| implied.iter().flat_map(|membership| &membership.require).map(move |key| (db, key)));
    let keys: HashSet<(u32, &Vec<u8>)> = all.collect();
    let keys: Vec<(u32, &Vec<u8>)> = keys.into_iter().collect();
    let questions = keys.iter().map(|(db, key)| (*db, vec![&b"EXISTS"[..], &key[..]]));
    let mut found = HashMap::with_capacity(keys.len());
    for ((db, key), reply) in keys.iter().zip(ask_all(link, options, questions)?) {
        let Reply::Integer(count) = reply else { return Err(QueryError::Refused { command: "EXISTS", reply }) };
        found.insert((*db, (*key).clone()), count > 0);
    }
    Ok(found)
}

/// The answers of a script, one for each part; `None` if it is not such a list.
pub fn answers(reply: &Reply, parts: usize) -> Option<Vec<i64>> {
    let Reply::Array(items) = reply else { return None };
    let numbers = items.iter().map(|item| if let Reply::Integer(number) = item { Some(*number) } else { None });
    numbers.collect::<Option<Vec<i64>>>().filter(|numbers| numbers.len() == parts)
}

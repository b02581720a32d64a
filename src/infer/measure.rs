//! What rules come to on the whole dump: measured as a plan would be, with no brake accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::Error;
use super::candidate::{Candidate, Draft, Judged, Measured, Outcome, percent};
use super::candidates::candidates;
use super::doubts;
use super::guess::Guesses;
use super::memo;
use super::patterns::Pattern;
use super::patterns::is_separator;
use super::presets::Fitting;
use super::references::{Reference, look};
use super::rule::Member;
use super::sample::{Named, Sample};
use super::survey::Survey;
use super::when;
use super::write;
use crate::dump::rdb::{Element, Flow, Kind, Scratch, Visitor};
use crate::dump::scan::Observer;
use crate::index::{DeleteReason, Difference, Effect};
use crate::model::entry::Entries;
use crate::model::spec::{self, Index, IndexType, Spec};
use crate::model::view::Expiry;
use crate::text::display;

/// A rule explains half of the memberships there are, or half of those that it demands are there …
const SHARE: u64 = 50;
/// … and then it explains at least so many in a hundred.
const LEAST_SHARE: u64 = 5;
/// A list of the values of a field has hardly any others: small numbers are found everywhere.
const LIST_SHARE: u64 = 80;
/// Entries of one index that are looked at to know what they name, and of one key.
const ENTRIES: u64 = 200_000;
const OF_A_KEY: u64 = 50_000;
/// Examples of what contradicts a rule.
const EXAMPLES: usize = 3;
/// Entries that name keys are worth a rule from so many on.
const NAMED: u64 = 3;
/// Where those that name nothing look unlike the others, so many in a hundred name one.
const NAMED_SHARE: u64 = 20;

/// What a measure needs.
pub struct Judges<'j, 'a> {
    pub preset: Option<&'j Fitting>,
    /// Only keys that match are of interest.
    pub only: Option<&'j spec::Glob>,
    pub file: &'a [u8],
    pub survey: &'j Survey<'a>,
    pub sample: &'j Sample,
    pub expiry: Expiry,
    pub observer: &'j Observer,
}

/// How rules stand on the whole dump.
#[derive(Default)]
struct Figures {
    /// Of each index of the preset.
    preset: Vec<Measured>,
    drafts: Vec<(Draft, Measured)>,
}

impl<'a> Judges<'_, 'a> {
    /// Measures the rules that most speaks for, and says what is thought of them.
    pub fn judge(&self, guesses: &Guesses, references: Vec<Reference>) -> Result<Outcome, Error> {
        let mut made = candidates(self.sample, guesses);
        made.retain(|one| self.is_asked_for(&|name| one.rule.covers(one.rule.db, name)));
        made.retain(|one| !self.is_of_preset(one.rule.db, one.rule.kind, &|name| one.rule.covers(one.rule.db, name)));
        // Twice at most: what is left out changes what the others come to, and a filter is found from what is missing.
        let Figures { drafts: mut first, .. } = self.measure(made.drain(..).map(Draft::Made).collect(), &references)?;
        for (draft, measured) in &mut first {
            if let Draft::Made(one) = draft
                && measured.missing > 0
                && measured.explained > 0
            {
                let split = when::Split::of(self.survey, self.sample, one)?;
                one.when = split.as_ref().and_then(|split| split.when(self.sample, one));
                one.extreme = split.and_then(|split| split.extreme(self.sample, one));
            }
        }
        let judged = doubts::judge(first, self.sample);
        let (good, mut rejected): (Vec<Judged>, Vec<Judged>) =
            judged.into_iter().partition(|one| is_good(&one.draft, &one.measured));
        let mut drafts: Vec<Draft> = Vec::new();
        let mut taken: Vec<Candidate> = Vec::new();
        let all: Vec<Candidate> = good
            .iter()
            .filter_map(|one| if let Draft::Made(one) = &one.draft { Some(one.clone()) } else { None })
            .collect();
        for one in good {
            let Draft::Made(candidate) = &one.draft else { continue };
            let naming = references.iter().find(|reference| is_same_family(candidate, reference, self.sample));
            // What may be filtered is not made right, but what is gone may go.
            if !one.doubts.is_empty()
                && candidate.when.is_none()
                && naming.is_some_and(|naming| naming.named >= NAMED && !doubts::is_vague(naming))
            {
                rejected.push(one);
                continue;
            }
            taken.push(candidate.clone());
            drafts.push(one.draft);
        }
        for memo in memo::find(self.survey, self.sample, &all)? {
            if !self.is_of_preset(memo.rule.db, memo.rule.kind, &|name| memo.rule.covers(memo.rule.db, name)) {
                taken.push(memo.clone());
                drafts.push(Draft::Made(memo));
            }
        }
        for reference in &references {
            let Pattern { db, kind, .. } = reference.pattern;
            if !self.is_asked_for(&|name| reference.pattern.read(name).is_some()) {
                continue;
            }
            if self.is_of_preset(db, kind, &|name| reference.pattern.read(name).is_some()) {
                continue;
            }
            if reference.named >= NAMED
                && !taken.iter().any(|candidate| is_same_family(candidate, reference, self.sample))
            {
                drafts.push(Draft::Naming(Box::new(reference.clone())));
            }
        }
        let Figures { preset, drafts: second } = self.measure(drafts, &references)?;
        let mut second = doubts::judge(second, self.sample);
        for one in &mut second {
            self.doubt_left_out(one);
        }
        let (second, idle): (Vec<Judged>, Vec<Judged>) = second.into_iter().partition(|one| !is_idle(one));
        let (accepted, mut bad): (Vec<Judged>, Vec<Judged>) =
            second.into_iter().partition(|one| is_good(&one.draft, &one.measured));
        rejected.append(&mut bad);
        Ok(Outcome { preset, accepted, rejected, idle })
    }

    /// Whether keys of a rule are of interest.
    fn is_asked_for(&self, is_own: &dyn Fn(&[u8]) -> bool) -> bool {
        let Some(only) = self.only else { return true };
        self.sample.names.iter().any(|named| is_own(&named.name) && only.matches(&named.name))
    }

    /// Whether the preset takes keys of a rule.
    fn is_of_preset(&self, db: u64, kind: Kind, is_own: &dyn Fn(&[u8]) -> bool) -> bool {
        let Some(preset) = self.preset else { return false };
        let mut own =
            self.sample.names.iter().filter(|named| named.db == db && named.kind == kind && is_own(&named.name));
        own.any(|named| preset.takes(db, kind, &named.name))
    }

    /// Keys beside those that a preset takes are left by whoever knows the application.
    fn doubt_left_out(&self, one: &mut Judged) {
        let Some(preset) = self.preset else { return };
        let first = |name: &[u8]| -> Vec<u8> {
            let end = name.iter().position(is_separator).map_or(0, |at| at.saturating_add(1));
            name.get(..end).unwrap_or_default().to_vec()
        };
        let is_own = |name: &[u8]| match &one.draft {
            Draft::Made(made) => made.rule.covers(made.rule.db, name),
            Draft::Naming(naming) => naming.pattern.read(name).is_some(),
        };
        let own = self.sample.names.iter().find(|named| is_own(&named.name)).map(|named| first(&named.name));
        let taken = |named: &&Named| preset.takes(named.db, named.kind, &named.name);
        if let Some(own) = own.filter(|own| !own.is_empty())
            && self.sample.names.iter().filter(taken).any(|named| first(&named.name) == own)
        {
            one.doubts.push(format!("the preset {} is about keys beside it, and leaves these", preset.name));
        }
    }

    /// The figures of the preset's indexes, and of some rules. What cannot stand in one spec with the others is left out.
    fn measure(&self, mut drafts: Vec<Draft>, references: &[Reference]) -> Result<Figures, Error> {
        let parse = |drafts: &[Draft]| Spec::parse(&write::bare(self.sample, self.preset, drafts), "proposal");
        if parse(&drafts).is_err() {
            drafts.retain(|one| parse(std::slice::from_ref(one)).is_ok());
        }
        let of_preset = self.preset.map_or(0, |preset| preset.spec.indexes.len());
        let spec = loop {
            if drafts.is_empty() && of_preset == 0 {
                return Ok(Figures::default());
            }
            match parse(&drafts) {
                Ok(spec) => break spec,
                Err(_) if drafts.pop().is_some() => {}
                Err(_) => return Ok(Figures::default()),
            }
        };
        let others: Vec<Option<&Reference>> = std::iter::repeat_n(None, of_preset)
            .chain(drafts.iter().map(|draft| match draft {
                Draft::Made(one) => references.iter().find(|reference| is_same_family(one, reference, self.sample)),
                Draft::Naming(_) => None,
            }))
            .collect();
        let mut found = self.figures(&spec, &others)?;
        let mut rest = found.split_off(of_preset.min(found.len()));
        for (draft, measured) in drafts.iter().zip(&mut rest) {
            if let Draft::Naming(one) = draft {
                measured.gone_examples = one.missed.iter().map(|text| display(text)).collect();
                measured.strange = one.strange.iter().map(|text| display(text)).collect();
            }
        }
        Ok(Figures { preset: found, drafts: drafts.into_iter().zip(rest).collect() })
    }

    /// The figures of each index of a spec. `others` are the rules that say of the same keys what their entries name.
    fn figures(&self, spec: &Spec, others: &[Option<&Reference>]) -> Result<Vec<Measured>, Error> {
        let difference = Difference::take(self.file, spec, self.expiry, self.observer)?;
        let mut all: Vec<Measured> = Vec::new();
        let numbers = difference.summaries.iter().zip(&difference.evidence).zip(&difference.references);
        for (((summary, evidence), references), index) in numbers.zip(&spec.indexes) {
            all.push(if index.exists.is_empty() {
                Measured {
                    keys: summary.keys,
                    right_keys: summary.correct_keys,
                    members: summary.members,
                    explained: evidence.right_members,
                    missing: summary.missing_members,
                    missing_in_keys: evidence.missing_members,
                    frozen: summary.frozen.is_some(),
                    ..Measured::default()
                }
            } else {
                Measured {
                    keys: summary.keys,
                    right_keys: summary.correct_keys,
                    members: references.entries,
                    explained: references.formed.saturating_sub(references.going),
                    gone: references.going,
                    formless: references.entries.saturating_sub(references.formed),
                    ..Measured::default()
                }
            });
        }
        for brake in &difference.brakes {
            let counts = matches!(brake.effect, Effect::Refuses | Effect::Keeps);
            if let Some(measured) = brake.index.filter(|_| counts).and_then(|at| all.get_mut(at)) {
                let examples = brake.examples.iter().take(EXAMPLES).cloned().collect::<Vec<_>>().join(", ");
                let examples = if examples.is_empty() { examples } else { format!(": {examples}") };
                measured.brakes.push(format!("{} ({}){examples}", brake.text, brake.brake.as_str()));
            }
        }
        for (rank, _) in difference.rescored.keys() {
            if let Some(measured) = all.get_mut(difference.keys.index(*rank)) {
                measured.rescored = measured.rescored.saturating_add(1);
            }
        }
        let mut looks: Vec<Looks> = all.iter().map(|_| Looks::default()).collect();
        let mut budget = vec![ENTRIES; all.len()];
        let present =
            difference.present.iter().filter(|key| key.stale > 0).map(|key| (key.start, key.index, Some(key.stale)));
        let deleted = difference.deletions.iter().filter(|key| key.reason != DeleteReason::NamedKeysGone);
        for (start, at, stale) in present.chain(deleted.map(|key| (key.start, key.index, None))) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let (Some(index), Some(measured), Some(budget), Some(looks)) =
                (spec.indexes.get(at), all.get_mut(at), budget.get_mut(at), looks.get_mut(at))
            else {
                continue;
            };
            if index.exists.is_empty() {
                let other = others.get(at).copied().flatten();
                self.unexplained(&difference, (spec, index, other), (start, stale), (measured, looks), budget)?;
            }
        }
        for (measured, looks) in all.iter_mut().zip(looks) {
            measured.gone_examples = looks.gone.values().flatten().take(EXAMPLES).cloned().collect();
            let strange = looks.gone.into_iter().filter(|(look, _)| !looks.living.contains(look));
            // Where nothing is there to be compared with, nothing is strange.
            if !looks.living.is_empty() {
                measured.strange = strange.flat_map(|(_, texts)| texts).take(EXAMPLES).collect();
            }
        }
        Ok(all)
    }

    /// Whether a text names a record of some class: the one of the index may be too narrow.
    fn names_another(&self, db: u64, text: &[u8]) -> bool {
        let of_db = self.sample.classes.all.iter().filter(|class| class.db == db);
        of_db.filter_map(|class| class.named_by(text)).any(|(name, _)| self.survey.has(db, &name))
    }

    /// What the entries of a key name of which some, or all, are not explained.
    fn unexplained(
        &self,
        difference: &Difference<'_>,
        (spec, index, other): (&Spec, &Index, Option<&Reference>),
        (start, stale): (u64, Option<u64>),
        (measured, looks): (&mut Measured, &mut Looks),
        budget: &mut u64,
    ) -> Result<(), Error> {
        let record = difference.record(start)?;
        let elements = record.value.elements()?;
        let mut room = Vec::new();
        let name = difference.dump.key(start, &mut room)?;
        let unexplained = stale.unwrap_or(elements);
        let own = is_type(index.kind, record.value.ty.kind());
        let entries = Entries::new(index, name).filter(|_| own && elements <= OF_A_KEY && elements <= *budget);
        let parts = index.from.and_then(|class| spec.records.get(class)).map(|class| &class.key.parts);
        let (Some(entries), Some(parts)) = (entries, parts) else {
            measured.unknown = measured.unknown.saturating_add(unexplained);
            return Ok(());
        };
        *budget = budget.saturating_sub(elements);
        let by_value = matches!(index.kind, IndexType::Hash | IndexType::String);
        let is_key = if by_value {
            index.value.as_ref().is_some_and(|value| value.is_record_key())
        } else {
            index.member.is_record_key()
        };
        if !is_key && !index.makes_up_its_record {
            measured.unknown = measured.unknown.saturating_add(unexplained);
            return Ok(());
        }
        let has = |key: &[u8], text: &[u8]| {
            self.survey.has(index.db, key)
                || self.names_another(index.db, text)
                || other.and_then(|other| other.names(self.survey, name, text)) == Some(true)
        };
        let mut look = Look {
            entries,
            has: &has,
            parts,
            is_key,
            by_value,
            gone: 0,
            formless: 0,
            living: Vec::new(),
            name: Vec::new(),
            looks,
        };
        record.value.visit(&mut Scratch::default(), &mut look)?;
        let gone = look.gone.min(unexplained);
        let unknown = look.formless.min(unexplained.saturating_sub(gone));
        let living = unexplained.saturating_sub(gone).saturating_sub(unknown);
        measured.gone = measured.gone.saturating_add(gone);
        measured.unknown = measured.unknown.saturating_add(unknown);
        measured.living = measured.living.saturating_add(living);
        if living > 0 && stale.is_none() && measured.living_examples.len() < EXAMPLES {
            let example = look.living.first().map_or(String::new(), |entry| format!(" of {}", display(entry)));
            measured.living_examples.push(format!("{}{example}", display(name)));
        } else if living > 0 && measured.living_examples.len() < EXAMPLES {
            measured.living_examples.push(format!("{living} in {}", display(name)));
        }
        Ok(())
    }
}

fn is_type(kind: IndexType, ty: Kind) -> bool {
    matches!(
        (kind, ty),
        (IndexType::Set, Kind::Set)
            | (IndexType::Zset, Kind::Zset)
            | (IndexType::Hash, Kind::Hash)
            | (IndexType::String, Kind::String)
            | (IndexType::List, Kind::List)
    )
}

/// Counts the entries whose record is gone, and those that name none.
struct Look<'l> {
    entries: Entries<'l>,
    /// Whether the record is there: by its key, and by the entry.
    has: &'l dyn Fn(&[u8], &[u8]) -> bool,
    parts: &'l [spec::Part],
    is_key: bool,
    by_value: bool,
    gone: u64,
    formless: u64,
    /// Some of the others.
    living: Vec<Vec<u8>>,
    name: Vec<u8>,
    looks: &'l mut Looks,
}

/// What the entries of an index look like: those whose record is there, and the others, with some of them.
#[derive(Default)]
struct Looks {
    living: BTreeSet<Vec<u8>>,
    gone: BTreeMap<Vec<u8>, Vec<String>>,
}

impl Look<'_> {
    fn entry(&mut self, member: &[u8], value: &[u8]) -> Flow {
        self.name.clear();
        let text = if self.by_value { value } else { member };
        let named = if self.is_key {
            self.name.extend_from_slice(text);
            true
        } else {
            self.entries.read(member, value) && self.entries.fill_parts(self.parts, member, value, &mut self.name)
        };
        if !named {
            self.formless = self.formless.saturating_add(1);
            return ControlFlow::Continue(());
        }
        if !(self.has)(&self.name, text) {
            self.gone = self.gone.saturating_add(1);
            let texts = self.looks.gone.entry(look(text)).or_default();
            if texts.len() < EXAMPLES {
                texts.push(display(text));
            }
            return ControlFlow::Continue(());
        }
        self.looks.living.insert(look(text));
        if self.living.len() < EXAMPLES {
            self.living.push(text.to_vec());
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Look<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.entry(&[], value.bytes)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.entry(member.bytes, &[])
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.entry(member.bytes, &[])
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.entry(field.bytes, value.bytes)
    }
}

/// Whether a rule is about one key alone, of which all entries name keys that are there: such a rule is clutter.
fn is_idle(one: &Judged) -> bool {
    let Draft::Naming(naming) = &one.draft else { return false };
    naming.pattern.vars() == 0 && !naming.names_all && one.measured.gone == 0 && one.measured.formless == 0
}

/// Whether a rule is worth a word.
fn is_good(draft: &Draft, measured: &Measured) -> bool {
    let Draft::Made(candidate) = draft else {
        let is_much = percent(measured.explained, measured.explained.saturating_add(measured.gone)) >= NAMED_SHARE;
        return measured.explained >= NAMED && (is_much || measured.strange.is_empty());
    };
    let (members, records) = (measured.of_members(), measured.of_records());
    if candidate.rule.fields() > 0 {
        let by_records = records >= SHARE && members >= LEAST_SHARE;
        return measured.explained >= 3 && (members >= SHARE || by_records);
    }
    // Any set of records' keys consists of records' keys: that alone makes no register of it.
    let by_field = match &candidate.rule.member {
        Member::Key | Member::Names(_) => true,
        Member::Field(_, path) => {
            *path == u32::MAX
                || members >= LIST_SHARE
                || percent(measured.gone, measured.members.saturating_sub(measured.explained)) >= LIST_SHARE
        }
    };
    measured.explained >= 2 && records >= SHARE && by_field
}

/// Whether two rules are about the same keys.
fn is_same_family(candidate: &Candidate, reference: &Reference, sample: &Sample) -> bool {
    let Pattern { db, kind, names, .. } = &reference.pattern;
    let rule = &candidate.rule;
    let mut some = names.iter().take(16).filter_map(|at| sample.names.get(*at)).peekable();
    *kind == rule.kind && *db == rule.db && some.peek().is_some() && some.any(|named| rule.covers(*db, &named.name))
}

//! What goes out by scripts under `--guard auto`, and what those ask: entries that are pruned, fields, and strings.

use serde::{Deserialize, Serialize};

use crate::dump::rdb::Kind;
use crate::model::spec::{Index, IndexType, Policy};

/// Arguments that one script takes for entries.
const ARGUMENTS: u64 = 7_500;
/// A list that loses more elements by one script is written anew.
const MOST_ELEMENTS: u64 = 100;
/// Elements or keys in one command of a script.
const PAGE: u64 = 1_000;
/// A string or a list is compared and deleted: is it there, of which type, how long, what; gone.
const COMPARED: u64 = 5;

/// What a rule of this kind edits by scripts. What follows from the spec is not written down.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct OfScripts {
    /// It takes away what names a key that is gone.
    #[serde(skip)]
    pub prunes: bool,
    #[serde(skip)]
    kind: Option<IndexType>,
    /// What is looked for, for one entry: keys alone, fields, fields whose value decides, keys whose fields decide.
    #[serde(skip)]
    keys: u64,
    #[serde(skip)]
    fields: u64,
    #[serde(skip)]
    values: u64,
    #[serde(skip)]
    states: u64,
    /// Commands that take entries out of keys that stay, and the entries; for lists the keys.
    removing: (u64, u64, u64),
    /// Elements that one list loses, at most a hundred of each counted; lists that are written anew.
    elements: u64,
    filtered: u64,
    /// Keys that are emptied, the commands that do that, their entries.
    emptied: (u64, u64, u64),
    /// Strings, and keys of any type, that go as a whole.
    strings: u64,
    whole: u64,
    /// Pages of lists among these, and among keys that are emptied.
    pages: u64,
    emptied_pages: u64,
    /// What makes these keys again: commands for sets, commands and members for sorted sets, other commands; expiries.
    sets: u64,
    zsets: (u64, u64),
    others: u64,
    expiring: u64,
    /// Commands that set fields, and the fields; strings that are changed, and that are made.
    setting: (u64, u64),
    changed: u64,
    made: u64,
}

/// What scripts come to: commands that look before, commands of the file that go another way, and what is billed for those.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scripted {
    pub look: u64,
    pub instead: u64,
    pub billed: u64,
    /// Scripts, each of which carries its text.
    pub scripts: u64,
    /// In a cluster: what is asked before and after the edits, because no script sees it.
    pub across: u64,
}

impl OfScripts {
    /// Nothing is counted yet.
    pub fn new(index: &Index) -> Self {
        let count = |wanted: fn(bool, bool) -> bool| {
            let all = index.exists.iter().map(|exists| (exists.field.is_some(), !exists.conditions.is_empty()));
            all.filter(|(field, condition)| wanted(*field, *condition)).count() as u64
        };
        Self {
            prunes: index.policy == Policy::Prune,
            kind: Some(index.kind),
            keys: count(|field, condition| !field && !condition),
            fields: count(|field, condition| field && !condition),
            values: count(|field, condition| field && condition),
            states: count(|field, condition| !field && condition),
            ..Self::default()
        }
    }

    /// Adds what was counted for another part of the database.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.removing.0, other.removing.0),
            (&mut self.removing.1, other.removing.1),
            (&mut self.removing.2, other.removing.2),
            (&mut self.elements, other.elements),
            (&mut self.filtered, other.filtered),
            (&mut self.emptied.0, other.emptied.0),
            (&mut self.emptied.1, other.emptied.1),
            (&mut self.emptied.2, other.emptied.2),
            (&mut self.strings, other.strings),
            (&mut self.whole, other.whole),
            (&mut self.pages, other.pages),
            (&mut self.emptied_pages, other.emptied_pages),
            (&mut self.sets, other.sets),
            (&mut self.zsets.0, other.zsets.0),
            (&mut self.zsets.1, other.zsets.1),
            (&mut self.others, other.others),
            (&mut self.expiring, other.expiring),
            (&mut self.setting.0, other.setting.0),
            (&mut self.setting.1, other.setting.1),
            (&mut self.changed, other.changed),
            (&mut self.made, other.made),
        ] {
            *mine += theirs;
        }
    }

    /// Keys that are deleted.
    pub fn deleted(&self) -> u64 {
        self.emptied.0 + self.strings + self.whole
    }

    /// Whether members of this type are looked for, one by one; `emptied` where keys are emptied so.
    pub fn looks_for(&self, kind: IndexType, emptied: bool) -> bool {
        self.kind == Some(kind) && (self.removing.0 > 0 || emptied && self.emptied.0 > 0)
    }

    /// Lists that are emptied by scripts, which nobody looks at as a whole, in pages.
    pub fn emptied_pages(&self) -> u64 {
        self.emptied_pages
    }

    /// How many lists come back by being made again.
    pub fn lists(&self) -> u64 {
        if self.kind == Some(IndexType::List) { self.removing.2 } else { 0 }
    }

    /// What `--guard records` asks of pruned keys besides: of those that go as a whole what they hold, and on the way back
    /// whether there are any, which scores members have, what expires.
    pub fn by_records(&self, forth: bool) -> u64 {
        match forth {
            true => 3 * self.whole,
            false => self.sets + self.zsets.0 + 2 * self.zsets.1 + 3 * self.others + 8 * self.expiring,
        }
    }

    /// Without scripts: lists that are deleted, as a whole, before anything is sent and again before that.
    pub fn lists_there(&self) -> (u64, u64) {
        let pages = self.pages + self.emptied_pages;
        (pages, pages)
    }

    /// The same on the way back, of lists that lost elements, and of strings that were made.
    pub fn lists_back(&self) -> (u64, u64) {
        (self.lists(), self.lists() + self.made)
    }

    /// A key that is pruned as a whole, of so many elements, which so many commands take out.
    pub fn deletion(&mut self, (kind, elements, expires): (Kind, u64, bool), commands: u64) {
        match kind {
            Kind::Set => self.sets += commands,
            Kind::Zset => {
                self.zsets.0 += commands;
                self.zsets.1 += elements;
            }
            _ => self.others += commands,
        }
        self.expiring += u64::from(expires);
        if self.kind == Some(IndexType::Any) {
            self.whole += 1;
            self.pages += if kind == Kind::List { elements / PAGE + 1 } else { 0 };
        } else if self.kind == Some(IndexType::String) {
            self.strings += 1;
        } else {
            self.emptied.0 += 1;
            self.emptied.1 += commands;
            self.emptied.2 += elements;
            if self.kind == Some(IndexType::List) {
                self.list(elements);
                self.emptied_pages += elements / PAGE + 1;
            }
        }
    }

    fn list(&mut self, elements: u64) {
        self.elements += if elements > MOST_ELEMENTS { 0 } else { elements };
        self.filtered += u64::from(elements > MOST_ELEMENTS);
    }

    pub fn removal(&mut self, commands: u64, entries: u64) {
        self.removing.0 += commands;
        self.removing.1 += entries;
        self.removing.2 += 1;
        if self.kind == Some(IndexType::List) {
            self.list(commands);
        }
    }

    pub fn addition(&mut self, commands: u64, entries: u64, is_present: bool) {
        match self.kind {
            Some(IndexType::Hash) => {
                self.setting.0 += commands;
                self.setting.1 += entries;
            }
            Some(IndexType::String) if is_present => self.changed += commands,
            Some(IndexType::String) => self.made += commands,
            _ => {}
        }
    }

    /// Arguments for one entry.
    fn arguments(&self) -> u64 {
        let must = match self.kind {
            Some(IndexType::Hash) => 2,
            Some(IndexType::String | IndexType::Any) => 4,
            _ => 0,
        };
        3 + must + 3 * self.keys + 4 * self.fields + 5 * self.values + 10 * self.states
    }

    /// What of so many entries is looked at before and after, where it is in other slots, beside what is read anywhere.
    fn across(&self, entries: u64) -> u64 {
        entries * (2 * self.keys + 2 * self.fields + self.values + 2 * self.states)
    }

    /// What the checks of so many entries ask, in so many commands: ahead, and in scripts. Of keys whose fields decide, few
    /// are taken to be there, which are asked again.
    fn checks(&self, commands: u64, entries: u64) -> u64 {
        let exists = if self.keys + self.states > 0 { commands.min(entries) } else { 0 };
        exists + entries * (self.fields + 2 * self.values) + entries * self.states * 9 / 4
    }
}

/// What the way there comes to.
pub fn there<'o>(indexes: impl Iterator<Item = &'o OfScripts>) -> Scripted {
    let mut all = Scripted::default();
    let (mut deleting, mut removing) = (0, 0);
    for of in indexes {
        all.instead += of.setting.0 + of.changed;
        all.billed += of.setting.0 + 2 * of.setting.1 + 3 * of.changed;
        all.scripts += of.setting.0 + of.changed;
        if !of.prunes {
            if of.kind == Some(IndexType::Hash) {
                all.instead += of.removing.0;
                all.billed += of.removing.0 + 2 * of.removing.1;
                all.scripts += of.removing.0;
            }
            continue;
        }
        all.instead += of.removing.0;
        let is_list = of.kind == Some(IndexType::List);
        // What is about one key goes together.
        let (groups_out, groups_in) = (of.emptied.0, of.removing.2);
        // An element that a list has several times goes once.
        let entries = if is_list { of.removing.0 } else { of.removing.1 };
        all.billed += of.checks(groups_out + groups_in, of.emptied.2 + entries);
        all.billed += match is_list {
            // How long is it; each element, or all of it.
            true => groups_out + groups_in + of.elements + 4 * of.filtered,
            // Which are there; gone.
            false => 2 * (groups_out + groups_in),
        };
        let wholes = of.strings + of.whole;
        all.across += of.across(of.emptied.2 + entries + wholes);
        all.billed += of.checks(u64::from(wholes > 0), wholes) + COMPARED * of.strings + 2 * of.whole;
        // Looked at one by one.
        all.look += if is_list { of.emptied.2 } else { of.emptied.1 };
        let arguments = of.arguments();
        deleting += 4 * groups_out + arguments * (of.emptied.2 + wholes);
        removing += 4 * groups_in + arguments * entries;
    }
    let scripts = deleting.div_ceil(ARGUMENTS) + removing.div_ceil(ARGUMENTS);
    all.billed += scripts;
    all.scripts += scripts;
    all
}

/// What the way back comes to.
pub fn back<'o>(indexes: impl Iterator<Item = &'o OfScripts>) -> Scripted {
    let mut all = Scripted::default();
    let mut whole = 0;
    for of in indexes {
        if of.kind == Some(IndexType::Hash) {
            let (commands, fields) = (of.setting.0 + of.removing.0, of.setting.1 + of.removing.1);
            all.instead += commands;
            all.billed += commands + 2 * fields;
            all.scripts += commands;
        }
        all.instead += of.changed;
        all.billed += 3 * of.changed;
        all.scripts += of.changed;
        let lists = of.lists();
        whole += of.made + lists;
        all.billed += COMPARED * (of.made + lists);
    }
    if whole > 0 {
        let commands = whole.div_ceil(PAGE);
        all.instead += commands;
        all.billed += commands;
        all.scripts += commands;
    }
    all
}

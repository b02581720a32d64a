//! `review.html`: what is wrong, what will happen, what it costs and how to undo it, for the person who decides.

mod bugs;
mod cost;
mod examples;
mod head;
mod index;
mod words;

use askama::Template;

use super::MOST_BYTES;
use super::brakes::Brakes;
use super::escape::{Html, Room, code, name, text};
use super::shell::Shell;
use crate::bundle::manifest::Manifest;
use crate::index::{Difference, diagnostics};
use crate::model::spec::{Policy, Spec};
use crate::plan::Figures;
use crate::plan::summary::{Digest, Edit};
use crate::report::inventory::{self, Diagnostic, Family, FamilyKind, Index, findings};
use crate::text::{counted, number, size};
use cost::Cost;
use examples::Budget;
use head::Head;
use index::IndexView;

/// Warnings and findings that are shown.
const WARNINGS: usize = 40;
/// Rows of the table of all indexes.
const ROWS: usize = 200;
/// Rows of the table of families that are not touched.
const FAMILIES: usize = 60;
/// Those that are seen at once.
const OPEN_FAMILIES: usize = 8;
/// Characters of the spec that are shown.
const SPEC: usize = 24_000;

/// Indexes with a section of their own, and bytes of examples: less and less, until the page is small enough.
const SIZES: [(usize, usize); 4] = [(48, 800_000), (24, 300_000), (8, 60_000), (1, 0)];

#[derive(Template)]
#[template(path = "review.html")]
struct Page {
    shell: Shell,
    head: Head,
    brakes: Brakes,
    /// The numbers of every index.
    rows: Vec<Row>,
    more_rows: usize,
    indexes: Vec<IndexView>,
    more_indexes: usize,
    warnings: Vec<Html>,
    more_warnings: usize,
    findings: Vec<FindingView>,
    largest: Vec<LargeView>,
    cost: Cost,
    untouched: Untouched,
    files: Vec<FileView>,
    rules: Rules,
}

struct Row {
    name: Html,
    policy: Html,
    counts: [String; 4],
}

struct FindingView {
    words: Html,
    examples: Vec<Html>,
}

struct LargeView {
    mark: Html,
    what: String,
    size: String,
    key: Html,
    index: Html,
}

struct Untouched {
    keys: String,
    all: String,
    rows: Vec<FamilyView>,
    /// Rows that are folded away.
    folded: Vec<FamilyView>,
    more: usize,
}

struct FamilyView {
    pattern: Html,
    why: Html,
    keys: String,
    bytes: String,
}

struct FileView {
    name: &'static str,
    what: &'static str,
    bytes: String,
    sha256: Html,
}

struct Rules {
    name: Html,
    sha256: Html,
    text: Html,
    caps: String,
}

/// What a page needs to know that its plan does not say.
pub(in crate::report) struct About<'a> {
    pub spec: &'a Spec,
    /// By index.
    pub numbers: Vec<Index>,
    pub diagnostics: Vec<Diagnostic>,
    pub families: Vec<Family>,
}

/// Renders the page of a plan, once everything else of its bundle is known.
pub fn review(difference: &Difference<'_>, manifest: &Manifest, digest: &Digest) -> Vec<u8> {
    let about = About {
        spec: difference.spec,
        numbers: inventory::indexes(difference),
        diagnostics: diagnostics(difference),
        families: inventory::families(difference),
    };
    render(&about, manifest, digest)
}

/// Renders the page of a joined plan.
pub fn review_joined(spec: &Spec, figures: &Figures, manifest: &Manifest) -> Vec<u8> {
    let deleted: Vec<u64> = manifest.indexes.iter().map(|index| index.counts.deleted_keys).collect();
    let about = About {
        spec,
        numbers: inventory::indexes_of(spec, &figures.summaries, &deleted),
        diagnostics: figures.findings.clone(),
        families: inventory::families_of(spec, &figures.families),
    };
    render(&about, manifest, &figures.digest)
}

fn render(about: &About<'_>, manifest: &Manifest, digest: &Digest) -> Vec<u8> {
    let mut page = String::new();
    for (indexes, examples) in SIZES {
        // Writing to memory cannot fail.
        page = Page::new(about, manifest, digest, indexes, examples).render().unwrap_or_default();
        if page.len() < MOST_BYTES {
            break;
        }
    }
    page.into_bytes()
}

impl Page {
    fn new(about: &About<'_>, manifest: &Manifest, digest: &Digest, most: usize, examples: usize) -> Self {
        let numbers = &about.numbers;
        let mut budget = Budget::new(examples);
        let all = about.spec.indexes.iter().zip(numbers).zip(&manifest.indexes).zip(&digest.indexes).enumerate();
        let mut indexes: Vec<IndexView> = all
            .take(most)
            .map(|(at, (((index, numbers), plan), edits))| {
                IndexView::new(about.spec, (at, index), numbers, &plan.counts, edits, &mut budget)
            })
            .collect();
        // One example is seen without a click.
        if let Some(first) = indexes.iter_mut().find_map(|index| index.groups.first_mut()) {
            first.open = true;
        }
        Self {
            shell: Shell::new(),
            brakes: Brakes::new(&manifest.brakes, "plan.json"),
            head: Head::new(manifest, numbers),
            rows: manifest.indexes.iter().take(ROWS).map(row).collect(),
            more_rows: manifest.indexes.len().saturating_sub(ROWS),
            more_indexes: manifest.indexes.len().saturating_sub(indexes.len()),
            indexes,
            warnings: warnings(&about.diagnostics, manifest),
            more_warnings: manifest.warnings.len().saturating_sub(WARNINGS),
            findings: about.diagnostics.iter().filter(|found| matters(found)).map(finding).collect(),
            largest: largest(about.spec, digest),
            cost: Cost::new(manifest),
            untouched: untouched(&about.families, manifest),
            files: files(manifest),
            rules: rules(manifest),
        }
    }

    /// Whether there is nothing to do.
    fn is_empty(&self) -> bool {
        self.head.is_empty
    }

    fn has_patterns(&self) -> bool {
        self.indexes.iter().any(|index| !index.patterns.is_empty())
    }

    fn has_examples(&self) -> bool {
        self.indexes.iter().any(|index| !index.groups.is_empty())
    }
}

/// What to know before all else: the warnings of the plan, and records about which nothing could be decided.
fn warnings(diagnostics: &[Diagnostic], manifest: &Manifest) -> Vec<Html> {
    let undecided = diagnostics.iter().filter(|found| found.code.starts_with("record."));
    let undecided = undecided.map(|found| text(&findings::words(found), Room::PROSE));
    let warnings = manifest.warnings.iter().take(WARNINGS).map(|words| text(words, Room::PROSE));
    warnings.chain(undecided).collect()
}

fn row(index: &crate::bundle::manifest::IndexPlan) -> Row {
    let counts = &index.counts;
    Row {
        name: code(&index.name, Room::LABEL),
        policy: text(&index.policy, Room::LABEL),
        counts: [counts.deleted_keys, counts.added_members, counts.removed_members, counts.commands].map(number),
    }
}

/// Findings that are more than what the rest of the page says.
fn matters(found: &Diagnostic) -> bool {
    // Keys of another type are a class of deletions.
    found.code != "index.wrong_type"
}

fn finding(found: &Diagnostic) -> FindingView {
    FindingView {
        words: text(&findings::words(found), Room::PROSE),
        examples: found.examples.iter().map(|example| text(example, Room::PROSE)).collect(),
    }
}

fn largest(spec: &Spec, digest: &Digest) -> Vec<LargeView> {
    let retires = |at: usize| spec.indexes.get(at).is_some_and(|index| index.policy == Policy::Retire);
    let view = |large: &crate::plan::summary::Large| {
        let (what, thing) = match large.edit {
            Edit::Delete => ("delete key", "element"),
            Edit::Add => ("add members", "member"),
            Edit::Remove => ("remove members", "member"),
            Edit::Rescore => ("change scores", "score"),
        };
        LargeView {
            mark: words::mark(large.edit, retires(large.index)),
            what: what.to_owned(),
            size: counted(large.size, thing),
            key: name(&large.key, Room::NAME),
            index: code(spec.indexes.get(large.index).map_or("", |index| index.name.as_str()), Room::LABEL),
        }
    };
    digest.largest.iter().map(view).collect()
}

fn untouched(families: &[Family], manifest: &Manifest) -> Untouched {
    let there = manifest.touched.iter().filter(|key| key.kind != "none").count();
    let keys = manifest.snapshot.keys.saturating_sub(u64::try_from(there).unwrap_or(u64::MAX));
    let policies: Vec<&str> = manifest.indexes.iter().map(|index| index.policy.as_str()).collect();
    let mut rows = Vec::new();
    for (at, family) in families.iter().enumerate() {
        let why = match family.kind {
            _ if family.keys == 0 => continue,
            FamilyKind::Record => Html::words("records: read, never written"),
            FamilyKind::Other => Html::words("not in the spec"),
            FamilyKind::Index if policies.get(at) == Some(&"report") => Html::words("an index that is only reported"),
            FamilyKind::Index => continue,
        };
        let pattern = crate::text::Truncated::new(&family.pattern.0);
        rows.push((
            family.keys,
            FamilyView {
                pattern: name(&pattern, Room::NAME),
                why,
                keys: number(family.keys),
                bytes: size(family.bytes),
            },
        ));
    }
    // The largest first; of equals in the order of the inventory.
    rows.sort_by_key(|(keys, _)| std::cmp::Reverse(*keys));
    let more = rows.len().saturating_sub(FAMILIES);
    let mut rows: Vec<FamilyView> = rows.into_iter().take(FAMILIES).map(|(_, row)| row).collect();
    let folded = if rows.len() > OPEN_FAMILIES.saturating_add(2) { rows.split_off(OPEN_FAMILIES) } else { Vec::new() };
    Untouched { keys: number(keys), all: number(manifest.snapshot.keys), rows, folded, more }
}

fn files(manifest: &Manifest) -> Vec<FileView> {
    use crate::bundle::manifest::{APPLY, CHANGES, ROLLBACK};
    let files = [
        (APPLY, "the repair, as commands; fit for redis-cli --pipe as it is"),
        (ROLLBACK, "the rollback: type, members, scores and expiry of every touched key"),
        (CHANGES, "every edit with its reason, one per line"),
    ];
    let file = |(name, what)| {
        let id = manifest.files.get(name)?;
        Some(FileView { name, what, bytes: size(id.bytes), sha256: code(&id.sha256, Room::NAME) })
    };
    files.into_iter().filter_map(file).collect()
}

fn rules(manifest: &Manifest) -> Rules {
    let caps = &manifest.caps;
    Rules {
        name: code(&manifest.spec.name, Room::LABEL),
        sha256: code(&manifest.spec.sha256, Room::NAME),
        text: super::escape::lines(&manifest.spec.text, SPEC),
        caps: format!(
            "at most {} and {} each{}",
            counted(caps.max_args, "argument"),
            counted(caps.max_command_bytes, "byte"),
            if manifest.by_slot { ", and none with keys of two slots, since the plan is for a cluster" } else { "" },
        ),
    }
}

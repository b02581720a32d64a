//! `rdb-reindex inventory`.

use std::time::Instant;

use clap::ValueEnum;

use super::args::{DumpArgs, time};
use super::presets::presets_for;
use super::{open, spec};
use crate::advise;
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::index::Difference;
use crate::model::spec::Spec;
use crate::report;
use crate::report::advice::Advice;
use crate::report::inventory::next::Commands;
use crate::report::inventory::{
    ANOTHER_DUMP, AOF_BASE, AOF_TAIL, CHECKSUM_MISMATCH, Checksum, Diagnostic, Inventory, KEY_TWICE, NOT_AT_ONCE,
    SLOTS, Shown, Sort, TRAILING_BYTES, openmetrics::openmetrics, prefixes,
};
use crate::text::{self, rfc3339};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// What is in a dump, and what is wrong with its indexes.
#[derive(Debug, clap::Args)]
pub struct InventoryArgs {
    #[command(flatten)]
    pub dump: DumpArgs,
    /// Judge no index: only tell what is in the dump.
    #[arg(long, conflicts_with_all = ["spec", "preset"])]
    pub no_spec: bool,
    /// End with status 3 if an index is not as it should be, or none could be judged.
    #[arg(long)]
    pub exit_code: bool,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Say which indexes could be smaller or gone, with figures; goes over the dump again.
    ///
    /// Families of indexes that could go; single-field indexes that one with both values in its keys would replace; sets by
    /// time that a sorted set would hold; keys without an expiry whose records have one; sets that would be smaller in another
    /// encoding. Each with keys and bytes in memory before and after, the condition under which it holds, and lines
    /// for a spec. Suggestions, never a part of a plan.
    #[arg(long)]
    pub advise: bool,
    /// So many of the largest keys: in all and of each type by memory, and by elements.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub top: Option<u8>,
    /// By what the rows of the table are sorted, the largest first.
    #[arg(long, value_enum, default_value_t, value_name = "BY")]
    pub sort: SortBy,
    /// Sum up keys by what their names begin with, up to so many parts, in place of families.
    ///
    /// A part ends with `:`, `/`, `|` or `#`. In the table it is a tree; JSON and CSV have it beside the families.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub depth: Option<u8>,
    /// Tell ages as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = time, hide = true)]
    pub now: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For scripts: exact. Bytes that are not UTF-8 are {"base64":"…"}.
    Json,
    /// One page for a browser, with pictures: `> inventory.html`.
    Html,
    /// One table, a row for the dump and for each database, type, family, index and finding: the column `section` says
    /// which. Bytes that are not printable text are escaped.
    Csv,
    /// Gauges for Prometheus and others, for a job that watches the health of indexes.
    Openmetrics,
}

/// By what the rows of the table are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// What keys take in the memory of a server, estimated.
    #[default]
    Memory,
    /// Bytes in the dump.
    Bytes,
    /// Members, fields, entries.
    Elements,
    /// How many keys.
    Keys,
    /// The names, in the order of their bytes.
    Name,
}

impl From<SortBy> for Sort {
    fn from(by: SortBy) -> Self {
        match by {
            SortBy::Memory => Self::Memory,
            SortBy::Bytes => Self::Bytes,
            SortBy::Elements => Self::Elements,
            SortBy::Keys => Self::Keys,
            SortBy::Name => Self::Name,
        }
    }
}

/// Largest keys in JSON and CSV if nobody says how many, and on the page.
const LARGEST: usize = 10;
const LARGEST_ON_PAGE: usize = 50;

pub fn run(args: &InventoryArgs, terminal: &Terminal) -> Outcome {
    let spec = if args.no_spec { Spec::none() } else { spec::load(&args.dump.spec, terminal)? };
    let observer = open::observer();
    let snapshot = open::open_to_look_later(&args.dump, &observer, terminal)?;
    let began = Instant::now();
    let difference = open::count(&args.dump, &snapshot, &spec, &observer)?;
    let (bytes, took) = (text::size(snapshot.len() as u64), began.elapsed().as_secs_f64());
    terminal.detail(format!("read {bytes} in {took:.2} s with {} threads", rayon::current_num_threads()));
    open::times(&observer, terminal);
    open::warn_of_future(&difference, rfc3339::now_ms(), terminal);
    let mut inventory = Inventory::new(&difference, snapshot.path(), snapshot.len() as u64);
    if args.advise && (inventory.snapshot.checksum != Checksum::Mismatch || args.dump.ignore_checksum) {
        inventory.advice = Some(advise(&difference, &snapshot, &observer)?);
    }
    if args.no_spec || (!args.dump.spec.is_given() && inventory.is_foreign()) {
        inventory = inventory.without_spec();
    }
    // The process ends soon: the kernel takes it back faster than it is freed piece by piece.
    std::mem::forget(difference);
    if inventory.snapshot.checksum == Checksum::Mismatch && !args.dump.ignore_checksum {
        let file = text::name(&inventory.snapshot.file.0);
        let found = inventory.diagnostics.iter().find(|diagnostic| diagnostic.code == CHECKSUM_MISMATCH);
        let detail = found.and_then(|found| found.examples.first()).map(String::as_str).unwrap_or_default();
        return Err(Failure::error(format!("{file}: the checksum is wrong: {detail}")).with_hint(open::checksum_hint(
            &snapshot,
            "the dump is damaged: take it again; --ignore-checksum shows what is in it all the same",
        )));
    }
    warn(&inventory.diagnostics, terminal);
    if inventory.is_foreign() {
        inventory.presets = Some(presets_for(&snapshot, &observer)?);
    }
    let commands = commands(&args.dump, &inventory);
    let shown = Shown { top: args.top.map(usize::from), sort: args.sort.into() };
    let least = if args.format == Format::Html { LARGEST_ON_PAGE } else { LARGEST };
    inventory.largest.keep(shown.top.unwrap_or(least));
    inventory.prefixes = args.depth.map(|depth| prefixes(&inventory.families, depth.into()));
    let bytes = match args.format {
        Format::Openmetrics => openmetrics(&inventory),
        Format::Json => report::json(&inventory).map_err(Failure::error)?,
        Format::Html => report::html::inventory(&inventory, &commands),
        Format::Csv => report::csv(&inventory).map_err(Failure::error)?,
        Format::Table => {
            let now = args.now.unwrap_or_else(rfc3339::now_ms);
            report::table(&inventory, shown, now, &commands, terminal.style()).into_bytes()
        }
    };
    terminal.data(&bytes)?;
    let is_well = inventory.spec.is_some() && !inventory.is_foreign() && inventory.is_right();
    Ok(if args.exit_code && !is_well { Exit::NotEmpty } else { Exit::Done })
}

/// Looks at the dump once more, for what its indexes could be instead.
fn advise(difference: &Difference<'_>, snapshot: &Snapshot, observer: &Observer) -> Result<Advice, Failure> {
    let total = snapshot.len() as u64;
    let advice = progress::bytes("looking for advice", total, observer, || advise::advise(difference, observer));
    advice.map(|advice| Advice::new(&advice)).map_err(|error| match error {
        advise::Error::Interrupted => open::interrupted(),
        advise::Error::Dump(error) => open::fault(snapshot, &error),
    })
}

/// Says on standard error what makes the whole dump doubtful, since the data may go where nobody reads it.
fn warn(diagnostics: &[Diagnostic], terminal: &Terminal) {
    for diagnostic in diagnostics {
        let doubtful =
            [ANOTHER_DUMP, AOF_BASE, AOF_TAIL, CHECKSUM_MISMATCH, KEY_TWICE, NOT_AT_ONCE, SLOTS, TRAILING_BYTES];
        if doubtful.contains(&&*diagnostic.code) {
            let detail = diagnostic.examples.join(", ");
            terminal.warn(format!("{} ({detail})", report::words(diagnostic)));
        }
    }
}

/// What may come next with this dump.
fn commands(args: &DumpArgs, inventory: &Inventory) -> Commands {
    let (dump, reading) = (args.words(), args.reading());
    let best = inventory.presets.iter().flatten().next();
    Commands {
        plan: format!("rdb-reindex plan {dump}{}{reading} --out plan", args.spec.words()),
        infer: format!("rdb-reindex infer {dump}{reading}"),
        preset: best.map(|best| format!("rdb-reindex inventory {dump} --preset {}{reading}", best.name)),
    }
}

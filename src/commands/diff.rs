//! `rdb-reindex diff`.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{ExpiryMode, SpecChoice};
use super::{open, spec};
use crate::diff::{self, Diff as Difference, Seed, Side};
use crate::dump::rdb::{Checksum, Tail};
use crate::dump::scan::Observer;
use crate::dump::shards::Look;
use crate::dump::snapshot::Snapshot;
use crate::export::Format;
use crate::model::view::{Expiry, Names};
use crate::report;
use crate::report::diff::rows::{self, diff_rows};
use crate::report::diff::{Dump, Report};
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;
use crate::ui::{interrupt, progress, typed};

/// What changed between two dumps: keys, families, memberships.
///
/// A key changed if its type, its content or its expiry did; another encoding, another order of members, or that it was
/// used is no change.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The earlier dump and the later one; or with --with all shards of the earlier one. `-` is standard input (for one
    /// dump). gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP", required = true, num_args = 1..)]
    pub dumps: Vec<PathBuf>,
    /// All shards of the later dump.
    #[arg(long, value_name = "NEW", num_args = 1..)]
    pub with: Vec<PathBuf>,
    #[command(flatten)]
    pub spec: SpecChoice,
    /// What to tell.
    #[arg(long, value_enum, default_value_t, value_name = "TABLE")]
    pub table: DiffTable,
    /// The form of the output: `table` if not given, for rows `ndjson`.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<DiffFormat>,
    /// End with status 3 if the dumps differ.
    #[arg(long)]
    pub exit_code: bool,
    /// Read the files instead of mapping them into memory.
    #[arg(long)]
    pub no_mmap: bool,
    /// Go on although a checksum is wrong.
    #[arg(long)]
    pub ignore_checksum: bool,
    /// What expiries before 2009 mean, which some services write.
    #[arg(long, value_enum, value_name = "MEANING")]
    pub expiry: Option<ExpiryMode>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffTable {
    /// Counts by family, type and index, and the largest changes.
    #[default]
    Summary,
    /// A row for each key that is not the same.
    Keys,
    /// A row for each member that an index key gained or lost.
    Memberships,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people; the summary only.
    Table,
    /// For scripts; the summary only. Bytes that are not UTF-8 are {"base64":"…"}.
    Json,
    Csv,
    /// One JSON object per line; for rows only.
    Ndjson,
    /// For DuckDB and others: typed columns; for rows only.
    Parquet,
}

impl Diff {
    /// The dumps of both sides.
    fn sides(&self) -> Result<[&[PathBuf]; 2], Failure> {
        match &self.dumps[..] {
            old if !self.with.is_empty() => Ok([old, &self.with]),
            [old, new] => Ok([std::slice::from_ref(old), std::slice::from_ref(new)]),
            dumps => {
                let message = match dumps {
                    [_] => "the later dump is missing",
                    _ => "which of these dumps are the later ones?",
                };
                let hint = "rdb-reindex diff OLD NEW; or rdb-reindex diff OLD… --with NEW…";
                Err(Failure::new(Exit::Usage, message).with_hint(hint))
            }
        }
    }
}

/// What is written, decided before anything is read.
enum Output {
    Summary(DiffFormat),
    Rows(rows::Table, Format),
}

impl Output {
    fn of(args: &Diff) -> Result<Self, Failure> {
        let table = match args.table {
            DiffTable::Summary => None,
            DiffTable::Keys => Some(rows::Table::Keys),
            DiffTable::Memberships => Some(rows::Table::Memberships),
        };
        let usage = |message: &str, hint: &str| Err(Failure::new(Exit::Usage, message).with_hint(hint));
        match (table, args.format) {
            (None, None) => Ok(Self::Summary(DiffFormat::Table)),
            (None, Some(DiffFormat::Ndjson | DiffFormat::Parquet)) => {
                usage("the summary has no rows for ndjson or parquet", "--format json, or --table keys or memberships")
            }
            (None, Some(format)) => Ok(Self::Summary(format)),
            (Some(table), None | Some(DiffFormat::Ndjson)) => Ok(Self::Rows(table, Format::Ndjson)),
            (Some(table), Some(DiffFormat::Csv)) => Ok(Self::Rows(table, Format::Csv)),
            (Some(table), Some(DiffFormat::Parquet)) => {
                super::export::check_format(Format::Parquet, false)?;
                Ok(Self::Rows(table, Format::Parquet))
            }
            (Some(_), Some(DiffFormat::Table | DiffFormat::Json)) => usage(
                "rows are written as csv, ndjson or parquet",
                "--format csv, or --format ndjson, one JSON object per line",
            ),
        }
    }
}

pub fn run(args: &Diff, terminal: &Terminal) -> Outcome {
    let output = Output::of(args)?;
    let [old, new] = args.sides()?;
    if old.iter().chain(new).filter(|path| *path == Path::new("-")).count() > 1 {
        let failure = Failure::new(Exit::Usage, "both dumps are -: standard input holds one");
        return Err(failure.with_hint("name a file for the other"));
    }
    let spec = spec::load(&args.spec, terminal)?;
    let observer = open::observer();
    let open = |paths: &[PathBuf]| {
        let (first, more) = paths.split_first().ok_or_else(|| Failure::new(Exit::Usage, "a dump is missing"))?;
        open::open_all(first, more, !args.no_mmap, args.ignore_checksum, Look::Later, &observer, terminal)
    };
    let (old_file, new_file) = (open(old)?, open(new)?);
    let (names, seed) = (Names::new(&spec), Seed::random());
    let old = read(args, &old_file, "reading the old dump", &names, seed, &observer, terminal)?;
    let new = read(args, &new_file, "reading the new dump", &names, seed, &observer, terminal)?;
    let files = || format!("{} and {}", text::path(old_file.path()), text::path(new_file.path()));
    let diff = Difference::take(old, new, &names, seed, &observer).map_err(|error| failure(&files(), error))?;
    let sizes = ((old_file.path(), old_file.len() as u64), (new_file.path(), new_file.len() as u64));
    let report = Report::new(&diff, sizes.0, sizes.1);
    let mut report = report.map_err(|error| failure(&files(), error.into()))?;
    for dump in [&report.old, &report.new] {
        warn(dump, args, terminal);
    }
    if !args.spec.is_given() && report.is_foreign() {
        report = report.without_spec();
    }
    match output {
        Output::Summary(format) => {
            let bytes = match format {
                DiffFormat::Csv => report::diff_csv(&report).map_err(Failure::error)?,
                DiffFormat::Table => report::diff_table(&report, &command(args), terminal.style()).into_bytes(),
                DiffFormat::Json | DiffFormat::Ndjson | DiffFormat::Parquet => {
                    report::json(&report).map_err(Failure::error)?
                }
            };
            terminal.data(&bytes)?;
        }
        Output::Rows(table, format) => {
            if table == rows::Table::Memberships && report.is_foreign() && report.keys.differ() > 0 {
                let [_, paths] = args.sides()?;
                let new = paths.iter().map(|path| typed::file(path)).collect::<Vec<_>>().join(" ");
                terminal.warn(format!("{}: {}", files(), spec::describes_nothing(&args.spec, &new)));
            }
            interrupt::leaves_with(super::export::INCOMPLETE);
            match diff_rows(&diff, table, format, &mut io::stdout(), &observer) {
                Ok(()) => {}
                // A reader that has seen enough is no error.
                Err(rows::Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(rows::Error::Output(error)) => {
                    return Err(Failure::error(format!("cannot write to standard output: {error}")));
                }
                Err(rows::Error::Interrupted) => {
                    return Err(Failure::new(Exit::Stopped, super::export::INCOMPLETE));
                }
                Err(rows::Error::Dump(error)) => return Err(failure(&files(), error.into())),
            }
        }
    }
    Ok(if args.exit_code && !diff.is_empty() { Exit::NotEmpty } else { Exit::Done })
}

fn read<'a>(
    args: &Diff,
    file: &'a Snapshot,
    what: &'static str,
    names: &Names<'_>,
    seed: Seed,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<Side<'a>, Failure> {
    let expiry = match args.expiry {
        None => Expiry::Careful,
        Some(ExpiryMode::Absolute) => Expiry::Absolute,
        Some(ExpiryMode::Relative) => Expiry::Relative,
    };
    let work = || Side::read(file, file.parts(), names, seed, expiry, observer);
    let side = progress::bytes(what, file.len() as u64, observer, work);
    let path = text::path(file.path());
    let side = side.map_err(|error| match error {
        diff::Error::Dump(error) => open::fault(file, &error),
        error => failure(&path, error),
    })?;
    let facts = &side.facts;
    let checksum = facts.footer.checksum(|| facts.crc64);
    open::hold_together(file, checksum, facts.twice.is_some(), args.ignore_checksum, observer)?;
    if let (Checksum::Wrong { stored, computed }, false) = (checksum, args.ignore_checksum) {
        return Err(Failure::error(format!("{path}: the checksum is {stored:016x}, and should be {computed:016x}"))
            .with_hint(open::checksum_hint(
                file,
                "the dump is damaged: take it again; --ignore-checksum compares what is in it all the same",
            )));
    }
    let bytes = facts.footer.trailing;
    match facts.footer.tail {
        Tail::Commands => terminal
            .warn(format!("{path}: {bytes} bytes of commands (AOF) follow the dump; what they change is not compared")),
        Tail::Dump => terminal
            .warn(format!("{path}: another dump follows the end of the first one ({bytes} bytes); it is not compared")),
        Tail::Empty | Tail::Unknown => {}
    }
    Ok(side)
}

fn failure(file: &str, error: diff::Error) -> Failure {
    match error {
        diff::Error::Interrupted => open::interrupted(),
        diff::Error::Dump(error) => Failure::error(format!("{file}: {error}"))
            .with_hint("the dump is damaged or cut off; `rdb-reindex check` says more"),
        diff::Error::TooMany => Failure::error(format!("{file}: {error}")),
    }
}

fn warn(dump: &Dump, args: &Diff, terminal: &Terminal) {
    let file = text::name(&dump.file.0);
    if dump.doubtful_expiries > 0 && args.expiry.is_none() {
        terminal.warn(format!(
            "{file}: {} have an expiry before 2009: these look like milliseconds that were left, and are not compared; \
             --expiry relative turns them into times, --expiry absolute takes them as they are",
            text::counted(dump.doubtful_expiries, "key")
        ));
    }
    if dump.repeated_keys > 0 {
        terminal.warn(format!(
            "{file}: {} records have the name of an earlier one, and only the first of each counts: no server would load \
             this dump",
            text::number(dump.repeated_keys)
        ));
    }
}

/// The command that makes this comparison.
fn command(args: &Diff) -> String {
    let words = |paths: &[PathBuf]| paths.iter().map(|path| typed::file(path)).collect::<Vec<_>>().join(" ");
    let mut command = format!("rdb-reindex diff {}", words(&args.dumps));
    command.push_str(&args.spec.words());
    match args.expiry {
        Some(ExpiryMode::Absolute) => command.push_str(" --expiry absolute"),
        Some(ExpiryMode::Relative) => command.push_str(" --expiry relative"),
        None => {}
    }
    if !args.with.is_empty() {
        command.push_str(&format!(" --with {}", words(&args.with)));
    }
    command
}

//! `rdb-reindex export`.

pub mod filter;
mod out_file;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::PathBuf;

use clap::ValueEnum;
use out_file::OutFile;

use super::args::DumpArgs;
use super::{open, spec};
use crate::dump::rdb::{Checksum, Tail};
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::export::{Damaged, Error, Export, Finding, Format, Options, Summary, Table};
use crate::text::{self, display};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;
use crate::ui::{interrupt, progress};

/// What is in a dump as rows: keys, their elements, or the members of the indexes.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub dump: DumpArgs,
    /// What a row is.
    #[arg(long, value_enum, default_value_t, value_name = "TABLE")]
    pub table: ExportTable,
    /// The form of a row; unless it is given, what --out ends with says it, else it is csv.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ExportFormat>,
    /// Write to this new file, whole or not at all, for its owner alone, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Leave out keys whose value is damaged, name them, and end with status 1.
    #[arg(long)]
    pub skip_damaged: bool,
    #[command(flatten)]
    pub filter: super::export::filter::Filter,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportTable {
    /// A key.
    #[default]
    Keys,
    /// A string, a member, a field, a stream entry or group, a document.
    Elements,
    /// A member of an index key, and whether it is right: correct, missing, stale, wrong key, held, foreign or conflict.
    Memberships,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object per line. Bytes that are not UTF-8 are {"base64":"…"}.
    Ndjson,
    /// With a header. Bytes that are not UTF-8 are the same JSON.
    Csv,
    /// Typed columns, compressed, for DuckDB, Spark or pandas; to a file or a pipe.
    Parquet,
}

/// What Ctrl-C leaves on standard output.
pub const INCOMPLETE: &str = "interrupted; the rows are incomplete";
const NO_FILE: &str = "interrupted; there is no whole file";

pub fn run(args: &ExportArgs, terminal: &Terminal) -> Outcome {
    let table = match args.table {
        ExportTable::Keys => Table::Keys,
        ExportTable::Elements => Table::Elements,
        ExportTable::Memberships => Table::Memberships,
    };
    let format = format(args);
    check(table, format, args)?;
    let file_out = args.out.as_deref().map(OutFile::new).transpose()?;
    let spec = spec::load(&args.dump.spec, terminal)?;
    let filter = args.filter.build();
    let observer = open::observer();
    // What is damaged is left out of what is known to be one database.
    let open = if args.skip_damaged { open::open } else { open::open_to_look_later };
    let snapshot = open(&args.dump, &observer, terminal)?;
    let parts = if args.skip_damaged { &[][..] } else { snapshot.parts() };
    let file = text::path(snapshot.path());
    let options = Options { table, format, spec: &spec, expiry: args.dump.expiry() };
    let damaged = if args.skip_damaged { Some(find_damaged(&snapshot, &observer, terminal)?) } else { None };
    let prepare = || Export::prepare_without(&snapshot, parts, options, &filter, damaged.as_ref(), &observer);
    let prepared = if Export::reads_ahead(table) {
        progress::bytes("reading", snapshot.len() as u64, &observer, prepare)
    } else {
        prepare()
    };
    let prepared = prepared.map_err(|error| match error {
        Error::Interrupted => open::interrupted(),
        Error::Dump(error) => open::fault(&snapshot, &error),
        error => failure(error, &file, false),
    })?;
    if prepared.twice().is_some() {
        open::no_key_twice(&snapshot, args.dump.ignore_checksum, &observer)?;
    }
    if prepared.has_no_index() {
        terminal.warn(format!("{file}: {}", spec::describes_nothing(&args.dump.spec, &args.dump.words())));
    }
    let mut out = match &file_out {
        Some(out) => out.file.try_clone(),
        // Rows come in large pieces, which the standard library's buffer would only search for line ends.
        None => io::stdout().as_fd().try_clone_to_owned().map(File::from),
    }
    .map_err(|error| Failure::error(format!("cannot write: {error}")))?;
    let is_whole_or_nothing = format == Format::Parquet || file_out.is_some();
    interrupt::leaves_with(if is_whole_or_nothing { NO_FILE } else { INCOMPLETE });
    let work = || {
        let total = prepared.bytes();
        progress::bytes("exporting", total, &observer, || prepared.write(&mut out, &observer))
    };
    let summary = match work() {
        Ok(summary) => summary,
        // A reader that has seen enough is no error.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        Err(Error::Dump(error)) => {
            let mut failure = open::fault(&snapshot, &error);
            if !is_whole_or_nothing {
                failure.message.push_str("; the rows before it have been written");
            }
            return Err(failure);
        }
        Err(error) => return Err(failure(error, &file, !is_whole_or_nothing)),
    };
    warn(&summary, args, terminal);
    let checksum = summary.footer.checksum(|| summary.crc64);
    if !args.skip_damaged {
        let twice = summary.twice.is_some();
        let together = open::hold_together(&snapshot, checksum, twice, args.dump.ignore_checksum, &observer);
        together.map_err(|mut wrong| {
            if wrong.exit == Exit::Stopped {
                return failure(Error::Interrupted, &file, !is_whole_or_nothing);
            }
            wrong.message.push_str("; do not trust the rows");
            wrong
        })?;
    }
    let is_wrong = matches!(checksum, Checksum::Wrong { .. }) && !args.dump.ignore_checksum;
    if let Some(out) = file_out
        && (!is_wrong || args.skip_damaged)
    {
        out.finish()?;
    }
    if let Some(count) = damaged.map(|damaged| damaged.count()).filter(|count| *count > 0) {
        let more = match checksum {
            Checksum::Wrong { .. } => "; the checksum is wrong, so that more may be wrong that cannot be seen",
            Checksum::Absent | Checksum::Right => "",
        };
        return Err(Failure::error(format!(
            "{file}: {} damaged and left out; all other rows are written{more}",
            if count == 1 { "1 key is".to_owned() } else { format!("{} keys are", text::number(count)) }
        ))
        .with_hint("`rdb-reindex check` says more; take the dump again if you can"));
    }
    match checksum {
        Checksum::Wrong { stored, computed } if !args.dump.ignore_checksum => Err(Failure::error(format!(
            "{file}: the checksum is {stored:016x}, and should be {computed:016x}: do not trust the rows"
        ))
        .with_hint(open::checksum_hint(
            &snapshot,
            "the dump is damaged: take it again; --ignore-checksum lets it pass",
        ))),
        _ => Ok(Exit::Done),
    }
}

/// What is asked for, or what the name of the file says.
fn format(args: &ExportArgs) -> Format {
    let extension = args.out.as_ref().and_then(|out| out.extension()?.to_str()).unwrap_or_default();
    match (args.format, extension) {
        (Some(ExportFormat::Ndjson), _) | (None, "ndjson" | "jsonl" | "json") => Format::Ndjson,
        (Some(ExportFormat::Parquet), _) | (None, "parquet") => Format::Parquet,
        (Some(ExportFormat::Csv), _) | (None, _) => Format::Csv,
    }
}

/// Finds what is to be left out, and names it.
fn find_damaged(snapshot: &Snapshot, observer: &Observer, terminal: &Terminal) -> Result<Damaged, Failure> {
    let work = || Damaged::find(snapshot, observer);
    let total = snapshot.len() as u64;
    let damaged = progress::bytes("looking for damage", total, observer, work).map_err(|error| match error {
        Error::Dump(error) => open::fault(snapshot, &error),
        _ => open::interrupted(),
    })?;
    for Finding { start, db, key, value: (kind, encoding), error } in &damaged.first {
        let key = key
            .as_ref()
            .map_or_else(|| "a key whose name cannot be read".to_owned(), |key| format!("the key {}", display(key)));
        terminal.warn(format!(
            "left out: {key} ({kind}, {encoding}) of database {db}, whose record starts at offset {start}: {error}"
        ));
    }
    let more = damaged.count().saturating_sub(damaged.first.len() as u64);
    if more > 0 {
        terminal.warn(format!("and {} more", text::number(more)));
    }
    Ok(damaged)
}

/// Refuses before any work a form that could not be written, or not there.
pub fn check_format(format: Format, to_file: bool) -> Result<(), Failure> {
    if !format.is_built() {
        return Err(Failure::new(Exit::Usage, "this program was built without Parquet").with_hint(
            "`cargo install --path .` builds it with Parquet, `--no-default-features` without; ndjson and csv are there",
        ));
    }
    if format == Format::Parquet && !to_file && io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "Parquet is not text: it would garble this terminal")
            .with_hint("write it to a file: `… --out keys.parquet`"));
    }
    Ok(())
}

/// Refuses before any work what could only fail after it.
fn check(table: Table, format: Format, args: &ExportArgs) -> Result<(), Failure> {
    check_format(format, args.out.is_some())?;
    let filter = &args.filter;
    let asked = [
        ("--type", !filter.types.is_empty()),
        ("--min-bytes", filter.min_bytes > 0),
        ("--expires", !filter.expires.is_empty()),
    ];
    if table == Table::Memberships
        && let Some((option, _)) = asked.iter().find(|(_, asked)| *asked)
    {
        return Err(Failure::new(
            Exit::Usage,
            format!("{option} cannot select memberships: a missing one may be of a key that is not there"),
        )
        .with_hint("--match and --db are for index keys, too"));
    }
    Ok(())
}

/// `rows`: those that have been written can be used.
fn failure(error: Error, file: &str, rows: bool) -> Failure {
    match error {
        Error::Output(error) => Failure::error(format!("cannot write the rows: {error}")),
        Error::Interrupted if rows => Failure::new(Exit::Stopped, INCOMPLETE),
        Error::Interrupted => Failure::new(Exit::Stopped, NO_FILE),
        Error::TooLarge { .. } => {
            Failure::error(format!("{file}: {error}")).with_hint("--format ndjson and csv write any number")
        }
        error => Failure::error(format!("{file}: {error}")),
    }
}

/// Says what the rows do not.
fn warn(summary: &Summary, args: &ExportArgs, terminal: &Terminal) {
    if summary.in_doubt.count > 0 && args.dump.expiry.is_none() {
        terminal.warn(format!(
            "{} keys have an expiry before 2009, the first is {}: these look like milliseconds that were left, and are \
             written as they are; --expiry relative turns them into times, --expiry absolute takes them as they are",
            summary.in_doubt.count, summary.in_doubt.first
        ));
    }
    if summary.undecodable.count > 0 {
        terminal.warn(format!(
            "{} RedisJSON values are not documents, the first is {}",
            summary.undecodable.count, summary.undecodable.first
        ));
    }
    let undecodable = ["record.undecodable", "record.undecidable"].map(|code| summary.diagnostics.count(code));
    if undecodable != [0, 0] {
        terminal.warn(format!(
            "{} records say nothing about their memberships, which are held; `rdb-reindex inventory` says why",
            undecodable[0].saturating_add(undecodable[1])
        ));
    }
    let bytes = summary.footer.trailing;
    match summary.footer.tail {
        Tail::Empty => {}
        Tail::Commands => terminal
            .warn(format!("{bytes} bytes of commands (AOF) follow the dump; what they change is not in these rows")),
        Tail::Dump => terminal
            .warn(format!("another dump follows the end of the first one ({bytes} bytes); it is not in these rows")),
        Tail::Unknown => terminal.warn(format!("{bytes} bytes after the end of the dump were ignored")),
    }
}

//! `rdb-reindex check`.

use std::fmt::Write;
use std::path::PathBuf;

use super::args::READING;
use super::open;
use crate::check::{self, Error, Finding, Oddity, Problem, Report};
use crate::dump::rdb::{Checksum, ErrorKind, Footer, Suspicion, Tail};
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::text::display;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// Whether a dump is whole: every byte, every value, every name, and the checksum.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The dump; `-` is standard input. gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps: the other shards of the same database.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    /// Read the file instead of mapping it into memory.
    #[arg(long, help_heading = READING)]
    pub no_mmap: bool,
}

pub fn run(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let observer = open::observer();
    let dumps = open::open_each(&args.dump, &args.more, !args.no_mmap, &observer, terminal)?;
    let mut exit = Exit::Done;
    for dump in &dumps {
        if one(dump, &observer, terminal)? != Exit::Done {
            exit = Exit::Error;
        }
    }
    if exit == Exit::Done && dumps.len() > 1 {
        // Each is whole; together they are only if they share no key.
        open::join(&dumps, false, &observer)?;
    }
    Ok(exit)
}

/// Checks one dump.
fn one(snapshot: &Snapshot, observer: &Observer, terminal: &Terminal) -> Outcome {
    let file = open::name(snapshot.path());
    let work = || check::run(snapshot, observer);
    let report = match progress::bytes("checking", snapshot.len() as u64, observer, work) {
        Ok(report) => report,
        Err(Error::Interrupted) => return Err(Failure::new(Exit::Stopped, "interrupted")),
        Err(Error::Header(error)) => {
            return Err(Failure::error(format!("{file}: {error}")).with_hint(match error.kind {
                // It would lead back here.
                ErrorKind::Magic(_) | ErrorKind::Version { .. } => error.hint(),
                _ => "take the dump again if you can",
            }));
        }
    };
    let first = report.findings.first();
    let cause = first.and_then(|finding| match &finding.problem {
        Problem::Format(error) => open::cause(snapshot, error),
        _ => Suspicion::of(snapshot),
    });
    let cause = cause.or_else(|| if report.checksum_is_wrong() { Suspicion::of(snapshot) } else { None });
    terminal.text(&render(&file, &report, cause))?;
    if let Some(Footer { trailing, tail, .. }) = report.footer {
        match tail {
            Tail::Empty => {}
            Tail::Commands => terminal.warn(format!(
                "{trailing} bytes of commands (AOF) follow the dump: they change what is in it, and have not been checked"
            )),
            Tail::Dump => terminal.warn(format!(
                "another dump follows the end of the first one ({trailing} bytes): it has not been checked"
            )),
            Tail::Unknown => {
                terminal.warn(format!("{trailing} bytes follow the end of the dump; servers ignore them"));
            }
        }
    }
    Ok(if report.is_whole() { Exit::Done } else { Exit::Error })
}

/// What a person reads. Writing to a string cannot fail.
fn render(file: &str, report: &Report, cause: Option<Suspicion>) -> String {
    let mut text = String::new();
    let unreadable = report.unreadable();
    let verdict = match unreadable {
        _ if report.is_whole() => "whole",
        Some(_) => "not readable",
        None => "damaged",
    };
    let _ = writeln!(text, "{verdict}: {file}");
    let _ = writeln!(text, "  format: {} {}", report.header.flavor, report.header.version);
    let _ = match report.footer {
        Some(_) => writeln!(text, "  keys: {}", report.keys),
        None => {
            let what = if unreadable.is_some() { "it" } else { "the damage" };
            writeln!(text, "  keys: {} were read before {what}", report.whole_keys)
        }
    };
    if report.functions > 0 {
        let _ = writeln!(text, "  function libraries: {}", report.functions);
    }
    if !report.module_aux.is_empty() {
        let _ = writeln!(text, "  data of modules beside the keys: {}", report.module_aux.join(", "));
    }
    if report.member_expiries > 0 {
        let _ = writeln!(text, "  expiries of members (KeyDB): {}", report.member_expiries);
    }
    let _ = writeln!(text, "  checksum: {}", checksum(report));
    for (oddity, (count, first)) in &report.oddities {
        let _ = writeln!(text, "  note: {count} {}, the first at offset {first}", words(*oddity));
    }
    for finding in &report.findings {
        let label = if unreadable.is_some() { "stopped by" } else { "damage" };
        let _ = writeln!(text, "  {label}: {}", finding.problem);
        let _ = writeln!(text, "    in {}", place(finding));
    }
    let more = report.damaged.saturating_sub(report.findings.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    if let Some(cause) = cause {
        let _ = writeln!(text, "  cause: {cause}");
    }
    if let Some(error) = unreadable {
        let _ = writeln!(text, "  hint: {}", error.hint());
    } else if !report.findings.is_empty() {
        let _ = writeln!(text, "  whole keys before the first damage: {}", report.whole_keys);
    } else if report.checksum_is_wrong() {
        text.push_str("  every value is well formed: what was changed cannot be told from the bytes\n");
    }
    text
}

fn checksum(report: &Report) -> String {
    match report.checksum() {
        Some(Checksum::Absent) if report.footer.is_some_and(|footer| footer.crc.is_none()) => {
            format!("absent (version {} has none)", report.header.version)
        }
        Some(Checksum::Absent) => "absent (the server did not compute it)".to_owned(),
        Some(Checksum::Right) => "verified".to_owned(),
        Some(Checksum::Wrong { stored, computed }) => {
            format!("wrong: the file says {stored:016x}, its bytes give {computed:016x}")
        }
        None => "not reached".to_owned(),
    }
}

fn place(finding: &Finding) -> String {
    let start = finding.start;
    let Some(db) = finding.place.db else {
        return format!("what stands at offset {start} ({start:#x}), which is no key");
    };
    let key = match &finding.place.key {
        Some(key) => format!("the key {}", display(key)),
        None => "a key whose name cannot be read".to_owned(),
    };
    let value = match &finding.place.value {
        Some((name, encoding)) => format!(" ({name}, {encoding})"),
        None => String::new(),
    };
    format!("{key}{value} of database {db}, whose record starts at offset {start} ({start:#x})")
}

fn words(oddity: Oddity) -> &'static str {
    match oddity {
        Oddity::Empty => "collections without elements, which a server leaves out",
        Oddity::StreamLength => "streams that tell another length than they have, as early servers wrote them",
        Oddity::StreamFirstId => "streams that tell another first id than they have",
        Oddity::JsonVersion => "RedisJSON documents of an unknown version, which were not read",
        Oddity::Module => "values of other modules, whose meaning was not looked at",
    }
}

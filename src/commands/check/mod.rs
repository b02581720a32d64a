//! `rdb-reindex check`.

mod json;
mod text;

use std::path::PathBuf;

use super::args::{READING, TextFormat};
use super::open;
use crate::check::{self, Error, Problem, Together};
use crate::dump::rdb::{ErrorKind, Footer, Header, Suspicion, Tail};
use crate::dump::scan::Observer;
use crate::dump::shards::Look;
use crate::dump::snapshot::Snapshot;
use crate::report;
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
    /// The form of the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: TextFormat,
}

pub fn run(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let observer = open::observer();
    let dumps = open::open_each(&args.dump, &args.more, !args.no_mmap, &observer, terminal)?;
    let mut exit = Exit::Done;
    let (mut told, mut ends) = (Vec::new(), Vec::new());
    let mut together = (dumps.len() > 1).then(Together::default);
    for dump in &dumps {
        let json = (args.format == TextFormat::Json).then_some(&mut told);
        let (whole, end) = one(dump, together.as_mut(), json, &observer, terminal)?;
        ends.push(end);
        if whole != Exit::Done {
            exit = Exit::Error;
        }
    }
    if args.format == TextFormat::Json {
        terminal.data(&report::json(&json::all(told)).map_err(Failure::error)?)?;
    }
    // Each is whole; together they are only if they share no key.
    if let (Some(together), Exit::Done) = (together, exit) {
        let all = dumps.iter().zip(&ends).map(|(dump, (header, trailing))| (dump.path(), *header, *trailing));
        if !open::fit_together(&dumps, all)? {
            open::join(dumps, Look::Now, false, &observer)?;
        } else if let Some(shared) = together.shared(&dumps.iter().map(|dump| &**dump).collect::<Vec<_>>()) {
            return Err(open::shared_key(&dumps, shared));
        }
    }
    Ok(exit)
}

/// Checks one dump, of several or alone; says what was found, or adds it to what is written as JSON. Tells whether it is
/// whole, its header, and how many bytes follow its end.
fn one(
    snapshot: &Snapshot,
    together: Option<&mut Together>,
    json: Option<&mut Vec<json::Checked>>,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<(Exit, (Header, usize)), Failure> {
    let file = open::name(snapshot.path());
    let work = || match together {
        Some(together) => together.run(snapshot, observer),
        None => check::run(snapshot, observer),
    };
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
    match json {
        Some(told) => told.push(json::checked(&file, &report, cause)),
        None => terminal.text(&text::render(&file, &report, cause))?,
    }
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
    let trailing = report.footer.map_or(0, |footer| footer.trailing);
    Ok((if report.is_whole() { Exit::Done } else { Exit::Error }, (report.header, trailing)))
}

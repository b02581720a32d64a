//! `rdb-reindex export`.

use std::io;

use super::args::{self, ExportFormat, ExportTable};
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use super::{dump, progress, spec};
use crate::export::{self, Error, Format, Options, Table};

pub fn run(args: &args::Export, terminal: &Terminal) -> Outcome {
    let table = match args.table {
        ExportTable::Keys => Table::Keys,
        ExportTable::Elements => Table::Elements,
        ExportTable::Memberships => return Err(not_yet("the table memberships", "keys and elements")),
    };
    let format = match args.format {
        ExportFormat::Ndjson => Format::Ndjson,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Parquet => return Err(not_yet("the format parquet", "ndjson and csv")),
    };
    let spec = spec::load(args.dump.spec.as_deref(), terminal)?;
    let observer = dump::observer();
    let snapshot = dump::open(&args.dump, &observer)?;
    let file = snapshot.path().display();
    let options = Options { table, format, spec: &spec, expiry: args.dump.expiry() };
    let work = || export::run(&snapshot, options, &mut io::stdout().lock(), &observer);
    let summary = match progress::bytes(terminal, "exporting", snapshot.len() as u64, &observer, work) {
        Ok(summary) => summary,
        // A reader that has seen enough is no error.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        Err(Error::Output(error)) => {
            return Err(Failure::error(format!("cannot write to standard output: {error}")));
        }
        Err(Error::Interrupted) => return Err(Failure::new(Exit::Stopped, "interrupted; the rows are incomplete")),
        Err(Error::Dump(error)) => {
            return Err(Failure::error(format!("{file}: {error}; the rows before it have been written"))
                .with_hint("`rdb-reindex check` says more; take the dump again if you can"));
        }
    };
    if summary.in_doubt.count > 0 && args.dump.expiry.is_none() {
        terminal.warn(format!(
            "{} keys have an expiry before 2009, the first is {}: these look like milliseconds that were left, and are \
             written as they are; --expiry relative makes times of them, --expiry absolute takes them as they are",
            summary.in_doubt.count, summary.in_doubt.first
        ));
    }
    if summary.undecodable.count > 0 {
        terminal.warn(format!(
            "{} RedisJSON values are no documents, the first is {}",
            summary.undecodable.count, summary.undecodable.first
        ));
    }
    if summary.footer.trailing_is_aof {
        terminal.warn(format!(
            "{} bytes of commands (AOF) follow the dump; what they change is not in these rows",
            summary.footer.trailing
        ));
    } else if summary.footer.trailing > 0 {
        terminal.warn(format!("{} bytes after the end of the dump were ignored", summary.footer.trailing));
    }
    match summary.footer.crc {
        Some(stored) if stored != 0 && stored != summary.crc64 && !args.dump.ignore_checksum => {
            Err(Failure::error(format!(
                "{file}: the checksum is {stored:016x}, and should be {:016x}: do not trust the rows",
                summary.crc64
            ))
            .with_hint("the dump is damaged: take it again; --ignore-checksum makes this no error"))
        }
        _ => Ok(Exit::Done),
    }
}

fn not_yet(what: &str, instead: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{what} is not built yet")).with_hint(format!("there are {instead}"))
}

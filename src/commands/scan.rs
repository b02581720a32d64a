//! `rdb-reindex scan`.

use std::path::PathBuf;

use super::args::DumpArgs;
use super::{open, spec};
use crate::facts;
use crate::model::spec::Given;
use crate::text::{number, size};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// Write what one shard of many says, for an engine that joins all of them (see `sql`); it judges nothing.
#[derive(Debug, clap::Args)]
pub struct ScanArgs {
    #[command(flatten)]
    pub dump: DumpArgs,
    /// What the shard is called: letters, digits, `.`, `_` and `-`.
    #[arg(long, value_name = "NAME", value_parser = shard_name)]
    pub shard: String,
    /// Repair only this index of the spec: what `sql` and `plan --edits` are told, too. May be given several times.
    #[arg(long, value_name = "INDEX", value_delimiter = ',')]
    pub only: Vec<String>,
    /// The folder for the facts of all shards: one folder for each table, in it a Parquet file for each shard.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// A name that can stand in a path of any file system or object store.
pub fn shard_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 128 || text.starts_with(['.', '_']) || !text.chars().all(is_plain) {
        return Err("up to 128 letters, digits, `.`, `_` and `-` are due, the first a letter or a digit".to_owned());
    }
    Ok(text.to_owned())
}

pub fn run(args: &ScanArgs, terminal: &Terminal) -> Outcome {
    if !args.dump.more.is_empty() {
        return Err(Failure::new(Exit::Usage, "a scan is of one dump: run it for each shard, on any machine")
            .with_hint("dumps that are on one machine need no engine: `rdb-reindex plan` takes all of them"));
    }
    if !args.dump.spec.is_given() {
        return Err(Failure::new(
            Exit::Usage,
            "--spec FILE or --preset NAME is missing: facts are what a spec asks for",
        ));
    }
    if args.dump.expiry == Some(super::args::ExpiryMode::Relative) {
        return Err(Failure::new(
            Exit::Usage,
            "--expiry relative depends on the clock of each shard, and facts do not",
        ));
    }
    let given = Given { only: args.only.clone(), ..Given::default() };
    let spec = spec::load_given(&args.dump.spec, &given, terminal)?;
    let observer = open::observer();
    let snapshot = open::open(&args.dump, &observer, terminal)?;
    let name = crate::text::path(snapshot.path());
    let work = || {
        let dump = (&*snapshot as &[u8], name.as_str());
        facts::scan(dump, &spec, args.dump.expiry(), &args.shard, &args.out, &observer)
    };
    let shard = progress::bytes("scanning", snapshot.len() as u64, &observer, work).map_err(|error| match error {
        facts::Error::Interrupted => open::interrupted(),
        facts::Error::Dump(error) => open::fault(&snapshot, &error),
        facts::Error::Output(_) | facts::Error::TooManyIndexes(_) => Failure::error(error),
        error => Failure::error(format!("{name}: {error}")).with_hint("take the dump again; no facts were written"),
    })?;
    if !shard.is_described && shard.keys > 0 {
        terminal.warn(format!("{name}: the spec describes none of the keys of this shard"));
    }
    terminal.say(format!(
        "shard {}: {} keys in {}; the facts are in {}",
        args.shard,
        number(shard.keys),
        size(shard.bytes),
        crate::text::path(&args.out)
    ));
    Ok(Exit::Done)
}

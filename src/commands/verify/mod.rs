//! `rdb-reindex verify`.

mod live;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{ExpiryMode, SpecChoice};
use super::replay::args::DatabaseArgs;
use super::replay::events::{Teller, Telling};
use super::{args, bundle, open};
use crate::bundle::Bundle;
use crate::dump::rdb::Checksum;
use crate::text::{self, counted};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// Say whether the target state of a plan is there; only reads.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// A dump made after the plan was applied, instead of a connection; of a cluster those of all its shards.
    #[arg(long, value_name = "AFTER.rdb", num_args = 1.., conflicts_with_all = ["to", "password_file", "tls_ca"])]
    pub dump: Vec<PathBuf>,
    /// How long to wait before the differences are looked at again: what was in flight is there then. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub settle: u64,
    /// How to say what was found: for a person, or as one JSON object per line.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Telling,
    /// What expiries before 2009 mean in that dump.
    #[arg(long, value_enum, value_name = "MEANING", requires = "dump")]
    pub expiry: Option<ExpiryMode>,
}

pub fn run(args: &VerifyArgs, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let verify = || {
        let bundle = bundle::open_watched(&args.dir, &open::observer())?;
        match args.dump.split_first() {
            Some((dump, more)) => against_dump(&bundle, (dump, more), args, terminal, teller),
            None => live::against_database(&bundle, args, terminal, teller),
        }
    };
    let outcome = verify();
    teller.end(&outcome)?;
    outcome
}

/// A dump proves it without the network: planned again with the spec of the plan, nothing may be left to do.
fn against_dump(
    bundle: &Bundle,
    (path, more): (&Path, &[PathBuf]),
    args: &VerifyArgs,
    terminal: &Terminal,
    teller: Teller<'_>,
) -> Outcome {
    let spec = bundle.manifest.read_spec().map_err(|errors| Failure::report(errors.render(terminal.colour)))?;
    let expiry = args::ExpiryMode::or_as_planned(args.expiry, &bundle.manifest);
    let dump_args = args::DumpArgs {
        dump: path.to_owned(),
        more: more.to_vec(),
        spec: SpecChoice::default(),
        no_mmap: false,
        ignore_checksum: false,
        expiry,
    };
    let observer = open::observer();
    let snapshot = open::open_to_look_later(&dump_args, &observer, terminal)?;
    let path = snapshot.path();
    let left = open::compare(&dump_args, &snapshot, &spec, &observer)?;
    if let Checksum::Wrong { .. } = left.facts.footer.checksum(|| left.facts.crc64) {
        return Err(Failure::error(format!("{}: its checksum is wrong; take the dump again", text::path(path))));
    }
    let counts = [
        ("keys to delete", left.deletions.len() as u64),
        ("members to add", left.sets.iter(&left.interned).count() as u64),
        ("members to add or score anew", left.zsets.iter(&left.interned).count() as u64),
        ("members to remove", left.stale.len() as u64),
    ];
    let keys = left.stock.total.keys;
    let head = format!("plan {} on {}: {}\n", bundle.manifest.plan_id, text::path(path), counted(keys, "key"));
    teller.tell("looked", json!({ "plan_id": bundle.manifest.plan_id, "keys": keys }), &head)?;
    // Nothing is ever removed from such an index, so that it has nothing left to do proves nothing.
    for (index, summary) in bundle.manifest.indexes.iter().zip(&left.summaries) {
        if summary.frozen.is_some() && index.counts.removed_members + index.counts.deleted_keys > 0 {
            let message = format!("{}: no record of the index {} can be judged in it", text::path(path), index.name);
            return Err(Failure::new(Exit::Failed, message).with_hint("is it a whole dump of the same database?"));
        }
    }
    if counts.iter().all(|(_, count)| *count == 0) {
        teller.tell("verified", json!({}), "its indexes are right: a new plan would be empty\n")?;
        return Ok(Exit::Done);
    }
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let text = format!("{}\n", super::replay::differences::kind(*count, name));
        teller.tell("difference", json!({ "kind": name, "count": count }), &text)?;
    }
    Err(Failure::new(Exit::Failed, "the dump is not in the state that the plan leads to"))
}

//! `rdb-reindex verify`.

use std::path::Path;

use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use super::{args, bundle, database, dump};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::APPLY;
use crate::replay;
use crate::spec::Spec;

pub fn run(args: &args::Verify, terminal: &Terminal) -> Outcome {
    let bundle = bundle::open(&args.dir)?;
    match &args.dump {
        Some(dump) => against_dump(&bundle, dump, args, terminal),
        None => against_database(&bundle, args, terminal),
    }
}

fn against_database(bundle: &Bundle, args: &args::Verify, terminal: &Terminal) -> Outcome {
    let apply = bundle::commands(bundle, APPLY)?;
    let mut connector = database::Connector::new(&args.database, &bundle.manifest, terminal)?;
    let mut link = connector.dial().map_err(Failure::error)?;
    let look = database::look(&args.database);
    let found =
        replay::verify(&mut *link, &apply, &bundle.manifest.caps, &look, &mut |_| {}).map_err(Failure::error)?;
    let head = format!(
        "plan {} on {connector}: looked at {} keys and {} members\n",
        bundle.manifest.plan_id, found.keys, found.members
    );
    terminal.data(head.as_bytes())?;
    if found.holds() {
        terminal.data(b"everything is as the plan leaves it\n")?;
        return Ok(Exit::Done);
    }
    terminal.data(database::differences(found.kinds(), &bundle.manifest).as_bytes())?;
    Err(Failure::new(Exit::Failed, "the database is not in the state that the plan leads to"))
}

/// A dump proves it without the network: planned again with the spec of the plan, nothing may be left to do.
fn against_dump(bundle: &Bundle, path: &Path, args: &args::Verify, terminal: &Terminal) -> Outcome {
    let spec = Spec::parse(&bundle.manifest.spec.text, "the spec in plan.json")
        .map_err(|errors| Failure::error(errors.render(terminal.colour)))?;
    let dump_args =
        args::Dump { dump: path.to_owned(), spec: None, no_mmap: false, ignore_checksum: false, expiry: args.expiry };
    let snapshot = dump::open(&dump_args)?;
    let left = dump::compare(&dump_args, &snapshot, &spec, &dump::observer(), terminal)?;
    if left.facts.footer.crc.is_some_and(|crc| crc != 0 && crc != left.facts.crc64) {
        return Err(Failure::error(format!("{}: its checksum is wrong; take the dump again", path.display())));
    }
    let counts = [
        ("keys to delete", left.deletions.len() as u64),
        ("members to add", left.sets.iter(&left.interned).count() as u64),
        ("members to add or score anew", left.zsets.iter(&left.interned).count() as u64),
        ("members to remove", left.stale.len() as u64),
    ];
    let head = format!("plan {} on {}: {} keys\n", bundle.manifest.plan_id, path.display(), left.stock.total.keys);
    terminal.data(head.as_bytes())?;
    // Nothing is ever removed from such an index, so that it has nothing left to do proves nothing.
    for (index, summary) in bundle.manifest.indexes.iter().zip(&left.summaries) {
        if summary.frozen.is_some() && index.counts.removed_members + index.counts.deleted_keys > 0 {
            let message = format!("{}: no record of the index {} can be judged in it", path.display(), index.name);
            return Err(Failure::new(Exit::Failed, message).with_hint("is it a whole dump of the same database?"));
        }
    }
    if counts.iter().all(|(_, count)| *count == 0) {
        terminal.data(b"its indexes are right: a new plan would be empty\n")?;
        return Ok(Exit::Done);
    }
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        terminal.data(format!("{count} {name}\n").as_bytes())?;
    }
    Err(Failure::new(Exit::Failed, "the dump is not in the state that the plan leads to"))
}

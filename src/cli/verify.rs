//! `rdb-reindex verify`.

use std::path::Path;

use serde_json::json;

use super::events::Teller;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use super::{args, bundle, database, dump, verify_live};
use crate::bundle::Bundle;
use crate::text::{self, counted};

pub fn run(args: &args::Verify, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let verify = || {
        let bundle = bundle::open_watched(&args.dir, &dump::observer())?;
        match &args.dump {
            Some(dump) => against_dump(&bundle, dump, args, terminal, teller),
            None => verify_live::against_database(&bundle, args, terminal, teller),
        }
    };
    let outcome = verify();
    teller.end(&outcome)?;
    outcome
}

/// A dump proves it without the network: planned again with the spec of the plan, nothing may be left to do.
fn against_dump(bundle: &Bundle, path: &Path, args: &args::Verify, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let spec = bundle.manifest.read_spec().map_err(|errors| Failure::report(errors.render(terminal.colour)))?;
    let expiry = args::ExpiryMode::or_as_planned(args.expiry, &bundle.manifest);
    let dump_args = args::Dump {
        dump: path.to_owned(),
        more: Vec::new(),
        spec: None,
        no_mmap: false,
        ignore_checksum: false,
        expiry,
    };
    let observer = dump::observer();
    let snapshot = dump::open(&dump_args, &observer, terminal)?;
    let left = dump::compare(&dump_args, &snapshot, &spec, &observer, terminal)?;
    if left.facts.footer.crc.is_some_and(|crc| crc != 0 && crc != left.facts.crc64) {
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
        let text = format!("{}\n", database::kind(*count, name));
        teller.tell("difference", json!({ "kind": name, "count": count }), &text)?;
    }
    Err(Failure::new(Exit::Failed, "the dump is not in the state that the plan leads to"))
}

//! `rdb-reindex verify`.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::events::Teller;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use super::{args, bundle, database, dump};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::APPLY;
use crate::replay::{self, LookOptions};
use crate::spec::Spec;

pub fn run(args: &args::Verify, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let verify = || {
        let bundle = bundle::open(&args.dir)?;
        match &args.dump {
            Some(dump) => against_dump(&bundle, dump, args, terminal, teller),
            None => against_database(&bundle, args, terminal, teller),
        }
    };
    let outcome = verify();
    teller.end(&outcome)?;
    outcome
}

fn against_database(bundle: &Bundle, args: &args::Verify, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let apply = bundle::commands(bundle, APPLY)?;
    let manifest = &bundle.manifest;
    let mut connector = database::Connector::new(&args.database, manifest, None, terminal)?;
    let mut link = connector.dial().map_err(Failure::error)?;
    // Every difference is looked at again.
    let look = LookOptions { examples: usize::MAX, ..database::look(&args.database) };
    let first = replay::verify(&mut *link, &apply, &manifest.caps, &look, &mut |_| {}).map_err(Failure::error)?;
    let text = format!(
        "plan {} on {connector}: looked at {} keys and {} members\n",
        manifest.plan_id, first.keys, first.members
    );
    let to = connector.to_string();
    let fields = json!({ "plan_id": manifest.plan_id, "to": to, "keys": first.keys, "members": first.members });
    teller.tell("looked", fields, &text)?;
    let mut found = first;
    if !found.holds() && args.settle > 0 {
        std::thread::sleep(Duration::from_secs(args.settle));
        let differ = found.keys_that_differ();
        let wanted = |db: u32, key: &[u8]| differ.contains(&(db, key.to_vec()));
        let again = replay::verify_some(&mut *link, &apply, &manifest.caps, &look, &wanted, &mut |_| {})
            .map_err(Failure::error)?;
        let in_flight = found.differences().saturating_sub(again.differences());
        if in_flight > 0 {
            let text = format!("{in_flight} differences were gone {} s later: they were in flight\n", args.settle);
            teller.tell("in_flight", json!({ "differences": in_flight, "seconds": args.settle }), &text)?;
        }
        found = again;
    }
    if found.holds() {
        teller.tell("verified", json!({}), "everything is as the plan leaves it\n")?;
        return Ok(Exit::Done);
    }
    teller.differences(found.kinds(), manifest)?;
    Err(Failure::new(Exit::Failed, "the database is not in the state that the plan leads to"))
}

/// A dump proves it without the network: planned again with the spec of the plan, nothing may be left to do.
fn against_dump(bundle: &Bundle, path: &Path, args: &args::Verify, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let spec = Spec::parse(&bundle.manifest.spec.text, "the spec in plan.json")
        .map_err(|errors| Failure::report(errors.render(terminal.colour)))?;
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
    let snapshot = dump::open(&dump_args, &observer)?;
    let left = dump::compare(&dump_args, &snapshot, &spec, &observer, terminal)?;
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
    let keys = left.stock.total.keys;
    teller.tell("looked", json!({ "plan_id": bundle.manifest.plan_id, "keys": keys }), &head)?;
    // Nothing is ever removed from such an index, so that it has nothing left to do proves nothing.
    for (index, summary) in bundle.manifest.indexes.iter().zip(&left.summaries) {
        if summary.frozen.is_some() && index.counts.removed_members + index.counts.deleted_keys > 0 {
            let message = format!("{}: no record of the index {} can be judged in it", path.display(), index.name);
            return Err(Failure::new(Exit::Failed, message).with_hint("is it a whole dump of the same database?"));
        }
    }
    if counts.iter().all(|(_, count)| *count == 0) {
        teller.tell("verified", json!({}), "its indexes are right: a new plan would be empty\n")?;
        return Ok(Exit::Done);
    }
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        teller.tell("difference", json!({ "kind": name, "count": count }), &format!("{count} {name}\n"))?;
    }
    Err(Failure::new(Exit::Failed, "the dump is not in the state that the plan leads to"))
}

//! What a replay comes to, in words: the look before it, the edits, each guard, the way back, and `verify`.

use super::plan::{ROUND_TRIP_MS, price};
use crate::bundle::manifest::{Manifest, Price};
use crate::text::{counted, number, span};

/// What an `apply` comes to as it is done where nothing else is asked for.
pub fn of_apply(manifest: &Manifest) -> Price {
    let replay = manifest.replay.apply.auto;
    if replay.billed_commands > 0 {
        return replay;
    }
    // A bundle of an earlier version has the edits alone.
    Price {
        batches: manifest.batches,
        billed_commands: manifest.billed_commands,
        estimated_cost_usd: manifest.estimated_cost_usd,
        look: 0,
    }
}

/// How long so many round trips take.
pub fn waiting(batches: u64) -> String {
    let ms = batches.saturating_mul(ROUND_TRIP_MS);
    if ms < 10_000 { format!("{}.{:02} s", ms / 1000, ms % 1000 / 10) } else { span(ms) }
}

/// In one line, the look included.
pub fn in_short(manifest: &Manifest) -> String {
    let all = of_apply(manifest);
    format!(
        "apply, with the look before it: {}, {}, {} at {ROUND_TRIP_MS} ms each; estimated price {}",
        counted(all.billed_commands, "command"),
        counted(all.batches, "round trip"),
        waiting(all.batches),
        price(all.estimated_cost_usd),
    )
}

/// A line for each way to replay: what it is called, and what it comes to. Guarded is `--guard records`.
pub fn lines(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let words = |price: Price| {
        format!(
            "{} ({} to look), {}, {} at {ROUND_TRIP_MS} ms each, estimated {}",
            counted(price.billed_commands, "command"),
            number(price.look),
            counted(price.batches, "round trip"),
            waiting(price.batches),
            super::plan::price(price.estimated_cost_usd),
        )
    };
    let of_records = |price: Option<Price>| match price {
        Some(price) => format!("with --guard records: {}", words(price)),
        None => "--guard records is refused: not every entry tells its record".to_owned(),
    };
    let replay = &manifest.replay;
    let mut lines = vec![("apply", words(of_apply(manifest)))];
    if replay.apply.auto.billed_commands > 0 {
        lines.extend([
            ("apply, guarded", of_records(replay.apply.records)),
            ("rollback", words(replay.rollback.auto)),
            ("rollback, guarded", of_records(replay.rollback.records)),
            ("verify", words(replay.verify)),
        ]);
    }
    let (alone, trips) = (counted(manifest.billed_commands, "command"), counted(manifest.batches, "round trip"));
    lines.push(("edits alone", format!("{alone}, {trips}, {}", price(manifest.estimated_cost_usd))));
    lines
}

//! What a replay comes to, in words: the look before it, the edits, each guard, the way back, and `verify`.

use crate::bundle::manifest::{Manifest, Price};
use crate::text::{counted, number, span};

/// A round trip to a database on another continent, or to a busy one near by.
pub const ROUND_TRIP_MS: u64 = 50;

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
        dollars(all.estimated_cost_usd),
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
            dollars(price.estimated_cost_usd),
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
    lines.push(("edits alone", format!("{alone}, {trips}, {}", dollars(manifest.estimated_cost_usd))));
    lines
}

/// A price as people read it.
pub fn dollars(usd: f64) -> String {
    if !(0.0..0.01).contains(&usd) || usd == 0.0 {
        return format!("${usd:.2}");
    }
    // A few commands cost a few millionths: two digits that say something, and no zeros behind them.
    let text = format!("${usd:.6}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn prices() {
        // 15 commands at $0.20 for 100,000; 10,000 and 123,456 commands.
        let facts =
            [(0.0, "$0.00"), (0.000_03, "$0.00003"), (0.02, "$0.02"), (0.246_912, "$0.25"), (1234.5, "$1234.50")];
        for (usd, text) in facts {
            assert_eq!(super::dollars(usd), text);
        }
    }
}

//! What applying costs, and the assumptions behind the figures.

use crate::bundle::manifest::Manifest;
use crate::report::plan::replay_cost::{ROUND_TRIP_MS, dollars, lines, of_apply, waiting};
use crate::text::{counted, number, size};

pub struct Cost {
    pub commands: String,
    pub bytes: String,
    pub batches: String,
    pub waiting: String,
    pub assumption: String,
    pub billed: String,
    pub price: String,
    /// Reading before writing.
    pub look: String,
    /// The edits alone.
    pub edits: String,
    /// Other ways to replay, and what they come to.
    pub others: Vec<(&'static str, String)>,
    pub touched: String,
    pub lower_bound: String,
    pub plan_id: String,
}

impl Cost {
    pub fn new(manifest: &Manifest) -> Self {
        let touched = u64::try_from(manifest.touched.len()).unwrap_or(u64::MAX);
        let all = of_apply(manifest);
        let fewest = if manifest.lower_bound >= manifest.total.commands {
            "the fewest possible".to_owned()
        } else {
            format!("the fewest possible are {}", number(manifest.lower_bound))
        };
        Self {
            commands: counted(manifest.total.commands, "command"),
            bytes: size(manifest.total.bytes),
            batches: counted(all.batches, "round trip"),
            waiting: waiting(all.batches),
            assumption: format!("{ROUND_TRIP_MS} ms for a round trip, one after the other"),
            billed: counted(all.billed_commands, "command"),
            price: dollars(all.estimated_cost_usd),
            look: counted(all.look, "command"),
            edits: format!(
                "{} ({})",
                counted(manifest.billed_commands, "command"),
                dollars(manifest.estimated_cost_usd)
            ),
            others: lines(manifest).into_iter().skip(1).collect(),
            touched: counted(touched, "key"),
            lower_bound: fewest,
            plan_id: manifest.plan_id.clone(),
        }
    }
}

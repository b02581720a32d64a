//! What applying costs, and the assumptions behind the figures.

use crate::plan::manifest::Manifest;
use crate::report::plan::{ROUND_TRIP_MS, price, waiting};
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
    pub look_price: String,
    pub touched: String,
    pub lower_bound: String,
    pub plan_id: String,
}

/// As in [`Manifest::estimated_cost_usd`].
const USD_PER_COMMAND: f64 = 0.2 / 100_000.0;

impl Cost {
    pub fn new(manifest: &Manifest) -> Self {
        let touched = u64::try_from(manifest.touched.len()).unwrap_or(u64::MAX);
        let look = manifest.total.commands.saturating_add(touched.saturating_mul(3));
        let fewest = if manifest.lower_bound >= manifest.total.commands {
            "the fewest possible".to_owned()
        } else {
            format!("the fewest possible are {}", number(manifest.lower_bound))
        };
        Self {
            commands: counted(manifest.total.commands, "command"),
            bytes: size(manifest.total.bytes),
            batches: counted(manifest.batches, "round trip"),
            waiting: waiting(manifest),
            assumption: format!("{ROUND_TRIP_MS} ms for a round trip, one after the other"),
            billed: counted(manifest.billed_commands, "command"),
            price: price(manifest.estimated_cost_usd),
            look: counted(look, "command"),
            look_price: price(f64::from(u32::try_from(look).unwrap_or(u32::MAX)) * USD_PER_COMMAND),
            touched: counted(touched, "key"),
            lower_bound: fewest,
            plan_id: manifest.plan_id.clone(),
        }
    }
}

//! What a replay costs, as `plan.json` and every page say it. `plan` reckons it.

use serde::{Deserialize, Serialize};

/// US dollars for a hundred thousand commands, as Upstash bills a database with one region (August 2026).
pub const USD_PER_100_000: f64 = 0.2;

/// What replays of a plan come to, each with the look before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// `apply` with each guard.
    #[serde(flatten)]
    pub apply: Guards,
    /// `rollback` of all of it.
    pub rollback: Guards,
    /// `verify`, after an apply.
    #[serde(default)]
    pub verify: Price,
}

/// What a replay comes to with each guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    pub auto: Price,
    pub replies: Price,
    /// None where the entries of the plan do not tell their record, so that this guard refuses it.
    pub records: Option<Price>,
}

/// Time and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Round trips at the default size of a batch.
    pub batches: u64,
    /// Commands that a service which bills by the command would count.
    pub billed_commands: u64,
    pub estimated_cost_usd: f64,
    /// Of those commands, the ones that only look before anything is written.
    pub look: u64,
}

impl Price {
    /// Of so many round trips, and so many commands that look and that edit.
    pub fn new(batches: u64, look: u64, edits: u64) -> Self {
        let billed = look.saturating_add(edits);
        Self { batches, billed_commands: billed, estimated_cost_usd: usd(billed), look }
    }
}

/// What this many commands cost.
pub fn usd(commands: u64) -> f64 {
    commands as f64 * USD_PER_100_000 / 100_000.0
}

//! A plan for a script: what `plan.json` says without what only a replay needs.

use serde::Serialize;

use super::{Context, State};
use crate::bundle::manifest::{BrakeNote, Counts, IndexPlan, Joined, Manifest, Replay, SnapshotId};

/// The version of this form.
const FORMAT_VERSION: u32 = 1;

/// A plan, and what was done with it.
#[derive(Debug, Serialize)]
pub struct Json<'m> {
    format_version: u32,
    plan_id: &'m str,
    folder: &'m str,
    state: &'static str,
    story: &'m str,
    next: Vec<Next<'m>>,
    tool_version: &'m str,
    snapshot: &'m SnapshotId,
    spec: Spec<'m>,
    /// Of a plan that was joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<&'m Joined>,
    accepted: &'m [String],
    only: &'m [String],
    brakes: &'m [BrakeNote],
    total: Counts,
    indexes: &'m [IndexPlan],
    lower_bound: u64,
    batches: u64,
    billed_commands: u64,
    estimated_cost_usd: f64,
    replay: &'m Replay,
    touched_keys: usize,
    warnings: &'m [String],
}

#[derive(Debug, Serialize)]
struct Next<'m> {
    command: &'m str,
    purpose: &'static str,
}

#[derive(Debug, Serialize)]
struct Spec<'m> {
    name: &'m str,
    sha256: &'m str,
}

/// That there is no plan, and why.
#[derive(Debug, Serialize)]
pub struct Refused<'n> {
    format_version: u32,
    plan_id: Option<&'n str>,
    brakes: &'n [BrakeNote],
}

/// A plan.
pub fn plan<'m>(manifest: &'m Manifest, context: Context<'m>) -> Json<'m> {
    Json {
        format_version: FORMAT_VERSION,
        plan_id: &manifest.plan_id,
        folder: context.folder,
        state: match context.state {
            State::New => "new",
            State::ApplyBegun => "apply_begun",
            State::Applied => "applied",
            State::RollbackBegun => "rollback_begun",
            State::RolledBack => "rolled_back",
        },
        story: context.story,
        next: context.next.iter().map(|(command, purpose)| Next { command, purpose }).collect(),
        tool_version: &manifest.tool_version,
        snapshot: &manifest.snapshot,
        spec: Spec { name: &manifest.spec.name, sha256: &manifest.spec.sha256 },
        joined: manifest.joined.as_deref(),
        accepted: &manifest.accepted,
        only: &manifest.only,
        brakes: &manifest.brakes,
        total: manifest.total,
        indexes: &manifest.indexes,
        lower_bound: manifest.lower_bound,
        batches: manifest.batches,
        billed_commands: manifest.billed_commands,
        estimated_cost_usd: manifest.estimated_cost_usd,
        replay: &manifest.replay,
        touched_keys: manifest.touched.len(),
        warnings: &manifest.warnings,
    }
}

/// No plan, because of these.
pub fn refused(brakes: &[BrakeNote]) -> Refused<'_> {
    Refused { format_version: FORMAT_VERSION, plan_id: None, brakes }
}

//! Whether the slots without a key are too many in a row for chance.

use super::{Gathered, SLOTS, SlotSet};

/// A run is improbable if as long a one is expected less often than this …
const BY_CHANCE: f64 = 1e-6;
/// … or than this, if the dump says itself that it is a cluster's.
const BY_CHANCE_IN_A_CLUSTER: f64 = 1e-2;
/// With fewer different hash inputs, or of fewer families of names, a run is worth a warning only: CRC-16 is linear, so
/// names that differ in few digits leave runs empty that are not due to chance. Three families do so in three ways.
const INPUTS: u64 = 20;
const FAMILIES: usize = 3;
/// Runs shorter than this are passed over: with hundreds of thousands of ids in sequence, runs of two or six slots are
/// empty because of how they are numbered, whatever chance would say.
const SHORTEST: u16 = 16;

/// Slots in a row without a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// The first slot without a key.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// How often a run as long is to be expected by chance.
    pub expected: f64,
}

/// What the slots say.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Slots are empty that should not be: a shard may be missing.
    Partial {
        /// The slots without keys.
        runs: Vec<Run>,
        /// Different hash inputs in the dumps, at least.
        inputs: u64,
        /// There are enough names of enough families to refuse a plan; else it is only a warning.
        sure: bool,
    },
    /// Of dumps that each hold a part of the slots, two have keys of one slot.
    Split {
        /// The first such slot.
        slot: u16,
        /// The two dumps, by number.
        parts: [usize; 2],
        /// How many slots are in two dumps.
        slots: usize,
        /// The same: enough to refuse a plan.
        sure: bool,
    },
}

impl Finding {
    /// Whether it is more than a warning.
    pub fn is_sure(&self) -> bool {
        match self {
            Self::Partial { sure, .. } | Self::Split { sure, .. } => *sure,
        }
    }

    /// What was found, in words. `name` gives the name of a dump by its number.
    pub fn words(&self, name: impl Fn(usize) -> String) -> String {
        match self {
            Self::Partial { runs, .. } => format!("no key in slots {}: is a shard missing?", Self::ranges(runs)),
            Self::Split { slot, parts: [one, other], slots, .. } => {
                let more = match slots.saturating_sub(1) {
                    0 => String::new(),
                    1 => ", and one more slot is in two dumps".to_owned(),
                    n => format!(", and {n} more slots are in two dumps"),
                };
                format!(
                    "slot {slot} has keys in {} and in {}{more}: were slots moved while the dumps were taken?",
                    name(*one),
                    name(*other)
                )
            }
        }
    }

    fn ranges(runs: &[Run]) -> String {
        const MOST: usize = 8;
        let mut text: Vec<String> = runs.iter().take(MOST).map(|run| format!("{}-{}", run.first, run.last)).collect();
        if runs.len() > MOST {
            text.push(format!("and {} more runs", runs.len() - MOST));
        }
        text.join(", ")
    }
}

/// Judges the slots of all dumps together. `cluster`: one of them says itself that it is a cluster's. `families` counts the
/// families of names, and is asked only if that matters.
pub fn judge(gathered: &Gathered, cluster: bool, families: impl FnOnce() -> usize) -> Vec<Finding> {
    let limit = if cluster { BY_CHANCE_IN_A_CLUSTER } else { BY_CHANCE };
    let mut all = SlotSet::default();
    gathered.parts.iter().for_each(|part| all.merge(part));
    let inputs = gathered.inputs();
    let runs = improbable(&all, inputs, limit);
    let split = split(&gathered.parts, limit);
    if runs.is_empty() && split.is_none() {
        return Vec::new();
    }
    let enough = families() >= FAMILIES;
    let mut found = Vec::new();
    if !runs.is_empty() {
        found.push(Finding::Partial { runs, inputs, sure: enough && inputs >= INPUTS });
    }
    if let Some((slot, parts, slots)) = split {
        // As many slots have a key, so many inputs there are at least.
        let many = parts.iter().all(|part| gathered.parts[*part].len() as u64 >= INPUTS);
        found.push(Finding::Split { slot, parts, slots, sure: enough && many });
    }
    found
}

/// Whether it has a run without a key that chance hardly leaves. As many slots have a key, so many inputs there are at least.
pub(super) fn is_of_a_shard(slots: &SlotSet) -> bool {
    !improbable(slots, slots.len() as u64, BY_CHANCE).is_empty()
}

/// Whether there is a run that is long enough to be looked at.
pub(super) fn has_run(slots: &SlotSet) -> bool {
    let mut empty = 0;
    (0..SLOTS as u16).any(|slot| {
        empty = if slots.has(slot) { 0 } else { empty + 1 };
        empty >= SHORTEST
    })
}

/// The runs without a key that so many hash inputs would hardly leave by chance.
fn improbable(slots: &SlotSet, inputs: u64, limit: f64) -> Vec<Run> {
    if slots.is_empty() {
        return Vec::new();
    }
    let mut runs = Vec::new();
    let mut from = None;
    for slot in 0..=SLOTS as u16 {
        if slot < SLOTS as u16 && !slots.has(slot) {
            from.get_or_insert(slot);
        } else if let Some(first) = from.take()
            && slot - first >= SHORTEST
        {
            let expected = expected(slot - first, inputs);
            if expected < limit {
                runs.push(Run { first, last: slot - 1, expected });
            }
        }
    }
    runs
}

/// How many runs of so many empty slots are to be expected among so many hash inputs.
fn expected(run: u16, inputs: u64) -> f64 {
    let slots = SLOTS as f64;
    slots * (inputs as f64 * (-f64::from(run) / slots).ln_1p()).exp()
}

/// The first slot with keys in two of the dumps that leave such a run, those two, and how many such slots there are.
fn split(parts: &[SlotSet], limit: f64) -> Option<(u16, [usize; 2], usize)> {
    if parts.len() < 2 {
        return None;
    }
    let of_slots: Vec<usize> =
        (0..parts.len()).filter(|at| !improbable(&parts[*at], parts[*at].len() as u64, limit).is_empty()).collect();
    let mut first = None;
    let mut slots = 0;
    for slot in 0..SLOTS as u16 {
        let mut there = of_slots.iter().copied().filter(|at| parts[*at].has(slot));
        if let (Some(one), Some(other)) = (there.next(), there.next()) {
            slots += 1;
            first.get_or_insert((slot, [one, other]));
        }
    }
    first.map(|(slot, parts)| (slot, parts, slots))
}

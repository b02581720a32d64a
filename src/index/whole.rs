//! Whether the dump is the whole database, and each key of it there once.

use super::brakes::{Braked, Effect};
use super::dump::Dump;
use super::survey::Gathered;
use super::Facts;
use crate::slots::{self, Finding};
use crate::spec::{Brake, Spec};
use crate::twice::{self, Twice};

/// What all threads gathered about the dump itself.
pub struct Doubts {
    pub slots: slots::Gathered,
    pub twice: Option<Twice>,
}

impl Doubts {
    /// Takes it from the workers.
    pub fn of(workers: &mut [Gathered<'_, '_>], dump: Dump<'_>) -> Self {
        let mut slots = slots::Gathered::new(&[]);
        let mut names = Vec::new();
        for (at, worker) in workers.iter_mut().enumerate() {
            let gathered = std::mem::replace(&mut worker.slots, slots::Gathered::new(&[]));
            if at == 0 {
                slots = gathered;
            } else {
                slots.merge(&gathered);
            }
            names.push(worker.twice.take());
        }
        Self { slots, twice: twice::find(dump.file, dump.header, names, |_, _| true) }
    }
}

/// The brakes that are about the dump as a whole.
pub fn judge(spec: &Spec, facts: &Facts) -> Vec<Braked> {
    let sure = facts.slots.iter().filter(|finding| finding.is_sure());
    sure.map(|finding| {
        let brake = match finding {
            Finding::Partial { .. } => Brake::PartialSlots,
            Finding::Split { .. } => Brake::SplitSlots,
        };
        Braked {
            brake,
            index: None,
            effect: if spec.accepts(brake, None) { Effect::Lifted } else { Effect::Refuses },
            text: words(finding, facts),
            examples: Vec::new(),
        }
    })
    .collect()
}

impl Facts {
    /// What the slots say that is not enough to refuse a plan, in words.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        let unsure = self.slots.iter().filter(|finding| !finding.is_sure());
        unsure.map(|finding| format!("{} (there are too few names to be sure)", words(finding, self)))
    }
}

/// What the slots say, with the names of the dumps.
fn words(finding: &Finding, facts: &Facts) -> String {
    finding.words(|part| facts.parts.get(part).map_or_else(String::new, |part| part.name.clone()))
}

//! What to do after an inventory: sentences, and commands to type.

use super::Inventory;
use crate::text::{counted, number};

/// Commands to type, quoted for a shell.
#[derive(Clone, Debug)]
pub struct Commands {
    /// Makes a plan of the dump.
    pub plan: String,
    /// Looks for its indexes.
    pub infer: String,
    /// The inventory by the preset that matches best, if any does.
    pub preset: Option<String>,
}

/// One thing to do, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// A sentence or two; empty where the command says it all.
    pub words: String,
    pub command: Option<String>,
}

impl Step {
    fn words(words: &str) -> Vec<Self> {
        vec![Self { words: words.to_owned(), command: None }]
    }
}

/// What to do next.
pub fn steps(inventory: &Inventory, commands: &Commands) -> Vec<Step> {
    if inventory.is_unfit() {
        Step::words("No plan is made of such a dump: take a new one.")
    } else if inventory.is_foreign() {
        first_contact(inventory, commands)
    } else if inventory.is_right() && inventory.is_decided() {
        Step::words("Nothing is wrong with these indexes: there is nothing to do.")
    } else if inventory.is_right() {
        Step::words("Nothing is wrong as far as can be told: of some records nothing can be said.")
    } else if inventory.brakes.iter().any(|note| note.effect == "refuses") {
        Step::words("No plan is made before the spec is corrected, or the brakes above are lifted.")
    } else {
        vec![Step { words: String::new(), command: Some(commands.plan.clone()) }]
    }
}

/// Where nothing says which keys are indexes.
fn first_contact(inventory: &Inventory, commands: &Commands) -> Vec<Step> {
    if inventory.keys == 0 {
        return Step::words("There is no key in the dump, so there is nothing to do.");
    }
    let why = if inventory.spec.is_some() { "The dump has none of the keys that the spec is about. " } else { "" };
    let words = format!("{why}This looks for indexes in the data, and proposes a spec:");
    let mut steps = vec![Step { words, command: Some(commands.infer.clone()) }];
    let mut presets = inventory.presets.iter().flatten();
    if let (Some(best), Some(command)) = (presets.next(), &commands.preset) {
        let mut words =
            format!("The preset `{}` describes {} of {}", best.name, number(best.keys), counted(inventory.keys, "key"));
        let others: Vec<String> = presets.map(|other| format!("`{}` {}", other.name, number(other.keys))).collect();
        if !others.is_empty() {
            words.push_str(&format!("; {} of them", others.join(", ")));
        }
        words.push(':');
        steps.push(Step { words, command: Some(command.clone()) });
    }
    steps
}

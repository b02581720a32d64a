//! Brakes in words: before everything else, wherever a plan or an index is shown.

use super::Style;
use crate::bundle::manifest::BrakeNote;
use crate::text::{safe, wrap};

/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;
/// Examples shown of each.
const EXAMPLES: usize = 3;

/// All brakes that apply, and how to lift those that do something. In short, what was lifted is only named.
pub fn brakes(notes: &[BrakeNote], in_short: bool, style: Style, out: &mut String) {
    if notes.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", style.bold("Brakes")));
    let width = style.width.min(PROSE);
    let is_lifted = |note: &&BrakeNote| note.effect == "lifted";
    for note in notes.iter().filter(|note| !in_short || !is_lifted(note)) {
        out.push_str(&format!("  {} ", style.wrong("!")));
        wrap(&sentence(note), 4, 4, width, out);
        for example in note.examples.iter().take(EXAMPLES) {
            // A name is never broken, so that it can be copied.
            out.push_str(&format!("      {}\n", safe(example)));
        }
    }
    if in_short && notes.iter().any(|note| is_lifted(&note)) {
        let mut names: Vec<String> = Vec::new();
        for note in notes.iter().filter(is_lifted) {
            let name = note.index.as_ref().unwrap_or(&note.brake);
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        out.push_str(&format!("  {} ", style.wrong("!")));
        wrap(&safe(&format!("LIFTED for {}: `show` says which", names.join(", "))), 4, 4, width, out);
    }
    if let Some(command) = how_to_lift(notes) {
        out.push_str("    ");
        wrap(&command, 4, 4, width, out);
    }
}

/// One brake in a sentence: what it is called, what became of it, and what it is about.
pub fn sentence(note: &BrakeNote) -> String {
    let name = match &note.index {
        Some(index) => format!("{} (index {})", note.brake, index),
        None => note.brake.clone(),
    };
    let effect = match note.effect.as_str() {
        "refuses" => "no plan: ",
        "lifted" => "LIFTED: ",
        _ => "",
    };
    safe(&format!("{name}: {effect}{}", note.text)).into_owned()
}

/// What lifts the brakes that do something.
pub fn how_to_lift(notes: &[BrakeNote]) -> Option<String> {
    let active = notes.iter().filter(|note| matches!(note.effect.as_str(), "refuses" | "keeps"));
    let options: Vec<String> = active.map(|note| format!("--accept {}", crate::text::shell(&note.accept()))).collect();
    (!options.is_empty()).then(|| format!("to lift them, if that is as it should be: plan {}", options.join(" ")))
}

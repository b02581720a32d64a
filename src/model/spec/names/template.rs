//! Templates: text with `{…}` in it, filled in from a record or from what was captured.

use super::capture::{Captured, Texts};
use super::parse::{Fault, Language, Part, Rules, parse};

/// The text of a key, a member, a value or a score with variable parts in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As written in the spec.
    pub text: String,
    /// Never empty, no two literals in a row, and no two variable parts.
    pub parts: Vec<Part>,
}

impl Template {
    /// `{@key}` alone.
    pub fn record_key() -> Template {
        Template { text: "{@key}".to_owned(), parts: vec![Part::RecordKey] }
    }

    /// Reads a template.
    pub fn parse(text: &str, mut rules: Rules<'_>) -> Result<Template, Fault> {
        let parts = parse(text, Language::Template, &mut rules)?;
        Ok(Template { text: text.to_owned(), parts })
    }

    /// Whether some part of it is text.
    pub fn has_text(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether it is `{@key}` and nothing else.
    pub fn is_record_key(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::RecordKey])
    }

    /// The fields it uses, in order and with repetitions.
    pub fn fields(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| matches!(part, Part::Field(_) | Part::Filtered(_)))
    }

    /// The captures it uses, in order and with repetitions.
    pub fn captures(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| if let Part::Capture(number) = part { Some(*number) } else { None })
    }

    /// Appends the name that captures make up. False if one of them was not read, or it takes more than captures.
    pub fn fill(&self, captured: &Captured, texts: &Texts<'_>, out: &mut Vec<u8>) -> bool {
        fill(&self.parts, captured, texts, out)
    }

    /// Its parts, with captures numbered by where they first occur: templates with the same differ in names at most.
    pub fn canonical(&self) -> Vec<Part> {
        let mut known = Vec::new();
        let mut number = |capture: usize| {
            known.iter().position(|other| *other == capture).unwrap_or_else(|| {
                known.push(capture);
                known.len().saturating_sub(1)
            })
        };
        let part = |part: &Part| if let Part::Capture(at) = part { Part::Capture(number(*at)) } else { part.clone() };
        self.parts.iter().map(part).collect()
    }
}

/// Appends what these parts give with captures. False if one of them was not read, or it takes more than captures.
pub fn fill(parts: &[Part], captured: &Captured, texts: &Texts<'_>, out: &mut Vec<u8>) -> bool {
    parts.iter().all(|part| {
        let value = match part {
            Part::Literal(bytes) => Some(bytes.as_slice()),
            Part::Capture(number) => captured.get(*number, texts),
            _ => None,
        };
        value.inspect(|value| out.extend_from_slice(value)).is_some()
    })
}

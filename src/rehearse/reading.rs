//! How a name is read by a template: every way is tried, the first variable part as short as can be.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::spec::{Glob, Part, Template};

/// A template, ready to read names by. It shares the glob of a record class with the planner, and nothing else.
#[derive(Debug)]
pub struct Reading {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    /// The name of a record; of any, where there is no class.
    Key(Option<Glob>),
    Field,
}

impl Reading {
    /// By a template that is filled in from records of this class.
    pub fn new(template: &Template, class: Option<&Glob>) -> Self {
        let piece = |part: &Part| match part {
            Part::Literal(bytes) => Piece::Text(bytes.clone()),
            Part::RecordKey => Piece::Key(class.cloned()),
            Part::Field(_) | Part::Wildcard => Piece::Field,
        };
        Self { pieces: template.parts.iter().map(piece).collect() }
    }

    /// Whether some reading fits.
    pub fn fits(&self, name: &[u8]) -> bool {
        self.read(name).is_some()
    }

    /// How many `:` each field of a name has; nothing for a name that cannot be read.
    pub fn colons(&self, name: &[u8]) -> Vec<usize> {
        let fields = self.read(name).unwrap_or_default();
        let colons =
            |field: Range<usize>| name.get(field).unwrap_or_default().iter().filter(|byte| **byte == b':').count();
        fields.into_iter().map(colons).collect()
    }

    fn read(&self, name: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut fields = Vec::new();
        self.rest(0, name, 0, &mut fields, &mut BTreeSet::new()).then(|| {
            fields.reverse();
            fields
        })
    }

    /// Reads what follows `at` by the pieces from this one on; notes the fields, the last one first. What has failed is not
    /// tried again.
    fn rest(
        &self,
        piece: usize,
        name: &[u8],
        at: usize,
        fields: &mut Vec<Range<usize>>,
        failed: &mut BTreeSet<(usize, usize)>,
    ) -> bool {
        let Some(here) = self.pieces.get(piece) else { return at == name.len() };
        // A field that finds no end from one place on finds none from a later one; a record's key might.
        let first = if matches!(here, Piece::Field) { 0 } else { at };
        if failed.range((piece, first)..=(piece, at)).next().is_some() {
            return false;
        }
        let next = piece.saturating_add(1);
        let rest = name.get(at..).unwrap_or_default();
        let fits = match here {
            Piece::Text(text) => {
                rest.starts_with(text) && self.rest(next, name, at.saturating_add(text.len()), fields, failed)
            }
            Piece::Key(_) | Piece::Field => {
                let can_end = |length: &usize| match (here, rest.get(..*length)) {
                    (Piece::Key(Some(class)), Some(key)) => class.matches(key),
                    (_, key) => key.is_some(),
                };
                let ends = self.ends(next, rest);
                let end = ends.filter(can_end).map(|length| at.saturating_add(length)).find(|end| {
                    let before = fields.len();
                    let fits = self.rest(next, name, *end, fields, failed);
                    if !fits {
                        fields.truncate(before);
                    }
                    fits
                });
                if let (Some(end), Piece::Field) = (end, here) {
                    fields.push(at..end);
                }
                end.is_some()
            }
        };
        if !fits {
            failed.insert((piece, at));
        }
        fits
    }

    /// Where a variable part may end: before the text that follows it, anywhere before another variable part, and at the
    /// end if it is the last.
    fn ends<'r>(&'r self, next: usize, rest: &'r [u8]) -> Box<dyn Iterator<Item = usize> + 'r> {
        match self.pieces.get(next) {
            None => Box::new(std::iter::once(rest.len())),
            Some(Piece::Text(text)) => {
                let places = rest.windows(text.len().max(1)).enumerate();
                Box::new(places.filter(move |(_, here)| here == text).map(|(at, _)| at))
            }
            Some(_) => Box::new(0..=rest.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Spec;
    use proptest::prelude::*;

    /// The family of the index, and the same by trying every way.
    fn both(template: &str, class: &str) -> Option<(Spec, Reading)> {
        let text = format!(
            "version = 1\n[[record]]\nname = \"r\"\nkey = '{class}'\n[[index]]\nname = \"i\"\npolicy = \"report\"\nfrom = \"r\"\n\
             key = '{template}'\nmember = \"m\"\n"
        );
        let spec = Spec::parse(&text, "test").ok()?;
        let reading = Reading::new(&spec.indexes[0].key, Some(&spec.records[0].key));
        Some((spec, reading))
    }

    /// A name that nearly fits everywhere takes no longer than its length.
    #[test]
    fn a_hostile_name_is_read_in_time() {
        let (_, reading) = both("{x}:{y}:{z}:end", "r:*").expect("a spec");
        let mut name = vec![b':'; 1 << 18];
        assert!(!reading.fits(&name));
        name.extend(b":end");
        assert_eq!(reading.colons(&name), [0, 0, (1 << 18) - 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Two readers that share the glob of the class agree on every name.
        #[test]
        fn the_form_reads_alike(
            // Of two variable parts with nothing between them it is not said which gets what.
            head in prop::sample::select(vec!["", "{x}", "{@key}"]),
            parts in prop::collection::vec(
                (prop::sample::select(vec!["a", ":", "::", "b:", "*", "a:b"]), prop::sample::select(vec!["", "{x}", "{y}", "{@key}"])),
                1..5,
            ),
            class in prop::sample::select(vec!["a*", "*", "a:*", "?", "[ab]?", "*b", "a*b*"]),
            names in prop::collection::vec("[ab:*]{0,10}", 8),
        ) {
            let template = head.to_owned() + &parts.iter().map(|(text, field)| format!("{text}{field}")).collect::<String>();
            let Some((spec, reading)) = both(&template, class) else { return Ok(()) };
            let form = &spec.indexes[0].family;
            for name in names {
                let mut fields = Vec::new();
                let has = form.read(name.as_bytes(), &mut fields);
                prop_assert_eq!(has, form.has(name.as_bytes()));
                // As in MATCH, no star matches the empty name unless it stands alone.
                if !name.is_empty() {
                    prop_assert_eq!(has.then_some(fields), reading.read(name.as_bytes()), "{:?} {} {}", template, class, name);
                }
            }
        }
    }
}

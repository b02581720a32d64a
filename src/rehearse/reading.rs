//! How a name is read by a template: every way is tried, the first variable part as short as can be.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::spec::{ByteSet, Captures, Kind, Part, Wild};

/// A template, ready to read names by. It shares the parts of the template with the planner, and nothing else.
#[derive(Debug)]
pub struct Reading {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    /// Any byte, or one of some.
    One(Option<Box<ByteSet>>),
    Uuid(usize),
    Run(Run),
}

/// A part of any length.
#[derive(Debug)]
struct Run {
    slot: Slot,
    /// None for any byte.
    bytes: Option<fn(u8) -> bool>,
    min: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Star,
    Field,
    Capture(usize),
}

/// What a name is read as: each field and capture in order, with the number of the capture.
pub type Slots = Vec<(Option<usize>, Range<usize>)>;

/// The length of a UUID as text, and where it has hyphens.
const UUID: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Reading {
    /// By these parts. `class` has those of the key of the records that a template is filled in from.
    pub fn new(parts: &[Part], captures: &Captures, class: Option<&[Part]>) -> Self {
        let key = [Part::Wild(Wild::Star)];
        let pieces = parts.iter().flat_map(|part| match part {
            Part::RecordKey => class.unwrap_or(&key),
            part => std::slice::from_ref(part),
        });
        Self { pieces: pieces.map(|part| piece(part, captures)).collect() }
    }

    /// Whether some reading fits.
    pub fn fits(&self, name: &[u8]) -> bool {
        self.read(name).is_some()
    }

    /// How many `:` each field of a name has; nothing for a name that cannot be read.
    pub fn colons(&self, name: &[u8]) -> Vec<usize> {
        let colons =
            |field: Range<usize>| name.get(field).unwrap_or_default().iter().filter(|byte| **byte == b':').count();
        self.read(name).unwrap_or_default().into_iter().map(|(_, field)| colons(field)).collect()
    }

    /// What each field and capture of a name stands for.
    pub fn read(&self, name: &[u8]) -> Option<Slots> {
        // Most names are told from others by what they begin or end with.
        let begins = |piece: Option<&Piece>| !matches!(piece, Some(Piece::Text(text)) if !name.starts_with(text));
        let ends = |piece: Option<&Piece>| !matches!(piece, Some(Piece::Text(text)) if !name.ends_with(text));
        if !begins(self.pieces.first()) || !ends(self.pieces.last()) {
            return None;
        }
        let mut slots = Vec::new();
        if !self.rest(0, name, 0, &mut slots, &mut BTreeSet::new()) {
            return None;
        }
        slots.reverse();
        // Of a capture that occurs twice the first is read, and the others must be equal.
        let text = |spot: &Range<usize>| name.get(spot.clone());
        let first =
            |number: usize| slots.iter().find(|(capture, _)| *capture == Some(number)).map(|(_, spot)| text(spot));
        let equal = slots.iter().all(|(capture, spot)| capture.is_none_or(|number| first(number) == Some(text(spot))));
        equal.then_some(slots)
    }

    /// Reads what follows `at` by the pieces from this one on; notes the slots, the last one first. What has failed is not
    /// tried again.
    fn rest(
        &self,
        piece: usize,
        name: &[u8],
        at: usize,
        slots: &mut Slots,
        failed: &mut BTreeSet<(usize, usize)>,
    ) -> bool {
        let Some(here) = self.pieces.get(piece) else { return at == name.len() };
        // A run of any bytes that finds no end from one place on finds none from a later one.
        let any = matches!(here, Piece::Run(Run { bytes: None, .. }));
        let first = if any { 0 } else { at };
        if failed.range((piece, first)..=(piece, at)).next().is_some() {
            return false;
        }
        let next = piece.saturating_add(1);
        let rest = name.get(at..).unwrap_or_default();
        let mut go = |length: usize, capture: Option<Option<usize>>| {
            let end = at.saturating_add(length);
            let before = slots.len();
            let fits = self.rest(next, name, end, slots, failed);
            if fits {
                slots.extend(capture.map(|capture| (capture, at..end)));
            } else {
                slots.truncate(before);
            }
            fits
        };
        let fits = match here {
            Piece::Text(text) => rest.starts_with(text) && go(text.len(), None),
            Piece::One(set) => {
                rest.first().is_some_and(|byte| set.as_ref().is_none_or(|set| set.has(*byte))) && go(1, None)
            }
            Piece::Uuid(capture) => rest.get(..UUID).is_some_and(is_uuid) && go(UUID, Some(Some(*capture))),
            Piece::Run(run) => {
                let most = run.bytes.map_or(rest.len(), |is| rest.iter().take_while(|byte| is(**byte)).count());
                let slot = match run.slot {
                    Slot::Star => None,
                    Slot::Field => Some(None),
                    Slot::Capture(number) => Some(Some(number)),
                };
                let ends = self.ends(next, rest).take_while(|length| *length <= most);
                ends.filter(|length| *length >= run.min).any(|length| go(length, slot))
            }
        };
        if !fits {
            failed.insert((piece, at));
        }
        fits
    }

    /// Where a run may end: before the text that follows it, anywhere before something else, and at the end if it is the
    /// last.
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

fn piece(part: &Part, captures: &Captures) -> Piece {
    let run = |slot, bytes, min| Piece::Run(Run { slot, bytes, min });
    match part {
        Part::Literal(bytes) => Piece::Text(bytes.clone()),
        Part::Wild(Wild::One) => Piece::One(None),
        Part::Wild(Wild::Class(set)) => Piece::One(Some(set.clone())),
        Part::Wild(Wild::Star) | Part::RecordKey => run(Slot::Star, None, 0),
        Part::Field(_) | Part::Filtered(_) | Part::Wildcard => run(Slot::Field, None, 0),
        Part::Capture(number) => {
            let slot = Slot::Capture(*number);
            match captures.kind(*number) {
                Some(Kind::Uuid) => Piece::Uuid(*number),
                Some(Kind::Plain) => run(slot, Some(|byte| byte != b':'), 1),
                Some(Kind::Digits) => run(slot, Some(|byte| byte.is_ascii_digit()), 1),
                Some(Kind::Hex) => run(slot, Some(|byte| byte.is_ascii_hexdigit()), 1),
                Some(Kind::Any) | None => run(slot, None, 1),
            }
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.iter()
        .enumerate()
        .all(|(at, byte)| if HYPHENS.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
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
        let reading =
            Reading::new(&spec.indexes[0].key.parts, &spec.indexes[0].captures, Some(&spec.records[0].key.parts));
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

        /// Two readers that share the parts of a template agree on every name.
        #[test]
        fn the_form_reads_alike(
            head in prop::sample::select(vec!["", "{x}", "{@key}", "{@id}"]),
            parts in prop::collection::vec(
                (
                    prop::sample::select(vec!["a", ":", "::", "b:", "*", "a:b", "1", "-"]),
                    prop::sample::select(vec!["", "{x}", "{y}", "{@key}", "{@id}", "{@d}", "{@h}", "{@all}"]),
                ),
                1..5,
            ),
            class in prop::sample::select(vec![
                "a*b{@id}:{@d:digits}-{@h:hex}|{@all*}",
                "{@id}:{@d:digits}:{@h:hex}:{@all*}",
                "?[ab]*{{{@id*}-{@d}:{@h:hex}x{@all}",
                "{@d:digits}a{@id:hex}:{@h}b{@all*}c",
            ]),
            names in prop::collection::vec("[ab1:*{|x-]{0,12}", 12),
        ) {
            let template = head.to_owned() + &parts.iter().map(|(text, field)| format!("{text}{field}")).collect::<String>();
            let Some((spec, reading)) = both(&template, class) else { return Ok(()) };
            let form = &spec.indexes[0].family;
            for name in names {
                let mut found = crate::model::spec::Reading::default();
                let has = form.read(name.as_bytes(), &mut found);
                // As in MATCH, no star matches the empty name unless it stands alone.
                if !name.is_empty() {
                    prop_assert_eq!(has, form.has(name.as_bytes()));
                    let slots = reading.read(name.as_bytes());
                    let spots = slots.map(|slots| slots.into_iter().map(|(_, spot)| spot).collect::<Vec<_>>());
                    prop_assert_eq!(has.then_some(found.spots), spots, "{:?} {} {}", template, class, name);
                }
            }
        }
    }
}

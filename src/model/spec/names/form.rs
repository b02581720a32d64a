//! What names a template or a pattern gives, and how such a name is read.
//!
//! A name *has the form* if some reading fits all of it. Of several readings the one counts whose first variable part is
//! shortest, then the second, and so on. `{@key}` stands for the names of a record class, a capture for bytes of its kind, a
//! field for any bytes.

use std::borrow::Cow;

use super::capture::{Captured, Captures, Text, Texts};
use super::glob::Glob;
use super::matcher::{Matcher, Reading};
use super::parse::{Part, Wild};

/// The names that one template or pattern gives. Compiled once; reading a name takes no longer than matching it.
#[derive(Clone, Debug)]
pub struct Form {
    /// All those names, and more where it has captures.
    glob: Glob,
    matcher: Matcher,
    /// It has captures, which the glob knows nothing of.
    captures: bool,
    /// The capture of any bytes that is all of it.
    whole: Option<usize>,
    literals: usize,
}

impl PartialEq for Form {
    fn eq(&self, other: &Form) -> bool {
        self.glob == other.glob && self.matcher == other.matcher
    }
}

impl Eq for Form {}

impl Form {
    /// The form of these parts. `class` has the parts of the key of the records that a template is filled in from; without
    /// it, `{@key}` stands for any bytes.
    pub fn new(parts: &[Part], captures: &Captures, class: Option<&[Part]>) -> Form {
        let mut all: Vec<Part> = Vec::new();
        for part in parts {
            match (part, class) {
                (Part::RecordKey, Some(class)) => all.extend(class.iter().cloned()),
                (part, _) => all.push(part.clone()),
            }
        }
        let (mut pattern, mut starred) = (Vec::new(), false);
        for part in &all {
            let star = !matches!(part, Part::Literal(_) | Part::Wild(Wild::One | Wild::Class(_)));
            match part {
                Part::Literal(bytes) => Glob::escape(bytes, &mut pattern),
                Part::Wild(Wild::One) => pattern.push(b'?'),
                Part::Wild(Wild::Class(set)) => set.write(&mut pattern),
                _ if starred => {}
                _ => pattern.push(b'*'),
            }
            starred = star;
        }
        let glob = Glob::new(&pattern);
        let literals = glob.literals();
        let has_captures = all.iter().any(|part| matches!(part, Part::Capture(_)));
        let matcher = Matcher::new(&all, captures);
        let whole = match all.as_slice() {
            [Part::Capture(number)] if matcher.is_one_run_of_any() => Some(*number),
            _ => None,
        };
        Form { glob, matcher, captures: has_captures, whole, literals }
    }

    /// All names of this form, as a pattern in which a capture is a star.
    pub fn glob(&self) -> &Glob {
        &self.glob
    }

    /// Whether a name has this form.
    #[inline]
    pub fn has(&self, name: &[u8]) -> bool {
        self.glob.matches(name) && (!self.captures || self.matcher.read(name, &mut Reading::default()))
    }

    /// Whether every name has it.
    pub fn is_any(&self) -> bool {
        !self.captures && self.glob.as_bytes() == b"*"
    }

    /// Whether no byte of a name is given: only the empty name, or few, have it not.
    pub fn takes_nearly_all(&self) -> bool {
        self.glob.as_bytes() == b"*" && self.matcher.is_one_run_of_any()
    }

    /// How many bytes are the same in every name: of two forms the one with more of them says more about a name.
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// How many fields and captures a name is read into.
    pub fn slots(&self) -> usize {
        self.matcher.slots.len()
    }

    /// Reads a name: where in it each field and capture stands ([`Reading::spots`]), in their order. False if it has not
    /// this form.
    pub fn read(&self, name: &[u8], reading: &mut Reading) -> bool {
        self.matcher.read(name, reading)
    }

    /// Reads one of several texts, and notes what its captures stand for. A capture that another text has given already
    /// must be the same here.
    pub fn capture(&self, text: Text, texts: &Texts<'_>, reading: &mut Reading, captured: &mut Captured) -> bool {
        // One capture of any bytes, which is all there is: what most members are.
        if let (Some(number), name) = (self.whole, texts.get(text))
            && captured.get(number, texts).is_none()
        {
            captured.set(number, text, 0..name.len());
            return !name.is_empty();
        }
        if !self.matcher.read(texts.get(text), reading) {
            return false;
        }
        self.matcher.slots.iter().zip(&reading.spots).all(|(slot, spot)| {
            let Some(number) = slot.capture else { return true };
            match captured.get(number, texts) {
                Some(known) => texts.get(text).get(spot.clone()) == Some(known),
                None => {
                    captured.set(number, text, spot.clone());
                    true
                }
            }
        })
    }
}

/// The parts of a template in which captures that are known stand as text.
pub fn bound<'p>(parts: &'p [Part], captured: &Captured, texts: &Texts<'_>) -> Cow<'p, [Part]> {
    let known = |part: &Part| match part {
        Part::Capture(number) => captured.get(*number, texts),
        _ => None,
    };
    if !parts.iter().any(|part| known(part).is_some()) {
        return Cow::Borrowed(parts);
    }
    Cow::Owned(parts.iter().map(|part| known(part).map_or(part.clone(), |text| Part::Literal(text.to_vec()))).collect())
}

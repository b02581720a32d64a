//! Reading a name: where in it each variable part stands.
//!
//! A form is a row of *segments* of fixed length with *gaps* between them, which hold one run of bytes each. The first
//! segment stands at the beginning of a name and the last one at its end. Of all ways to place the others there is one in
//! which each stands as far to the left as in any of them: if two placements fit, then so does the one that takes the smaller
//! position of each segment, for the limits of a gap move to the right with the segment before it. That one is what the
//! contract asks for (the first variable part as short as can be, then the second, …). It is found by moving segments to the
//! right only: to the next place where they fit, and past a byte that may not stand in the gap behind them. So no name takes
//! longer than its length times that of the form.

use std::ops::Range;

use memchr::memmem::Finder;

use super::capture::{Captures, Kind};
use super::glob::ByteSet;
use super::parse::{Part, Wild};

/// The names that a row of parts gives, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    segments: Vec<Segment>,
    /// The gap after each segment but the last.
    gaps: Vec<Gap>,
    /// Fields and captures, in the order of the parts.
    pub slots: Vec<Slot>,
    /// Some capture occurs twice.
    repeats: bool,
}

/// Where a field or a capture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The capture of this number; without one, a field.
    pub capture: Option<usize>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// All of the gap after this segment.
    Gap(usize),
    /// So many bytes of a segment, from an offset on.
    Inside { segment: usize, offset: usize, len: usize },
}

#[derive(Clone, Debug, Default)]
struct Segment {
    atoms: Vec<Atom>,
    /// Set if all atoms are bytes, and there are some.
    literal: Option<Box<Finder<'static>>>,
}

/// What stands at one byte of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Byte(u8),
    Any,
    Hex,
    Class(Box<ByteSet>),
}

/// A run of bytes of any length, or of one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    bytes: Bytes,
    min: usize,
}

/// What a UUID looks like: hexadecimal digits, and hyphens.
const UUID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// What bytes may stand in a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    Any,
    NoColon,
    Digits,
    Hex,
}

/// Memory for reading one name after the other, and where the last one's parts are.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    starts: Vec<usize>,
    /// Where each segment is at least.
    lowest: Vec<usize>,
    /// Up to where the gap before each segment was looked through.
    checked: Vec<usize>,
    /// Where each field and capture stands, in the order of the form.
    pub spots: Vec<Range<usize>>,
}

impl PartialEq for Segment {
    fn eq(&self, other: &Segment) -> bool {
        self.atoms == other.atoms
    }
}

impl Eq for Segment {}

impl Bytes {
    /// The last byte that cannot stand in such a gap.
    fn last_bad(self, text: &[u8]) -> Option<usize> {
        match self {
            Bytes::Any => None,
            Bytes::NoColon => memchr::memrchr(b':', text),
            Bytes::Digits => text.iter().rposition(|byte| !byte.is_ascii_digit()),
            Bytes::Hex => text.iter().rposition(|byte| !byte.is_ascii_hexdigit()),
        }
    }
}

impl Atom {
    fn is(&self, byte: u8) -> bool {
        match self {
            Atom::Byte(own) => *own == byte,
            Atom::Any => true,
            Atom::Hex => byte.is_ascii_hexdigit(),
            Atom::Class(set) => set.has(byte),
        }
    }
}

impl Segment {
    fn seal(&mut self) {
        let bytes = self.atoms.iter().map(|atom| if let Atom::Byte(byte) = atom { Some(*byte) } else { None });
        self.literal = bytes
            .collect::<Option<Vec<u8>>>()
            .filter(|bytes| !bytes.is_empty())
            .map(|bytes| Box::new(Finder::new(&bytes).into_owned()));
    }

    /// Whether it stands at this place of a name.
    fn is_at(&self, name: &[u8], at: usize) -> bool {
        let Some(rest) = name.get(at..) else { return false };
        match &self.literal {
            Some(literal) => rest.starts_with(literal.needle()),
            None => rest.len() >= self.atoms.len() && self.atoms.iter().zip(rest).all(|(atom, byte)| atom.is(*byte)),
        }
    }

    /// The first place from `from` on where it stands.
    fn next(&self, name: &[u8], from: usize) -> Option<usize> {
        let rest = name.get(from..)?;
        match &self.literal {
            Some(literal) => literal.find(rest).and_then(|at| at.checked_add(from)),
            None => (from..=name.len().checked_sub(self.atoms.len())?).find(|at| self.is_at(name, *at)),
        }
    }
}

impl Matcher {
    pub fn new(parts: &[Part], captures: &Captures) -> Matcher {
        let mut matcher = Matcher { segments: Vec::new(), gaps: Vec::new(), slots: Vec::new(), repeats: false };
        let mut segment = Segment::default();
        for part in parts {
            let capture = if let Part::Capture(number) = part { Some(*number) } else { None };
            let gap = match part {
                Part::Literal(bytes) => {
                    segment.atoms.extend(bytes.iter().map(|byte| Atom::Byte(*byte)));
                    continue;
                }
                Part::Wild(Wild::One) => {
                    segment.atoms.push(Atom::Any);
                    continue;
                }
                Part::Wild(Wild::Class(set)) => {
                    segment.atoms.push(Atom::Class(set.clone()));
                    continue;
                }
                Part::Capture(number) => match captures.kind(*number).unwrap_or(Kind::Any) {
                    Kind::Uuid => {
                        let offset = segment.atoms.len();
                        for byte in UUID.bytes() {
                            segment.atoms.push(if byte == b'-' { Atom::Byte(b'-') } else { Atom::Hex });
                        }
                        let len = segment.atoms.len().saturating_sub(offset);
                        let place = Place::Inside { segment: matcher.segments.len(), offset, len };
                        matcher.slot(capture, place);
                        continue;
                    }
                    Kind::Plain => Gap { bytes: Bytes::NoColon, min: 1 },
                    Kind::Any => Gap { bytes: Bytes::Any, min: 1 },
                    Kind::Digits => Gap { bytes: Bytes::Digits, min: 1 },
                    Kind::Hex => Gap { bytes: Bytes::Hex, min: 1 },
                },
                Part::RecordKey | Part::Field(_) | Part::Filtered(_) | Part::Wildcard | Part::Wild(Wild::Star) => {
                    Gap { bytes: Bytes::Any, min: 0 }
                }
            };
            let place = Place::Gap(matcher.gaps.len());
            if !matches!(part, Part::RecordKey | Part::Wild(_)) {
                matcher.slot(capture, place);
            }
            segment.seal();
            matcher.segments.push(std::mem::take(&mut segment));
            matcher.gaps.push(gap);
        }
        segment.seal();
        matcher.segments.push(segment);
        matcher
    }

    /// Whether any bytes fit, one or more of them.
    pub fn is_one_run_of_any(&self) -> bool {
        matches!(self.gaps.as_slice(), [Gap { bytes: Bytes::Any, .. }])
            && self.segments.iter().all(|segment| segment.atoms.is_empty())
    }

    fn slot(&mut self, capture: Option<usize>, place: Place) {
        self.repeats |= capture.is_some() && self.slots.iter().any(|slot| slot.capture == capture);
        self.slots.push(Slot { capture, place });
    }

    /// Reads a name. False if it has not the form.
    pub fn read(&self, name: &[u8], reading: &mut Reading) -> bool {
        if !self.place(name, reading) {
            return false;
        }
        let Reading { starts, spots, .. } = reading;
        let start = |segment: usize| starts.get(segment).copied().unwrap_or(0);
        let end =
            |segment: usize| start(segment).saturating_add(self.segments.get(segment).map_or(0, |s| s.atoms.len()));
        spots.clear();
        spots.extend(self.slots.iter().map(|slot| match slot.place {
            Place::Gap(segment) => end(segment)..start(segment.saturating_add(1)),
            Place::Inside { segment, offset, len } => {
                let from = start(segment).saturating_add(offset);
                from..from.saturating_add(len)
            }
        }));
        !self.repeats || self.repeats_are_equal(name, spots)
    }

    fn repeats_are_equal(&self, name: &[u8], spots: &[Range<usize>]) -> bool {
        let text = |spot: &Range<usize>| name.get(spot.clone());
        self.slots.iter().zip(spots).all(|(slot, spot)| {
            let Some(capture) = slot.capture else { return true };
            let first = self.slots.iter().position(|other| other.capture == Some(capture));
            first.and_then(|first| spots.get(first)).is_none_or(|first| text(first) == text(spot))
        })
    }

    /// Finds the leftmost place of every segment.
    fn place(&self, name: &[u8], reading: &mut Reading) -> bool {
        let Reading { starts, lowest, checked, .. } = reading;
        let count = self.segments.len();
        for list in [&mut *starts, &mut *lowest, &mut *checked] {
            list.clear();
            list.resize(count, 0);
        }
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else { return false };
        if !first.is_at(name, 0) {
            return false;
        }
        let Some(tail) = name.len().checked_sub(last.atoms.len()) else { return false };
        if !last.is_at(name, tail) {
            return false;
        }
        if count == 1 {
            return tail == 0;
        }
        let mut at = 1;
        while at < count {
            let before = at.saturating_sub(1);
            let (Some(segment), Some(previous), Some(gap)) =
                (self.segments.get(at), self.segments.get(before), self.gaps.get(before))
            else {
                return false;
            };
            let (Some(&begin), Some(&low), Some(&seen)) = (starts.get(before), lowest.get(at), checked.get(at)) else {
                return false;
            };
            let end = begin.saturating_add(previous.atoms.len());
            let from = end.saturating_add(gap.min).max(low);
            let found =
                if at.saturating_add(1) == count { (tail >= from).then_some(tail) } else { segment.next(name, from) };
            let Some(found) = found else { return false };
            let unseen = end.max(seen);
            let bad = name.get(unseen..found).and_then(|text| gap.bytes.last_bad(text));
            if let (Some(low), Some(seen), Some(start)) = (lowest.get_mut(at), checked.get_mut(at), starts.get_mut(at))
            {
                (*low, *seen, *start) = (found, found, found);
            }
            let Some(bad) = bad else {
                at = at.saturating_add(1);
                continue;
            };
            // The segment before has to stand behind that byte.
            if before == 0 {
                return false;
            }
            let behind = unseen.saturating_add(bad).saturating_add(1);
            if let Some(low) = lowest.get_mut(before) {
                *low = (*low).max(behind.saturating_sub(previous.atoms.len()));
            }
            at = before;
        }
        true
    }
}

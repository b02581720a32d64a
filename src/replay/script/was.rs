//! What must be there now for an edit to be made: what the other file of the bundle leaves.

use std::collections::HashSet;
use std::sync::Arc;

/// What a part of a command must find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Was<'a> {
    /// Whatever it is.
    #[default]
    Any,
    /// Nothing.
    Absent,
    /// This value.
    Is(&'a [u8]),
    /// This value, or nothing.
    AbsentOr(&'a [u8]),
    /// This list.
    List(Arc<ListLeft<'a>>),
}

impl Was<'_> {
    /// Whether it is this value, or nothing.
    pub fn is(&self, found: Option<&[u8]>) -> bool {
        match (self, found) {
            (Self::Any, _) | (Self::Absent | Self::AbsentOr(_), None) => true,
            (Self::Is(value) | Self::AbsentOr(value), Some(found)) => *value == found,
            (Self::Absent | Self::List(_), Some(_)) | (Self::Is(_) | Self::List(_), None) => false,
        }
    }
}

/// A list as an apply left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListLeft<'a> {
    /// As it was before.
    pub old: Vec<&'a [u8]>,
    /// Elements that were taken out of it.
    pub gone: HashSet<&'a [u8]>,
    /// Elements of which that is not known.
    pub maybe: HashSet<&'a [u8]>,
}

impl<'a> ListLeft<'a> {
    /// Whether it is this list. An element of which it is not known what became of it is there as often as before, or not
    /// at all.
    pub fn is(&self, found: &[Vec<u8>]) -> bool {
        let there: HashSet<&[u8]> = match self.maybe.is_empty() {
            true => HashSet::new(),
            false => found.iter().map(Vec::as_slice).filter(|element| self.maybe.contains(element)).collect(),
        };
        let mut left = self.left(&there);
        found.iter().all(|element| left.next() == Some(element)) && left.next().is_none()
    }

    /// What is left, if it is known.
    pub fn known(&self) -> Option<Vec<&'a [u8]>> {
        self.maybe.is_empty().then(|| self.left(&HashSet::new()).collect())
    }

    fn left<'s>(&'s self, there: &'s HashSet<&[u8]>) -> impl Iterator<Item = &'a [u8]> + 's {
        let stays = |element: &&'a [u8]| {
            !self.gone.contains(element) && (!self.maybe.contains(element) || there.contains(element))
        };
        self.old.iter().copied().filter(stays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Vec<u8>> {
        text.bytes().map(|byte| vec![byte]).collect()
    }

    #[test]
    fn a_list_is_what_was_left_in_its_order() {
        let old: Vec<&[u8]> = vec![b"a", b"x", b"b", b"y", b"x", b"c"];
        let left = ListLeft { old: old.clone(), gone: HashSet::from([&b"x"[..]]), maybe: HashSet::new() };
        assert_eq!(left.known(), Some(vec![&b"a"[..], b"b", b"y", b"c"]));
        for (found, is) in
            [("abyc", true), ("abcy", false), ("aby", false), ("abycd", false), ("", false), ("axbyxc", false)]
        {
            assert_eq!(left.is(&list(found)), is, "{found}");
        }
        // One was taken out, of the other it is not known.
        let left = ListLeft { maybe: HashSet::from([&b"y"[..]]), ..left };
        assert_eq!(left.known(), None);
        for (found, is) in [("abyc", true), ("abc", true), ("abycy", false), ("abxc", false), ("ayc", false)] {
            assert_eq!(left.is(&list(found)), is, "{found}");
        }
    }

    #[test]
    fn a_value_is_what_it_was_or_not() {
        let (this, other): (&[u8], &[u8]) = (b"v", b"w");
        for (was, this_is, other_is, none_is) in [
            (Was::Any, true, true, true),
            (Was::Absent, false, false, true),
            (Was::Is(this), true, false, false),
            (Was::AbsentOr(this), true, false, true),
        ] {
            assert_eq!(
                (was.is(Some(this)), was.is(Some(other)), was.is(None)),
                (this_is, other_is, none_is),
                "{was:?}"
            );
        }
    }
}

//! Captures: what may stand for one, which there are, and what each stands for in the names that were read.

use std::ops::Range;

/// What a capture may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `{@id}`: one or more bytes, none of them `:`.
    Plain,
    /// `{@id*}`: one or more bytes.
    Any,
    /// `{@id:digits}`
    Digits,
    /// `{@id:hex}`
    Hex,
    /// `{@id:uuid}`: 36 bytes.
    Uuid,
}

impl Kind {
    /// As it is written behind the name.
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Plain => "",
            Kind::Any => "*",
            Kind::Digits => ":digits",
            Kind::Hex => ":hex",
            Kind::Uuid => ":uuid",
        }
    }
}

/// The captures that are declared, by number. One for a record class; one for an index with `exists`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    list: Vec<(String, Kind)>,
}

/// More are refused; a set of them is a word.
pub(super) const MAX_CAPTURES: usize = 64;

impl Captures {
    /// The number of a capture.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|(known, _)| known == name)
    }

    /// What it may stand for.
    pub fn kind(&self, number: usize) -> Option<Kind> {
        self.list.get(number).map(|(_, kind)| *kind)
    }

    /// What it is called.
    pub fn name(&self, number: usize) -> Option<&str> {
        self.list.get(number).map(|(name, _)| name.as_str())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Declares one without asking whether the name is taken; `None` if there are too many.
    pub(super) fn add(&mut self, name: &str, kind: Kind) -> Option<usize> {
        let number = self.list.len();
        (number < MAX_CAPTURES).then(|| {
            self.list.push((name.to_owned(), kind));
            number
        })
    }
}

/// A text that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The name of a key: of a record, or of an index.
    Key,
    /// An element, or the field of a hash.
    Member,
    /// The value of a hash's field, or the text of a string.
    Value,
}

/// The texts of one entry; those that are not there are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    /// The name of the key.
    pub key: &'a [u8],
    /// An element, or the field of a hash.
    pub member: &'a [u8],
    /// The value of a hash's field, or the text of a string.
    pub value: &'a [u8],
}

impl<'a> Texts<'a> {
    /// A key alone.
    pub fn of_key(key: &'a [u8]) -> Texts<'a> {
        Texts { key, ..Texts::default() }
    }

    /// One of them.
    pub fn get(&self, text: Text) -> &'a [u8] {
        match text {
            Text::Key => self.key,
            Text::Member => self.member,
            Text::Value => self.value,
        }
    }
}

/// Where in the texts each capture stands. Owns no text, so that it is kept from one name to the next.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    spots: Vec<Option<(Text, Range<usize>)>>,
}

impl Captured {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.spots.clear();
    }

    /// What a capture stands for, in the texts that were read.
    pub fn get<'a>(&self, number: usize, texts: &Texts<'a>) -> Option<&'a [u8]> {
        let (text, range) = self.spots.get(number)?.as_ref()?;
        texts.get(*text).get(range.clone())
    }

    pub(super) fn set(&mut self, number: usize, text: Text, range: Range<usize>) {
        if self.spots.len() <= number {
            self.spots.resize(number.saturating_add(1), None);
        }
        if let Some(spot) = self.spots.get_mut(number) {
            *spot = Some((text, range));
        }
    }
}

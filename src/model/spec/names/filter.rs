//! Filters of a field: `|lower`, `|upper`, `|words`, `|split:TEXT`.

/// What a chain of filters comes to. Chains with the same effect are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters {
    /// What becomes of ASCII letters.
    pub case: Case,
    /// Words at ASCII white space.
    pub words: bool,
    /// The parts between this text, without empty ones, untrimmed.
    pub split: Option<Vec<u8>>,
}

/// What becomes of ASCII letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Case {
    /// They stay.
    #[default]
    Kept,
    /// `|lower`
    Lower,
    /// `|upper`
    Upper,
}

impl Filters {
    /// Whether nothing is done.
    pub fn is_none(&self) -> bool {
        *self == Filters::default()
    }

    /// Whether one value may give several, or none.
    pub fn is_multi(&self) -> bool {
        self.words || self.split.is_some()
    }

    /// Gives each value that the filters make of one. `room` is overwritten.
    pub fn apply(&self, value: &[u8], room: &mut Vec<u8>, each: &mut dyn FnMut(&[u8])) {
        let value = match self.case {
            Case::Kept => value,
            case => {
                room.clear();
                room.extend_from_slice(value);
                if case == Case::Lower {
                    room.make_ascii_lowercase()
                } else {
                    room.make_ascii_uppercase()
                }
                room.as_slice()
            }
        };
        if self.words {
            let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.for_each(|word| self.parts(word, each));
        } else {
            self.parts(value, each);
        }
    }

    fn parts(&self, value: &[u8], each: &mut dyn FnMut(&[u8])) {
        let Some(between) = &self.split else { return each(value) };
        let mut start = 0;
        let mut part = |range| {
            if let Some(part) = value.get(range).filter(|part: &&[u8]| !part.is_empty()) {
                each(part);
            }
        };
        for at in memchr::memmem::find_iter(value, between) {
            part(start..at);
            start = at.saturating_add(between.len());
        }
        part(start..value.len());
    }
}

impl std::fmt::Display for Filters {
    /// As a template has them behind a field.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.case {
            Case::Lower if !self.words => f.write_str("|lower")?,
            Case::Upper => f.write_str("|upper")?,
            Case::Lower | Case::Kept => {}
        }
        if self.words {
            f.write_str("|words")?;
        }
        match &self.split {
            Some(between) => write!(f, "|split:{}", String::from_utf8_lossy(between)),
            None => Ok(()),
        }
    }
}

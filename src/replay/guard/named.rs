//! Which keys the entries of a pruned key name. Who knows the spec says it.

/// How much of a replay goes out by scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What one command cannot be told: entries that are pruned, fields, and strings that are changed.
    #[default]
    Auto,
    /// Nothing.
    Replies,
    /// Every edit that a record decides, too.
    Records,
}

/// What prune rules take away from a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Its own name says what must be there; it goes as a whole. Otherwise its entries do.
    pub whole: bool,
    /// Its entries go, or all of them because of its own name.
    pub by_name: bool,
    /// The most arguments that a script takes for one entry.
    pub arguments: usize,
}

/// An entry: a member, an element, or a field; and the value of a field, or the text of a string.
pub type Entry<'e> = (&'e [u8], &'e [u8]);

/// A key that an entry names. While it is there, as the rule says, the entry stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub key: Vec<u8>,
    /// This field of it.
    pub field: Option<Vec<u8>>,
    /// What must be true of it, or of that field: an index, and a place in its `exists`.
    pub condition: Option<(usize, usize)>,
}

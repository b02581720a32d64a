//! What the servers of the corpus answered, and the same out of a dump of theirs.

pub mod collect;
pub mod expected;

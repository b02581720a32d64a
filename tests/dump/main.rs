//! From the bytes of a dump to its records: the format, the corpus, `check`, and the writer of dumps that other tests use.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod corpus;
mod fixtures;
mod format;
mod writer;

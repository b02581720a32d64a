//! What is known of the dump while entries are tried.

use std::collections::HashMap;

use super::around::Around;
use crate::infer::patterns::Pattern;
use crate::infer::sample::Sample;
use crate::infer::survey::Survey;

/// What is known of the dump while entries are tried.
#[derive(Clone, Copy)]
pub struct Known<'k, 'a> {
    pub survey: &'k Survey<'a>,
    pub sample: &'k Sample,
    pub patterns: &'k [Pattern],
    /// The number of the pattern of each name of the sample.
    pub of_name: &'k HashMap<(u64, Vec<u8>), usize>,
    /// Those of the database, the most frequent first.
    pub around: &'k [Around],
}

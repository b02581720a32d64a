//! Which keys have rows.

use super::damaged::Damaged;
use super::filter::Filter;

/// Those that the filter keeps and that are not damaged.
#[derive(Clone, Copy)]
pub(super) struct Which<'k> {
    pub filter: &'k Filter,
    pub damaged: Option<&'k Damaged>,
}

//! What is there, before and while something is written. Only reads.

pub mod exact;
pub mod forecast;
pub mod inspect;
pub mod place;
pub mod preflight;
pub mod query;

//! The pass over the dump: the stock, the memberships that records imply, and where the index keys are.

pub mod required_set;
pub mod survey;
pub mod value_cache;
pub mod witness;

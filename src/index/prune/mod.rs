//! Entries that name a key which is gone.
//!
//! The pass over the dump notes the keys whose names some `exists` can give (`model::view::Existing`), and the keys of prune
//! rules. Here their entries are read and looked up, key by key. What is deleted by the plan counts as gone: where that is
//! named by entries, all is looked at again, until nothing more is gone. Keys only go, so that comes to an end.

mod judge;
mod look_up;

pub use judge::{Fate, Pruned, References, prune};

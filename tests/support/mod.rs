//! What the integration tests share: real servers to judge by, and a writer of dumps that needs none.
//!
//! A test uses it with `mod support;`, a benchmark or an example with `#[path = "../tests/support/mod.rs"] mod support;`
//! (or names only the part it needs).
#![allow(dead_code, unused_imports, reason = "each test binary compiles this and uses only a part of it")]

pub mod cell;
pub mod corpus;
pub mod dump_writer;
pub mod judges;
pub mod output;
pub mod server;
pub mod shards;

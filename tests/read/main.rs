//! What is read out of dumps: `inventory`, `export`, `diff`, `infer`.

#[path = "../support/mod.rs"]
mod support;

mod advise;
mod diff;
mod export;
mod infer;
mod inventory;
mod memory;

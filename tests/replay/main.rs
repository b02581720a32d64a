//! From a plan to a database: the engine by itself, and the commands as a person runs them.

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod engine;
mod operate;
mod proxy;

//! From a spec and a dump to a plan, and its rehearsal.

#[path = "../support/mod.rs"]
mod support;

mod applications;
mod brakes;
#[cfg(feature = "parquet")]
mod engine;
mod glob;
mod join;
mod judge;
mod presets;
mod proposals;
mod rehearse;
mod robust;
mod spec;
mod whole;

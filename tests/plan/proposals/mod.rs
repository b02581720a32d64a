//! What `infer` recommends, taken as it is: it may harm no database, and shall repair some.
//!
//! The judges know of a proposal only what a user sees: TOML in which each rule has a line `policy = "report"`, and where it
//! is recommended a comment `# recommended: maintain` or `# recommended: prune` on that line. To take it as it is means to
//! write that word for "report", and to change nothing else. Each test prints a table; to see it:
//!
//! ```text
//! cargo test --test plan proposals -- --nocapture --test-threads 1
//! cargo test --test plan proposals -- --nocapture --test-threads 1 --ignored    # every rule is followed against advice
//! ```

mod applications;
mod commands;
mod desk;
mod made;
mod repaired;
mod right;
mod state;

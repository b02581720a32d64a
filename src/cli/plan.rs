//! `rdb-reindex plan`.

use super::args;
use super::exit::{Exit, Outcome};
use super::terminal::Terminal;
use super::{dump, spec};

pub fn run(args: &args::Plan, terminal: &Terminal) -> Outcome {
    let spec = spec::load(args.dump.spec.as_deref(), terminal)?;
    let snapshot = dump::open(&args.dump)?;
    dump::compare(&args.dump, &snapshot, &spec, terminal)?;
    Ok(Exit::Done)
}

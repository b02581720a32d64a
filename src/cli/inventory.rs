//! `rdb-reindex inventory`.

use super::args;
use super::exit::{Exit, Outcome};
use super::terminal::Terminal;
use super::{dump, spec};

pub fn run(args: &args::Inventory, terminal: &Terminal) -> Outcome {
    let spec = spec::load(args.dump.spec.as_deref(), terminal)?;
    let snapshot = dump::open(&args.dump)?;
    let difference = dump::compare(&args.dump, &snapshot, &spec, &dump::observer(), terminal)?;
    let text = format!("{:#?}\n{:#?}\n", difference.stock.total, difference.summaries);
    terminal.data(text.as_bytes())?;
    Ok(Exit::Done)
}

//! Whether somebody wants a plan to be sent.

use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use super::args;
use crate::text::lines;
use crate::ui::exit::{Exit, Failure};
use crate::ui::interrupt::{self, Leave};
use crate::ui::terminal::{self, Terminal};
use crate::ui::typed;

/// A plan is never sent by accident: its id is given, or somebody can be asked for it.
pub fn given(args: &args::ReplayArgs, plan_id: &str) -> Result<(), Failure> {
    match &args.confirm {
        _ if args.dry_run => Ok(()),
        Some(given) if given == plan_id => Ok(()),
        Some(_) => {
            Err(Failure::new(Exit::Refused, format!("this is plan {plan_id}, not the one that --confirm names"))
                .with_hint(format!("to look at it:\n  rdb-reindex show {}", typed::folder(&args.dir))))
        }
        None if terminal::is_attended() => Ok(()),
        None => Err(Failure::new(Exit::Usage, format!("no terminal to ask on: give --confirm {plan_id}"))
            .with_hint("--dry-run looks and writes nothing")),
    }
}

/// Says what is about to be done, and asks for the plan's id.
pub fn ask(summary: &str, plan_id: &str, interrupt: &AtomicBool, terminal: &Terminal) -> Result<(), Failure> {
    let mut err = std::io::stderr().lock();
    // Nobody can be told that standard error does not work; the answer will be wrong then.
    let _ = write!(err, "{}\ntype the plan's id to go on: ", lines(summary));
    let _ = err.flush();
    drop(err);
    let answer = interrupt::interruptible(interrupt, || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    match answer {
        None => {
            terminal.say("");
            return Err(Leave::default().into_failure());
        }
        Some(Ok(line)) if line.trim() == plan_id => return Ok(()),
        Some(_) => {}
    }
    Err(Failure::new(Exit::Refused, "that is not the plan's id; nothing was written"))
}

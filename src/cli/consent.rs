//! Whether somebody wants a plan to be sent.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::interrupt::Leave;
use super::terminal::Terminal;
use super::{args, database, typed};
use crate::text::lines;

/// A plan is never sent by accident: its id is given, or somebody can be asked for it.
pub fn given(args: &args::Replay, plan_id: &str) -> Result<(), Failure> {
    match &args.confirm {
        _ if args.dry_run => Ok(()),
        Some(given) if given == plan_id => Ok(()),
        Some(_) => {
            Err(Failure::new(Exit::Refused, format!("this is plan {plan_id}, not the one that --confirm names"))
                .with_hint(format!("to look at it:\n  rdb-reindex show {}", typed::folder(&args.dir))))
        }
        None if database::is_attended() => Ok(()),
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
    let answer = interruptible(interrupt, || {
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

/// Waits for a person in a thread of its own, which is left behind when Ctrl-C is pressed: `None`.
pub fn interruptible<T: Send + 'static>(interrupt: &AtomicBool, ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || answer.send(ask()));
    loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Timeout) if !interrupt.load(Ordering::SeqCst) => {}
            Err(_) => return None,
        }
    }
}

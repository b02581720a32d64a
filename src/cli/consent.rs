//! Whether somebody wants a plan to be sent, and whether he still does.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use super::{args, database, progress, show};
use crate::plan::bundle::Bundle;
use crate::report::plan::State;

/// A plan is never sent by accident: its id is given, or somebody can be asked for it.
pub fn given(args: &args::Replay, plan_id: &str) -> Result<(), Failure> {
    match &args.confirm {
        _ if args.dry_run => Ok(()),
        Some(given) if given == plan_id => Ok(()),
        Some(_) => {
            Err(Failure::new(Exit::Refused, format!("this is plan {plan_id}, not the one that --confirm names"))
                .with_hint("look at it with `rdb-reindex show`"))
        }
        None if database::is_attended() => Ok(()),
        None => Err(Failure::new(Exit::Usage, format!("nobody can be asked here; give --confirm {plan_id}"))
            .with_hint("--dry-run looks and writes nothing")),
    }
}

/// Shows the plan, and asks for its id.
pub fn ask(
    bundle: &Bundle,
    name: &str,
    target: &str,
    interrupt: &AtomicBool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut err = std::io::stderr().lock();
    let summary = show::text(bundle, State::New, None, terminal);
    // Nobody can be told that standard error does not work; the answer will be wrong then.
    let _ = write!(err, "{summary}\n{name} on {target}: type the plan's id to go on: ");
    let _ = err.flush();
    drop(err);
    let answer = interruptible(interrupt, || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    match answer {
        None => {
            terminal.say("");
            return Err(Failure::new(Exit::Stopped, "interrupted; nothing was written"));
        }
        Some(Ok(line)) if line.trim() == bundle.manifest.plan_id => return Ok(()),
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

/// One Ctrl-C asks for an orderly end; the second leaves at once. Either way the journal knows how far it went. Gives
/// what the first one sets, and what tells the second whether anything was sent.
pub fn interrupts() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let (flag, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (set, was_sent) = (Arc::clone(&flag), Arc::clone(&sent));
    progress::on_interrupt(move || {
        if set.swap(true, Ordering::SeqCst) {
            let exit = if was_sent.load(Ordering::SeqCst) { Exit::Interrupted } else { Exit::Stopped };
            std::process::exit(exit as i32);
        }
        false
    });
    (flag, sent)
}

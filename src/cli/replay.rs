//! `rdb-reindex apply` and `rdb-reindex rollback`: one way there, the other way back.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use super::{args, bundle, database, progress, replay_bar};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{APPLY, ROLLBACK, Reply};
use crate::replay::{self, Forecast, Link, Options, ReplayError, Script};

pub fn run(args: &args::Replay, script: Script, terminal: &Terminal) -> Outcome {
    let bundle = bundle::open(&args.dir)?;
    let manifest = &bundle.manifest;
    confirmed(args, &manifest.plan_id)?;
    let apply = bundle::commands(&bundle, APPLY)?;
    let forecast = Forecast::new(&manifest.touched);
    let rollback;
    let (name, commands, expected, forecast): (_, &[u8], &[Reply], _) = match script {
        Script::Apply => ("apply", &apply, &manifest.expected_replies, forecast),
        Script::Rollback => {
            rollback = bundle::commands(&bundle, ROLLBACK)?;
            let forecast = forecast.after(&apply, Script::Apply, &manifest.expected_replies).map_err(Failure::error)?;
            ("rollback", &rollback, &manifest.rollback_expected_replies, forecast)
        }
    };
    let totals = replay::check(commands, script).map_err(Failure::error)?;
    if totals.commands == 0 {
        terminal.data(format!("plan {} is empty: there is nothing to do\n", manifest.plan_id).as_bytes())?;
        return Ok(Exit::Done);
    }

    let flag = Arc::new(AtomicBool::new(false));
    let interrupt = Arc::clone(&flag);
    progress::on_interrupt(move || interrupt.swap(true, Ordering::SeqCst));
    let stopped = || match flag.load(Ordering::SeqCst) {
        true => Err(Failure::new(Exit::Stopped, "interrupted; nothing was written")),
        false => Ok(()),
    };

    let mut target = database::target(&args.database)?;
    let mut link = database::connect(&mut target, terminal)?;
    stopped()?;
    let look = database::look(&args.database, &target);
    let found = replay::preflight(&mut link, forecast.keys(), &look, &mut |_| {}).map_err(Failure::error)?;
    stopped()?;
    if found.is_replica() {
        let failure = Failure::new(Exit::Refused, format!("{target} is a replica; nothing was written"));
        return Err(failure.with_hint("connect to the primary"));
    }
    if !found.drift.is_empty() {
        terminal.data(database::differences(found.drift.kinds()).as_bytes())?;
        let message = format!("{target} is not as the plan expects it; nothing was written");
        return Err(Failure::new(Exit::Refused, message).with_hint("plan again from a new dump"));
    }
    let looked = format!("{target}: {} touched keys are as the plan expects them\n", found.looked_at);
    if args.dry_run {
        terminal.data(looked.as_bytes())?;
        terminal.data(format!("{name} would send {} commands; nothing was written\n", totals.commands).as_bytes())?;
        return Ok(Exit::Done);
    }
    terminal.say(looked.trim_end());
    if args.confirm.is_none() {
        ask(&bundle, name, &target.to_string(), terminal)?;
        stopped()?;
        // A service closes what is idle for long, and a person may have taken long.
        if replay::is_alive(&mut link).is_err() {
            link = database::connect(&mut target, terminal)?;
        }
    }
    let options = Options { limits: database::limits(&args.database), db: target.db, interrupt: Some(&flag), script };
    let done = replay_bar::show(terminal, name, |observer| {
        replay::replay(&mut link as &mut dyn Link, commands, expected, &options, observer)
    });
    match done {
        Ok(outcome) if outcome.interrupted && outcome.done.batches == 0 => {
            Err(Failure::new(Exit::Stopped, "interrupted; nothing was written"))
        }
        Ok(outcome) => {
            let done = outcome.done;
            let text = format!(
                "{name} of plan {} on {target}: {} of {} commands, {} members, {} keys deleted, {} bytes\n",
                manifest.plan_id, done.commands, totals.commands, done.members, done.deleted_keys, done.bytes
            );
            terminal.data(text.as_bytes())?;
            match outcome.interrupted {
                true => Err(Failure::new(Exit::Interrupted, "interrupted before everything was sent")),
                false => Ok(Exit::Done),
            }
        }
        Err(error @ ReplayError::Lost(_)) => Err(Failure::new(Exit::Interrupted, error)),
        Err(error) => Err(Failure::error(error)),
    }
}

/// A plan is never sent by accident: its id is given, or somebody can be asked for it.
fn confirmed(args: &args::Replay, plan_id: &str) -> Result<(), Failure> {
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

fn ask(bundle: &Bundle, name: &str, target: &str, terminal: &Terminal) -> Result<(), Failure> {
    let plan_id = &bundle.manifest.plan_id;
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{}{name} on {target}: type the plan's id to go on: ", bundle::summary(&bundle.manifest));
    let _ = err.flush();
    drop(err);
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if read.is_ok() && line.trim() == plan_id {
        return Ok(());
    }
    if terminal.interactive && line.is_empty() {
        terminal.say("");
    }
    Err(Failure::new(Exit::Refused, "that is not the plan's id; nothing was written"))
}

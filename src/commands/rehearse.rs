//! `rdb-reindex rehearse`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::args::{ExpiryMode, READING};
use super::{args, bundle, open};
use crate::bundle::manifest::{APPLY, ROLLBACK};
use crate::dump::scan::Observer;
use crate::dump::shards::Look;
use crate::rehearse::{self, Error, Files, Findings, Meaning, Model, Program, Second, ServerError, Watchdog};
use crate::text::{self, rfc3339};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;
use crate::ui::{interrupt, progress};

/// Prove a plan: its commands lead to the right state, and its rollback back to the dump.
#[derive(Debug, clap::Args)]
pub struct RehearseArgs {
    /// The folder that `plan` wrote.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The dump that the plan was made from.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps, where the plan was made from several: in the same order.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    /// Rehearse also in a real server, which is started for it and ended after it; `redis-server` if no path is given.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "redis-server")]
    pub server: Option<PathBuf>,
    /// A module that this server needs to load the dump; may be repeated.
    #[arg(long, value_name = "PATH", requires = "server")]
    pub module: Vec<PathBuf>,
    /// What expiries before 2009 mean: the same as for `plan`.
    #[arg(long, value_enum, value_name = "MEANING", help_heading = READING)]
    pub expiry: Option<ExpiryMode>,
    /// Read the file instead of mapping it into memory.
    #[arg(long, help_heading = READING)]
    pub no_mmap: bool,
}

/// What the proof in memory is worth.
const INDEPENDENT_OF: &str = "          independent of the pass, the comparison and the choice of commands that made the plan; not of the parser of dumps,
          the reading of the spec, and what follows from the fields of a record
";

/// Names the module RedisJSON, for tests and for those who have it in one place.
const REJSON: &str = "RDB_REINDEX_REJSON";

pub fn run(args: &RehearseArgs, terminal: &Terminal) -> Outcome {
    let (observer, watchdog) = (Arc::new(Observer::default()), Watchdog::default());
    let (watched, held) = (Arc::clone(&observer), watchdog.clone());
    interrupt::stops(move || {
        let before = watched.stop.swap(true, Ordering::SeqCst);
        held.stop() || before
    });
    interrupt::leaves_with("interrupted; nothing was proven");
    let bundle = bundle::open_watched(&args.dir, &observer)?;
    let manifest = &bundle.manifest;
    let spec = manifest.read_spec().map_err(|errors| Failure::report(errors.render(terminal.colour)))?;
    let apply = bundle.commands(APPLY).map_err(Failure::error)?;
    let rollback = bundle.commands(ROLLBACK).map_err(Failure::error)?;
    let files = Files::new(manifest, &apply, &rollback);
    let snapshot = open::open_all(&args.dump, &args.more, !args.no_mmap, false, Look::Later, &observer, terminal)?;
    let meaning = match args::ExpiryMode::or_as_planned(args.expiry, manifest) {
        None => Meaning::Careful,
        Some(args::ExpiryMode::Absolute) => Meaning::Absolute,
        Some(args::ExpiryMode::Relative) => Meaning::Relative,
    };

    let began = Instant::now();
    let read = || {
        let model = Model::read_watched(&snapshot, &spec, meaning, &*observer)?;
        rehearse::check_dump(&snapshot, &model, manifest)?;
        Ok(model)
    };
    let model = progress::during(&observer, read).map_err(|error| match error {
        Error::Dump(error) => open::fault(&snapshot, &error),
        error => failure(error, args),
    })?;
    let fault = |error: Error| match error {
        Error::Dump(error) => open::fault(&snapshot, &error),
        error => failure(error, args),
    };
    let proof = progress::during(&observer, || rehearse::prove(&model, files));
    if observer.stopped() {
        return Err(interrupted());
    }
    let mut proof = proof.map_err(fault)?;
    rehearse::check_manifest(&model, manifest, &mut proof).map_err(fault)?;
    let mut text = format!("Plan {} on {}\n", manifest.plan_id, text::path(&args.dump));
    let line = |findings: &Findings, place: String, keys: u64, time: Duration| {
        let commands = format!("{} commands to apply, {} to roll back", proof.apply.commands, proof.rollback.commands);
        let verdict = if findings.is_empty() { "proven" } else { "WRONG" };
        let seconds = time.as_secs_f64();
        let mut text = format!("  {verdict}  {place}: {commands}, {keys} keys compared at each step, {seconds:.1} s\n");
        list(findings, &mut text);
        text
    };
    text.push_str(&line(&proof.findings, "in memory".into(), proof.keys, began.elapsed()));
    text.push_str(INDEPENDENT_OF);
    terminal.text(&text)?;
    let began = Instant::now();
    let touched = proof.apply.touched.union(&proof.rollback.touched).cloned().collect();
    let second = progress::during(&observer, || rehearse::read_again(&model, &touched));
    if observer.stopped() {
        return Err(interrupted());
    }
    let second = second.map_err(fault)?;
    terminal.text(&read_twice(&second, began.elapsed()))?;
    let mut wrong = proof.findings.count.saturating_add(second.findings.count);
    // What is wrong in memory is wrong in a server, and said better there.
    if let Some(server) = args.server.as_ref().filter(|_| wrong == 0) {
        let began = Instant::now();
        let program = Program { server: server.clone(), modules: modules(args, &model), cluster: manifest.by_slot };
        let work = || rehearse::run_live(&model, files, &snapshot, &program, rfc3339::now_ms(), &watchdog);
        let live = progress::during(&observer, work);
        let live = live.map_err(|error| server_failure(error, &model))?;
        let text = line(&live.findings, format!("in {}", live.version), live.keys, began.elapsed());
        terminal.text(&text)?;
        wrong = live.findings.count;
    }
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    let problems = if wrong == 1 { "1 problem".to_owned() } else { format!("{wrong} problems") };
    Err(Failure::new(Exit::Failed, format!("the plan failed its rehearsal: {problems}"))
        .with_hint("do not apply it; make the plan again, and if that fails too, report a bug"))
}

/// The first findings, a line each, and how many more there are.
fn list(findings: &Findings, text: &mut String) {
    for finding in &findings.first {
        text.push_str(&format!("    {finding}\n"));
    }
    let shown = u64::try_from(findings.first.len()).unwrap_or(u64::MAX);
    if findings.count > shown {
        text.push_str(&format!("    and {} more\n", findings.count.saturating_sub(shown)));
    }
}

/// What the second reader came to: how many keys it read as the first one did, and which it could not read at all.
fn read_twice(second: &Second, time: Duration) -> String {
    let unread = second.unread.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let verdict = match (second.findings.is_empty(), second.read(), unread) {
        (false, ..) => "WRONG ",
        (true, 0, 1..) => "unread",
        _ => "proven",
    };
    let counted = |n: u64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    let (sets, sorted_sets) = (counted(second.sets, "set"), counted(second.sorted_sets, "sorted set"));
    let seconds = time.as_secs_f64();
    let mut text = format!(
        "  {verdict}  by a second reader, the crate rdb 0.4: {sets} and {sorted_sets} compared, {seconds:.1} s\n"
    );
    list(&second.findings, &mut text);
    for (reason, n) in &second.unread {
        text.push_str(&format!("    {} that it cannot read: {reason}\n", counted(*n, "key")));
    }
    text
}

/// The modules that were named, and RedisJSON if the dump needs it and it is known where it is.
fn modules(args: &RehearseArgs, model: &Model<'_>) -> Vec<PathBuf> {
    let mut modules = args.module.clone();
    if modules.is_empty()
        && model.modules.contains("ReJSON-RL")
        && let Some(path) = std::env::var_os(REJSON)
    {
        modules.push(PathBuf::from(path));
    }
    modules
}

fn failure(error: Error, args: &RehearseArgs) -> Failure {
    let hint = match error {
        Error::Interrupted => return interrupted(),
        Error::OtherDump(_) => Some("give the dump that `plan` was given"),
        Error::Dump(error) => Some(error.hint()),
        Error::Repeated { .. } => Some("`rdb-reindex check` says where both are"),
        _ => None,
    };
    let failure = Failure::error(format!("{}: {error}", open::name(&args.dump)));
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// What Ctrl-C ends with before a server was started.
fn interrupted() -> Failure {
    Failure::new(Exit::Stopped, "interrupted; nothing was proven")
}

fn server_failure(error: ServerError, model: &Model<'_>) -> Failure {
    let hint = match &error {
        ServerError::Interrupted => return Failure::new(Exit::Stopped, "interrupted; the server was ended"),
        ServerError::NotFound(_) => {
            Some("install one (Debian: apt install redis-server), or give its path with --server PATH".to_owned())
        }
        ServerError::LongPath(_) => Some("set TMPDIR to a folder with a shorter path".to_owned()),
        ServerError::Exited(_) if !model.modules.is_empty() => {
            let modules = model.modules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            Some(format!("the dump has values of {modules}: give the module with --module PATH"))
        }
        ServerError::Exited(_) => Some("a server loads dumps of its own version and of earlier ones".to_owned()),
        _ => None,
    };
    let failure = Failure::error(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

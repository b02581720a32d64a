//! `rdb-reindex show`.

use super::args;
use super::exit::{Exit, Outcome};
use super::terminal::Terminal;
use super::{bundle, dump};
use crate::derive::unix_millis;
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{JOURNAL, MANIFEST};
use crate::plan::output::sha256;
use crate::replay::journal::History;
use crate::report::plan::{Context, State, plan};

pub fn run(args: &args::Show, terminal: &Terminal) -> Outcome {
    let observer = dump::observer();
    let bundle = bundle::open_watched(&args.dir, &observer)?;
    terminal.data(text(&bundle, state(&bundle), args.now, terminal).as_bytes())?;
    Ok(Exit::Done)
}

/// What the journal says was done with a plan. Of one that cannot be read only that something was begun.
fn state(bundle: &Bundle) -> State {
    if !bundle.is_applied() {
        return State::New;
    }
    let count = |replies: &[_]| u64::try_from(replies.len()).unwrap_or(u64::MAX);
    let manifest = &bundle.manifest;
    let commands = (count(&manifest.expected_replies), count(&manifest.rollback_expected_replies));
    let read = |name| std::fs::read(bundle.path.join(name)).ok();
    let history = read(JOURNAL)
        .zip(read(MANIFEST))
        .and_then(|(journal, plan)| History::read(&journal, &sha256(&plan), commands).ok());
    let Some((history, _)) = history else { return State::ApplyBegun };
    let (there, back) = (&history.apply, &history.rollback);
    match (&there.ended, &back.started, &back.ended) {
        (_, _, Some(_)) => State::RolledBack,
        (_, Some(_), None) => State::RollbackBegun,
        (Some(_), None, None) => State::Applied,
        (None, None, None) => State::ApplyBegun,
    }
}

/// The plan for a person, as old as it is at `now` (in Unix milliseconds).
pub fn text(bundle: &Bundle, state: State, now: Option<i64>, terminal: &Terminal) -> String {
    let created_at = bundle.manifest.snapshot.created_at.as_ref();
    let context = Context {
        folder: &bundle.path.to_string_lossy(),
        state,
        created_ms: created_at.and_then(|text| unix_millis(text.as_bytes())),
        now_ms: now.unwrap_or_else(super::now_ms),
    };
    plan(&bundle.manifest, context, terminal.style())
}

//! `rdb-reindex show`.

use super::args;
use super::exit::{Exit, Outcome};
use super::terminal::Terminal;
use super::{bundle, dump};
use crate::derive::unix_millis;
use crate::plan::bundle::Bundle;
use crate::report::plan::{Context, plan};

pub fn run(args: &args::Show, terminal: &Terminal) -> Outcome {
    let observer = dump::observer();
    let bundle = bundle::open_watched(&args.dir, &observer)?;
    terminal.data(text(&bundle, bundle.is_applied(), args.now, terminal).as_bytes())?;
    Ok(Exit::Done)
}

/// The plan for a person, as old as it is at `now` (in Unix milliseconds).
pub fn text(bundle: &Bundle, applied: bool, now: Option<i64>, terminal: &Terminal) -> String {
    let created_at = bundle.manifest.snapshot.created_at.as_ref();
    let context = Context {
        folder: &bundle.path.to_string_lossy(),
        applied,
        created_ms: created_at.and_then(|text| unix_millis(text.as_bytes())),
        now_ms: now.unwrap_or_else(super::now_ms),
    };
    plan(&bundle.manifest, context, terminal.style())
}

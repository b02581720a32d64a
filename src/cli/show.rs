//! `rdb-reindex show`.

use super::args;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use crate::derive::unix_millis;
use crate::plan::bundle::Bundle;
use crate::report::plan::{Context, plan};

pub fn run(args: &args::Show, terminal: &Terminal) -> Outcome {
    let bundle = Bundle::open(&args.dir).map_err(Failure::error)?;
    let created_at = bundle.manifest.snapshot.created_at.as_ref();
    let context = Context {
        folder: &args.dir.to_string_lossy(),
        applied: bundle.is_applied(),
        created_ms: created_at.and_then(|text| unix_millis(text.as_bytes())),
        now_ms: args.now.unwrap_or_else(super::now_ms),
    };
    terminal.data(plan(&bundle.manifest, context, terminal.style()).as_bytes())?;
    Ok(Exit::Done)
}

//! `rdb-reindex show`.

use super::args;
use super::exit::{Exit, Outcome};
use super::story::{self, Story};
use super::terminal::Terminal;
use super::{bundle, dump};
use crate::report::plan::{Context, plan};
use crate::text::rfc3339::{self, unix_millis};

pub fn run(args: &args::Show, terminal: &Terminal) -> Outcome {
    let observer = dump::observer();
    let bundle = bundle::open_watched(&args.dir, &observer)?;
    let history = story::read(&bundle)?;
    let story = Story::new(&bundle.manifest.plan_id, &args.dir, &history);
    let created_at = bundle.manifest.snapshot.created_at.as_ref();
    let context = Context {
        folder: &args.dir.to_string_lossy(),
        state: story.state(),
        story: &story.sentence(),
        next: &story.next(),
        created_ms: created_at.and_then(|text| unix_millis(text.as_bytes())),
        now_ms: args.now.unwrap_or_else(rfc3339::now_ms),
    };
    terminal.data(plan(&bundle.manifest, context, terminal.style()).as_bytes())?;
    Ok(Exit::Done)
}

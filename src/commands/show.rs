//! `rdb-reindex show`.

use std::path::PathBuf;

use super::args::{TextFormat, time};
use super::replay::story::{self, Story};
use super::{bundle, open};
use crate::report;
use crate::report::plan::{Context, json, plan};
use crate::text::rfc3339::{self, unix_millis};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// The plan for a person, from its folder alone.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The folder that `plan` wrote.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: TextFormat,
    /// Tell ages as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = time, hide = true)]
    pub now: Option<i64>,
}

pub fn run(args: &ShowArgs, terminal: &Terminal) -> Outcome {
    let observer = open::observer();
    let bundle = bundle::open_watched(&args.dir, &observer)?;
    let history = story::read(&bundle)?;
    let story = Story::new(&bundle.manifest.plan_id, &args.dir, &history);
    let created_at = bundle.manifest.snapshot.created_at.as_ref();
    let (sentence, next) = (story.sentence(), story.next());
    let context = Context {
        folder: &args.dir.to_string_lossy(),
        state: story.state(),
        story: &sentence,
        next: &next,
        created_ms: created_at.and_then(|text| unix_millis(text.as_bytes())),
        now_ms: args.now.unwrap_or_else(rfc3339::now_ms),
    };
    let bytes = match args.format {
        TextFormat::Text => plan(&bundle.manifest, context, terminal.style()).into_bytes(),
        TextFormat::Json => report::json(&json::plan(&bundle.manifest, context)).map_err(Failure::error)?,
    };
    terminal.data(&bytes)?;
    Ok(Exit::Done)
}

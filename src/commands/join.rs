//! `rdb-reindex join`.

use std::path::PathBuf;

use super::args::TextFormat;
use super::open;
use crate::bundle::manifest::{Manifest, REVIEW};
use crate::model::spec::Spec;
use crate::plan::Figures;
use crate::plan::join::{self, Error};
use crate::report;
use crate::report::plan::{Context, State, json};
use crate::text::{shell, shell_path};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// Join the plans of all shards into one plan with one id.
#[derive(Debug, clap::Args)]
pub struct JoinArgs {
    /// The folders that `plan SHARD.rdb --edits …` wrote, one for each shard that the engine saw, in any order.
    #[arg(value_name = "DIR", required = true)]
    pub plans: Vec<PathBuf>,
    /// The folder for the joined plan: absent, empty, or an earlier plan that was never applied.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// End with status 3 if there is anything to repair.
    #[arg(long)]
    pub exit_code: bool,
    /// What standard output gets: nothing, or the plan in short for a script. A person is told on standard error.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: TextFormat,
}

/// Files of dumps that a printed command names; more are "all dumps".
const NAMED: usize = 4;

pub fn run(args: &JoinArgs, terminal: &Terminal) -> Outcome {
    let observer = open::observer();
    let page =
        |spec: &Spec, figures: &Figures, manifest: &Manifest| report::html::review_joined(spec, figures, manifest);
    let work = || join::join(&args.plans, &args.out, &*observer, &page);
    let manifest = progress::during(&observer, work).map_err(|error| match error {
        Error::Interrupted => open::interrupted(),
        error if observer.stopped() => {
            drop(error);
            open::interrupted()
        }
        error => {
            let hint = error.hint();
            Failure::error(error).with_any_hint(hint)
        }
    })?;
    open::times(&observer, terminal);
    let folder = args.out.to_string_lossy();
    if args.format == TextFormat::Json {
        let context = Context { folder: &folder, state: State::New, story: "", next: &[], created_ms: None, now_ms: 0 };
        terminal.data(&report::json(&json::plan(&manifest, context)).map_err(Failure::error)?)?;
    } else {
        let files = manifest.joined.iter().flat_map(|joined| &joined.shards).map(|part| shell(&part.file).to_string());
        let files: Vec<String> = files.collect();
        let dumps = if files.len() > NAMED { "DUMPS".to_owned() } else { files.join(" ") };
        let mut text = report::plan::summary(&manifest, &folder, &dumps, terminal.message_style());
        let page = shell_path(&args.out.join(REVIEW));
        text.push_str(&format!("\nFor the person who approves it: {page}, in a browser\n"));
        terminal.say_set(text.trim_end());
    }
    let is_empty = manifest.total.commands == 0;
    Ok(if args.exit_code && !is_empty { Exit::NotEmpty } else { Exit::Done })
}

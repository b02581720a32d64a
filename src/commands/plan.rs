//! `rdb-reindex plan`.

use std::path::PathBuf;

use super::args::{DumpArgs, TextFormat};
use super::presets::presets_for;
use super::{open, spec};
use crate::bundle;
use crate::bundle::manifest::{BrakeNote, Caps, Manifest, REVIEW, Shard};
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::index::Difference;
use crate::model::spec::{Acceptance, Brake, Given, Spec};
use crate::plan;
use crate::plan::summary::Digest;
use crate::report::inventory::Inventory;
use crate::report::plan::{Context, State, json};
use crate::report::{self, brakes};
use crate::text::rfc3339;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// Write the plan that repairs the indexes; never opens a network connection.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub dump: DumpArgs,
    /// The folder for the plan: absent, empty, or an earlier plan that was never applied.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// End with status 3 if there is anything to repair.
    #[arg(long)]
    pub exit_code: bool,
    /// Lift a brake that somebody has looked at: BRAKE, or INDEX:BRAKE for one index; may be given several times.
    #[arg(long, value_name = "BRAKE", value_delimiter = ',')]
    pub accept: Vec<Acceptance>,
    /// Make a plan for a cluster, none of whose commands has keys of two slots: what the shards of a cluster get anyway.
    #[arg(long)]
    pub by_slot: bool,
    /// Repair only this index of the spec; the others are looked at, and left as they are. May be given several times.
    #[arg(long, value_name = "INDEX", value_delimiter = ',')]
    pub only: Vec<String>,
    /// The edits of this shard, as an engine worked them out from the facts of all of them (see `sql`).
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "EDITS/shard=NAME", conflicts_with = "by_slot")]
    pub edits: Option<PathBuf>,
    /// What standard output gets: nothing, or the plan in short for a script. A person is told on standard error.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: TextFormat,
    /// The most arguments of one command.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(4..=1000))]
    pub max_args: u64,
    /// The most bytes of one command.
    #[arg(long, value_name = "BYTES", default_value_t = 512 * 1024,
        value_parser = clap::value_parser!(u64).range(256..=524_288))]
    pub max_command_bytes: u64,
}

pub fn run(args: &PlanArgs, terminal: &Terminal) -> Outcome {
    // What would be refused at the end is refused before any work is done.
    bundle::check_destination(&args.out).map_err(|error| failure(plan::Error::Bundle(error)))?;
    let given = Given { accept: args.accept.clone(), only: args.only.clone() };
    let spec = spec::load_given(&args.dump.spec, &given, terminal)?;
    let observer = open::observer();
    let snapshot = open::open_to_look_later(&args.dump, &observer, terminal)?;
    let (mut difference, shard) = difference(args, &snapshot, &spec, &observer)?;
    difference.by_slot |= args.by_slot;
    open::warn_of_future(&difference, rfc3339::now_ms(), terminal);
    let caps = Caps { max_args: args.max_args, max_command_bytes: args.max_command_bytes };
    let page = |manifest: &Manifest, digest: &Digest| report::html::review(&difference, manifest, digest);
    let work = || match &shard {
        Some(shard) => plan::build_shard(&difference, caps, &args.out, &*observer, &page, shard.clone()),
        None => plan::build_with_page(&difference, caps, &args.out, &*observer, &page),
    };
    let built = progress::during(&observer, work);
    if args.format == TextFormat::Json
        && let Err(plan::Error::Braked(notes)) = &built
    {
        terminal.data(&report::json(&json::refused(notes)).map_err(Failure::error)?)?;
    }
    let manifest = built.map_err(|error| match error {
        plan::Error::Interrupted => open::interrupted(),
        // What is wrong with the dump is said with its name.
        plan::Error::Dump(error) => open::fault(&snapshot, &error),
        plan::Error::Bundle(_) | plan::Error::Write { .. } => failure(error),
        plan::Error::Braked(ref notes) => {
            let refused = refusal(notes, args.dump.spec.is_given());
            let refused = Failure::new(Exit::Refused, format!("{}: {refused}", open::name(snapshot.path())));
            match way_out(notes, &snapshot, args, &observer) {
                Ok(hint) => refused.with_hint(hint),
                Err(interrupted) => interrupted,
            }
        }
        _ => {
            let hint = error.hint().map(|hint| match error {
                plan::Error::Checksum { .. } => open::checksum_hint(&snapshot, hint),
                _ => hint.to_owned(),
            });
            Failure::error(format!("{}: {error}", open::name(snapshot.path()))).with_any_hint(hint)
        }
    })?;
    open::times(&observer, terminal);
    let folder = args.out.to_string_lossy();
    if args.format == TextFormat::Json {
        let context = Context { folder: &folder, state: State::New, story: "", next: &[], created_ms: None, now_ms: 0 };
        terminal.data(&report::json(&json::plan(&manifest, context)).map_err(Failure::error)?)?;
    } else {
        let inventory = Inventory::new(&difference, snapshot.path(), snapshot.len() as u64);
        let style = terminal.message_style();
        let mut text = report::brief(&inventory, rfc3339::now_ms(), style);
        text.push('\n');
        text.push_str(&report::plan::summary(&manifest, &folder, &args.dump.words(), style));
        let page = crate::text::shell_path(&args.out.join(REVIEW));
        text.push_str(&format!("\nFor the person who approves it: {page}, in a browser\n"));
        // The data of this command is in the folder; this is for the person who runs it.
        terminal.say_set(text.trim_end());
    }
    let is_empty = manifest.total.commands == 0;
    // The process ends now: the kernel takes all of it back at once, where to free every key of it takes a tenth of a second.
    std::mem::forget((difference, manifest));
    Ok(if args.exit_code && !is_empty { Exit::NotEmpty } else { Exit::Done })
}

/// What would have to change: as the dumps say, or as an engine says of one shard of several.
fn difference<'a>(
    args: &PlanArgs,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    observer: &Observer,
) -> Result<(Difference<'a>, Option<Shard>), Failure> {
    #[cfg(feature = "parquet")]
    if let Some(folder) = &args.edits {
        let (difference, shard) = super::edits::difference(&args.dump, folder, snapshot, spec, observer)?;
        return Ok((difference, Some(shard)));
    }
    Ok((open::compare(&args.dump, snapshot, spec, observer)?, None))
}

/// Why there is no plan. Somebody who named no spec is not told of one.
fn refusal(notes: &[BrakeNote], is_spec_given: bool) -> plan::Error {
    let mut notes = notes.to_vec();
    if !is_spec_given {
        for note in notes.iter_mut().filter(|note| note.brake == Brake::NoMatch.as_str()) {
            note.text = note.text.replacen("this spec", "no spec was given, and the default preset", 1);
        }
    }
    plan::Error::Braked(notes)
}

/// What to do about brakes.
fn way_out(notes: &[BrakeNote], dump: &[u8], args: &PlanArgs, observer: &Observer) -> Result<String, Failure> {
    let lift = brakes::how_to_lift(notes).unwrap_or_default();
    if notes.iter().all(|note| note.brake != Brake::NoMatch.as_str()) {
        return Ok(format!("correct the spec, or take a whole dump; {lift}"));
    }
    let infer =
        format!("`rdb-reindex infer {}{}` proposes a spec from the data", args.dump.words(), args.dump.reading());
    let presets: Vec<&str> = presets_for(dump, observer)?.iter().map(|preset| preset.name).collect();
    Ok(match presets.first() {
        None => format!("{infer}, and --spec FILE takes it"),
        Some(best) => format!("{infer}; of the presets, {} would match: --preset {best}", presets.join(", ")),
    })
}

fn failure(error: plan::Error) -> Failure {
    let hint = error.hint();
    Failure::error(error).with_any_hint(hint)
}

//! `rdb-reindex infer`.

use clap::ValueEnum;

use super::args;
use super::open;
use crate::dump::rdb::Checksum;
use crate::dump::shards::Look;
use crate::infer::{self, Error, Proposal};
use crate::model::spec::Glob;
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// Propose a spec from the data: which keys are records, which sets are indexes over them, and by what rule.
///
/// What it prints is TOML for --spec, with the figures that speak for each rule beside it. Every policy in it is
/// "report": a guess changes nothing.
#[derive(Debug, clap::Args)]
pub struct Infer {
    #[command(flatten)]
    pub dump: InferDump,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: InferFormat,
    /// Propose rules only for keys that match this pattern, as in Redis MATCH: `app:idx:*`.
    #[arg(long, value_name = "FAMILY")]
    pub only: Option<String>,
}

/// A dump, and how to read it; there is no spec yet.
#[derive(Debug, clap::Args)]
pub struct InferDump {
    /// The dump; `-` is standard input. gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP")]
    pub dump: std::path::PathBuf,
    /// More dumps: the other shards of the same database.
    #[arg(value_name = "DUMP")]
    pub more: Vec<std::path::PathBuf>,
    /// Read the file instead of mapping it into memory.
    #[arg(long)]
    pub no_mmap: bool,
    /// Go on although the checksum is wrong.
    #[arg(long)]
    pub ignore_checksum: bool,
    /// What expiries before 2009 mean, which some services write.
    #[arg(long, value_enum, value_name = "MEANING")]
    pub expiry: Option<args::ExpiryMode>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InferFormat {
    /// A spec, with its reasons as comments.
    #[default]
    Toml,
    /// The same with all figures, as one JSON object.
    Json,
}

pub fn run(args: &Infer, terminal: &Terminal) -> Outcome {
    let of = &args.dump;
    let observer = open::observer();
    let snapshot = open::open_all(&of.dump, &of.more, !of.no_mmap, of.ignore_checksum, Look::Now, &observer, terminal)?;
    let path = text::path(snapshot.path());
    let expiry = match of.expiry {
        None => crate::model::view::Expiry::Careful,
        Some(args::ExpiryMode::Absolute) => crate::model::view::Expiry::Absolute,
        Some(args::ExpiryMode::Relative) => crate::model::view::Expiry::Relative,
    };
    let only = args.only.as_ref().map(|only| Glob::new(only.as_bytes()));
    let work = || infer::infer(&snapshot, &path, only.as_ref(), expiry, &observer);
    let proposal = progress::bytes("looking", snapshot.len() as u64, &observer, work);
    let proposal = proposal.map_err(|error| match error {
        Error::Interrupted => open::interrupted(),
        Error::Dump(error) => open::fault(&snapshot, &error),
        Error::Compare(error) => Failure::error(format!("{path}: {error}")),
    })?;
    match proposal.footer.checksum(|| proposal.crc64) {
        Checksum::Wrong { stored, computed } if !of.ignore_checksum => {
            return Err(Failure::error(format!(
                "{path}: the checksum is {stored:016x}, and should be {computed:016x}"
            ))
            .with_hint(open::checksum_hint(
                &snapshot,
                "the dump is damaged: take it again; --ignore-checksum looks at it all the same",
            )));
        }
        _ => {}
    }
    if args.format == InferFormat::Json {
        let mut text = serde_json::to_string_pretty(&json(&path, &proposal)?)
            .map_err(|error| Failure::error(format!("the proposal cannot be written as JSON: {error}")))?;
        text.push('\n');
        terminal.data(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    match &proposal.spec {
        Some(spec) => {
            terminal.data(spec.as_bytes())?;
            Ok(Exit::Done)
        }
        None => {
            terminal.say(nothing(&path, &proposal));
            Ok(Exit::Done)
        }
    }
}

/// The proposal for a script: each rule as the spec has it, with its figures.
fn json(path: &str, proposal: &Proposal) -> Result<serde_json::Value, Failure> {
    let spec: toml::Table = proposal.spec.as_deref().unwrap_or("version = 1").parse().map_err(|error| {
        Failure::error(format!("the proposal is not a spec, which is a fault of this program: {error}"))
    })?;
    let list = |name: &str| spec.get(name).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let rules: Vec<serde_json::Value> = list("index")
        .into_iter()
        .zip(&proposal.rules)
        .map(|(rule, told)| {
            serde_json::json!({
                "rule": rule,
                "preset": told.preset,
                "recommended": told.recommended,
                "doubts": told.doubts,
                "figures": told.figures,
            })
        })
        .collect();
    let seen = &proposal.seen;
    Ok(serde_json::json!({
        "dump": path,
        "keys": seen.keys,
        "presets": proposal.presets,
        "records": list("record"),
        "rules": rules,
        "notes": proposal.notes,
        "spec": proposal.spec,
    }))
}

/// What there was, and why it is no index. Nothing is printed as data, since a spec without an index is none.
fn nothing(path: &str, proposal: &Proposal) -> String {
    let seen = &proposal.seen;
    let mut message = format!(
        "{path}: no index was found: {} with {} that may be records, {} and {}",
        text::counted(seen.keys, "key"),
        text::counted(seen.values, "value"),
        text::counted(seen.sets, "set"),
        text::counted(seen.zsets, "sorted set"),
    );
    for note in &proposal.notes {
        message.push_str(&format!("\n  - {note}"));
    }
    message.push_str("\nhint: records are JSON or hashes; `rdb-reindex spec` prints a spec to write by hand from");
    message
}

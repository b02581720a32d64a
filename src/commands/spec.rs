//! `rdb-reindex spec`.

use std::path::{Path, PathBuf};

use super::args::{SpecChoice, preset_names};
use crate::model::spec::{DEFAULT_PRESET, Given, MAX_SPEC_BYTES, PRESETS, Spec, purpose};
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// Print the spec in use, ready to edit.
#[derive(Debug, clap::Args)]
pub struct SpecArgs {
    /// A spec file to check and print instead of a preset.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// The preset to print; `discord-analytics` if not given.
    #[arg(long, value_name = "NAME", conflicts_with = "spec", value_parser = preset_names(), hide_possible_values = true)]
    pub preset: Option<String>,
    /// List the presets, each with what it is for.
    #[arg(long, conflicts_with_all = ["spec", "preset"])]
    pub list: bool,
}

pub fn run(args: &SpecArgs, terminal: &Terminal) -> Outcome {
    if args.list {
        let widest = PRESETS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: String = PRESETS.iter().map(|(name, text)| format!("{name:widest$}  {}\n", purpose(text))).collect();
        terminal.data(lines.as_bytes())?;
        return Ok(Exit::Done);
    }
    let choice = SpecChoice { spec: args.spec.clone(), preset: args.preset.clone() };
    let spec = load(&choice, terminal)?;
    terminal.data(spec.text.as_bytes())?;
    Ok(Exit::Done)
}

const START: &str = "a spec is a TOML file: `rdb-reindex spec > my.toml` writes one to start from";

/// The spec in a file, or a preset.
pub fn load(choice: &SpecChoice, terminal: &Terminal) -> Result<Spec, Failure> {
    load_given(choice, &Given::default(), terminal)
}

/// The same, with what is said beside it.
pub fn load_given(choice: &SpecChoice, given: &Given, terminal: &Terminal) -> Result<Spec, Failure> {
    let Some(path) = &choice.spec else {
        let name = choice.preset.as_deref().unwrap_or(DEFAULT_PRESET);
        let text = PRESETS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
        return Spec::parse_given(text, name, given).map_err(|errors| Failure::report(errors.render(terminal.colour)));
    };
    let bytes = read_bounded(path).map_err(|error| {
        Failure::error(format!("cannot read the spec {}: {error}", text::path(path))).with_hint(START)
    })?;
    let name = path.to_string_lossy();
    if bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY") {
        return Err(Failure::error(format!("{} is a dump, not a spec", text::path(path))).with_hint(START));
    }
    if bytes.len() > MAX_SPEC_BYTES {
        return Err(
            Failure::error(format!("{} is larger than 1 MiB, too large for a spec", text::path(path))).with_hint(START)
        );
    }
    Spec::from_bytes_given(&bytes, &name, given).map_err(|errors| {
        let failure = Failure::report(errors.render(terminal.colour));
        let is_explained = errors.errors().iter().all(|error| error.help.is_some());
        failure.with_any_hint((!is_explained).then_some(START))
    })
}

/// Why there are no memberships where a spec describes none of a dump's keys, and what to do.
pub fn describes_nothing(choice: &SpecChoice, dump: &str) -> String {
    let spec = if choice.is_given() { "the spec" } else { "no spec was given, and the default preset" };
    format!(
        "{spec} describes none of the keys, so there are no memberships; `rdb-reindex infer {dump}` proposes a spec from \
         the data"
    )
}

/// Reads no more than it takes to see that a file is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SPEC_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! `rdb-reindex spec`.

use std::path::{Path, PathBuf};

use crate::dump::rdb::Walker;
use crate::model::spec::{Acceptance, DEFAULT_PRESET, MAX_SPEC_BYTES, PRESETS, Spec};
use crate::model::view::{Family, KeyType, Names};
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// Print the spec in use, ready to edit.
#[derive(Debug, clap::Args)]
pub struct SpecArgs {
    /// A spec file to check and print instead of the preset.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
}

pub fn run(args: &SpecArgs, terminal: &Terminal) -> Outcome {
    let spec = load(args.spec.as_deref(), terminal)?;
    terminal.data(spec.text.as_bytes())?;
    Ok(Exit::Done)
}

const START: &str = "a spec is a TOML file: `rdb-reindex spec > my.toml` writes one to start from";

/// The spec in `path`, or the default preset.
pub fn load(path: Option<&Path>, terminal: &Terminal) -> Result<Spec, Failure> {
    load_accepting(path, &[], terminal)
}

/// The same, with brakes lifted beside those that the spec lifts itself.
pub fn load_accepting(path: Option<&Path>, accept: &[Acceptance], terminal: &Terminal) -> Result<Spec, Failure> {
    let Some(path) = path else {
        let preset = PRESETS.iter().find(|(name, _)| *name == DEFAULT_PRESET).map_or("", |(_, text)| *text);
        return Spec::parse_accepting(preset, DEFAULT_PRESET, accept)
            .map_err(|errors| Failure::report(errors.render(terminal.colour)));
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
            Failure::error(format!("{} has more than 1 MiB, too much for a spec", text::path(path))).with_hint(START)
        );
    }
    Spec::from_bytes_accepting(&bytes, &name, accept).map_err(|errors| {
        let failure = Failure::report(errors.render(terminal.colour));
        let is_explained = errors.errors().iter().all(|error| error.help.is_some());
        failure.with_any_hint((!is_explained).then_some(START))
    })
}

/// The presets that describe some key of a dump.
pub fn presets_for(dump: &[u8]) -> Vec<&'static str> {
    let is_described = |spec: &Spec| {
        let names = Names::new(spec);
        let mut scratch = Vec::new();
        let Ok(walker) = Walker::new(dump) else { return false };
        walker.records().map_while(Result::ok).any(|record| {
            let key = record.key.decode(&mut scratch);
            key.is_ok_and(|key| names.family_of(record.db, key, KeyType::of(&record.value)) != Family::Other)
        })
    };
    let presets = PRESETS.iter().map(|(name, _)| *name);
    presets.filter(|name| Spec::preset(name).is_some_and(|spec| is_described(&spec))).collect()
}

/// Reads no more than it takes to see that a file is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SPEC_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

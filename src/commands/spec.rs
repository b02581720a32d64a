//! `rdb-reindex spec`.

use std::path::{Path, PathBuf};

use super::args::SpecChoice;
use crate::dump::rdb::Walker;
use crate::model::spec::{Acceptance, DEFAULT_PRESET, MAX_SPEC_BYTES, PRESETS, Spec, nearest};
use crate::model::view::{Family, KeyType, Names};
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
    #[arg(long, value_name = "NAME", conflicts_with = "spec")]
    pub preset: Option<String>,
    /// List the presets, each with what it is for.
    #[arg(long, conflicts_with_all = ["spec", "preset"])]
    pub list: bool,
}

pub fn run(args: &SpecArgs, terminal: &Terminal) -> Outcome {
    if args.list {
        let widest = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
        let lines: String =
            PRESETS.iter().map(|preset| format!("{:widest$}  {}\n", preset.name, preset.about)).collect();
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
    load_accepting(choice, &[], terminal)
}

/// The same, with brakes lifted beside those that the spec lifts itself.
pub fn load_accepting(choice: &SpecChoice, accept: &[Acceptance], terminal: &Terminal) -> Result<Spec, Failure> {
    let Some(path) = &choice.spec else {
        let name = choice.preset.as_deref().unwrap_or(DEFAULT_PRESET);
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
            let near = nearest(name, PRESETS.iter().map(|preset| preset.name));
            let hint = match near {
                Some(near) => format!("did you mean --preset {near}? `rdb-reindex spec --list` names them all"),
                None => "`rdb-reindex spec --list` names them all".to_owned(),
            };
            return Err(Failure::new(Exit::Usage, format!("there is no preset {name:?}")).with_hint(hint));
        };
        return Spec::parse_accepting(preset.text, preset.name, accept)
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

/// The presets that describe keys of a dump, those that describe most first.
///
/// A key counts by the literal text that its family or class gives of its name: an open capture takes any key, and says
/// nothing of where it comes from. One key whose name happens to look alike is not enough, where the preset has several
/// families and the dump many keys.
pub fn presets_for(dump: &[u8]) -> Vec<&'static str> {
    /// Bytes that a name must have in common with its family.
    const LITERALS: usize = 5;
    let specs: Vec<(&'static str, Spec)> =
        PRESETS.iter().filter_map(|preset| Some((preset.name, Spec::preset(preset.name)?))).collect();
    let names: Vec<Names<'_>> = specs.iter().map(|(_, spec)| Names::new(spec)).collect();
    let mut counts = vec![0_u64; specs.len()];
    let mut scratch = Vec::new();
    let Ok(walker) = Walker::new(dump) else { return Vec::new() };
    for record in walker.records().map_while(Result::ok) {
        let Ok(key) = record.key.decode(&mut scratch) else { continue };
        for ((names, (_, spec)), count) in names.iter().zip(&specs).zip(&mut counts) {
            let literals = match names.family_of(record.db, key, KeyType::of(&record.value)) {
                Family::Record(at) => spec.records.get(at).map_or(0, |class| class.key.form.literals()),
                Family::Index(at) => spec.indexes.get(at).map_or(0, |index| index.family.literals()),
                Family::Other => 0,
            };
            *count = count.saturating_add(u64::from(literals >= LITERALS));
        }
    }
    let mut found: Vec<(u64, &'static str)> =
        counts.iter().zip(&specs).filter(|(count, _)| **count > 0).map(|(count, (name, _))| (*count, *name)).collect();
    found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    found.into_iter().map(|(_, name)| name).collect()
}

/// Reads no more than it takes to see that a file is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SPEC_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

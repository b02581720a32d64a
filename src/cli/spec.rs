//! `rdb-reindex spec`.

use std::path::Path;

use super::args;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use crate::spec::{DEFAULT_PRESET, MAX_SPEC_BYTES, Spec};

pub fn run(args: &args::Spec, terminal: &Terminal) -> Outcome {
    let spec = load(args.spec.as_deref(), terminal)?;
    terminal.data(spec.text.as_bytes())?;
    Ok(Exit::Done)
}

/// The spec in `path`, or the default preset.
pub fn load(path: Option<&Path>, terminal: &Terminal) -> Result<Spec, Failure> {
    let Some(path) = path else {
        return Spec::preset(DEFAULT_PRESET).ok_or_else(|| Failure::error("the built-in preset cannot be read"));
    };
    let bytes = read_bounded(path).map_err(|error| {
        Failure::error(format!("cannot read the spec {}: {error}", path.display()))
            .with_hint("`rdb-reindex spec > my.toml` writes one to start from")
    })?;
    let name = path.display().to_string();
    Spec::from_bytes(&bytes, &name).map_err(|errors| Failure::report(errors.render(terminal.colour)))
}

/// Reads no more than it takes to see that a file is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SPEC_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

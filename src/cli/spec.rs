//! `rdb-reindex spec`.

use std::path::Path;

use super::args;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;
use crate::spec::{DEFAULT_PRESET, MAX_SPEC_BYTES, Spec};
use crate::text;

pub fn run(args: &args::Spec, terminal: &Terminal) -> Outcome {
    let spec = load(args.spec.as_deref(), terminal)?;
    terminal.data(spec.text.as_bytes())?;
    Ok(Exit::Done)
}

const START: &str = "a spec is a TOML file: `rdb-reindex spec > my.toml` writes one to start from";

/// The spec in `path`, or the default preset.
pub fn load(path: Option<&Path>, terminal: &Terminal) -> Result<Spec, Failure> {
    let Some(path) = path else {
        return Spec::preset(DEFAULT_PRESET).ok_or_else(|| Failure::error("the built-in preset cannot be read"));
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
    Spec::from_bytes(&bytes, &name).map_err(|errors| {
        let failure = Failure::report(errors.render(terminal.colour));
        let is_explained = errors.errors().iter().all(|error| error.help.is_some());
        failure.with_any_hint((!is_explained).then_some(START))
    })
}

/// Reads no more than it takes to see that a file is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SPEC_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

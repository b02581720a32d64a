//! JSON for people and scripts.

use std::io::Write as _;

use serde::Serialize;

use crate::text::Json;

/// Indented JSON, with a line feed at the end, that is safe to look at.
pub fn json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Json(Vec::new());
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)?;
    Ok(out.0)
}

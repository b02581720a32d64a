//! The keys of the dump that a spec may ask for by name: those that `exists` can give.

use std::collections::BTreeMap;

use super::super::Error;
use super::super::clock::{Clock, Due};
use super::super::reading::Reading;
use super::super::state::{Name, Value};
use super::walk::{read, text};
use crate::dump::rdb::Record;
use crate::model::spec::Spec;
use crate::progress::Watch;

/// They that had not expired, with their records.
pub type Named<'a> = BTreeMap<Name, Record<'a>>;

/// Reads the dump for them, if a spec asks for any.
pub fn named<'a>(dump: &'a [u8], spec: &Spec, mut clock: Clock, watch: &dyn Watch) -> Result<Named<'a>, Error> {
    let rules = spec.indexes.iter().flat_map(|index| index.exists.iter().map(move |exists| (index, exists)));
    let mut wanted: Vec<(u64, Reading)> =
        rules.map(|(index, exists)| (index.db, Reading::new(&exists.key.parts, &index.captures, None))).collect();
    for class in &spec.records {
        let exists = class.exists.iter();
        wanted.extend(exists.map(|exists| (class.db, Reading::new(&exists.parts, &class.key.captures, None))));
    }
    let mut named = Named::new();
    if wanted.is_empty() {
        return Ok(named);
    }
    let look = |records: &[Record<'a>], clock: &Clock| {
        let mut found = Vec::new();
        for record in records {
            if clock.due(record.expire_ms) == Due::Gone || !Value::is_there(&record.value, clock)? {
                continue;
            }
            let name = (record.db, text(record.key)?);
            if wanted.iter().any(|(db, reading)| *db == name.0 && reading.fits(&name.1)) {
                found.push((name, record.clone()));
            }
        }
        Ok(found)
    };
    let take = |found: Vec<(Name, Record<'a>)>| {
        named.extend(found);
        Ok(())
    };
    read(dump, ("reading for what is named", watch), &mut clock, look, take)?;
    Ok(named)
}

//! How fields are asked of a key on a server, and what its answer is.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::model::spec::{Path, Step};

/// The first names of paths, and their names in a hash.
pub fn fields_of(paths: &[Path]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for path in paths {
        let upper = path.steps.iter().map_while(|step| match step {
            Step::Name(name) => Some(name.clone()),
            Step::Each => None,
        });
        let upper: Vec<Vec<u8>> = upper.collect();
        names.extend(upper.first().cloned());
        // In a hash a path is the field of that whole name.
        fields.push(upper.join(&b'.'));
    }
    (names, fields)
}

/// What to ask a document for, what to ask a hash for, and the names of the fields of that document.
pub fn asked(paths: &[Path]) -> (Vec<String>, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut names, mut fields) = fields_of(paths);
    for all in [&mut names, &mut fields] {
        all.sort_unstable();
        all.dedup();
    }
    (names.iter().map(|name| path_of(name)).collect(), fields, names)
}

/// A top-level field as a path that `JSON.GET` takes.
pub fn path_of(name: &[u8]) -> String {
    format!("$[{}]", serde_json::Value::from(String::from_utf8_lossy(name).into_owned()))
}

/// A document of the fields that `JSON.GET` found: a list of matches for one path, an object of such lists for several.
/// Each value stays as the server wrote it.
pub fn document(answer: &[u8], names: &[Vec<u8>]) -> Option<Vec<u8>> {
    let matches: Vec<Vec<&RawValue>> = match names {
        [_] => vec![serde_json::from_slice(answer).ok()?],
        names => {
            let found: BTreeMap<String, Vec<&RawValue>> = serde_json::from_slice(answer).ok()?;
            names.iter().map(|name| found.get(&path_of(name)).cloned()).collect::<Option<_>>()?
        }
    };
    let mut text = vec![b'{'];
    for (name, matches) in names.iter().zip(matches) {
        let Some(value) = matches.first() else { continue };
        if text.len() > 1 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &String::from_utf8_lossy(name)).ok()?;
        text.push(b':');
        text.extend_from_slice(value.get().as_bytes());
    }
    text.push(b'}');
    Some(text)
}

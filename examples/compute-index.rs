// Computes an index that the dump does not have: the messages of each project.

use std::collections::BTreeMap;
use std::error::Error;

use rdb_reindex::{Difference, Expiry, Observer, Options, Snapshot, Spec};

const SPEC: &str = r#"
version = 1
[[record]]
name = "message"
key = "message:discord:*"
[[index]]
name = "by-project"
policy = "maintain"
from = "message"
key = "by-project:{projectId}"
member = "{@key}"
"#;

/// How many members each key of the index would have.
pub fn compute(dump: &[u8]) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let spec = Spec::parse(SPEC, "example")?;
    let difference = Difference::take(dump, &spec, Expiry::Careful, &Observer::default())?;
    let mut sizes = BTreeMap::new();
    difference.each_missing(|key, _member, _score| {
        *sizes.entry(String::from_utf8_lossy(key).into_owned()).or_default() += 1;
    })?;
    Ok(sizes)
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or("fixtures/discord-analytics.rdb".into());
    let dump = Snapshot::open(path.as_ref(), Options::default())?;
    compute(&dump)?.iter().for_each(|(key, size)| println!("{size:>10} {key}"));
    Ok(())
}

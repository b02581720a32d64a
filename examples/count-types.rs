// Counts the keys of a dump by type: `cargo run --example count-types dump.rdb`.

use std::collections::BTreeMap;
use std::error::Error;

use rdb_reindex::{Options, Snapshot, Walker};

/// Keys by what the command `TYPE` answers for them.
pub fn count(dump: &[u8]) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let mut counts = BTreeMap::new();
    for record in Walker::new(dump)?.records() {
        *counts.entry(record?.value.type_name().to_string()).or_default() += 1;
    }
    Ok(counts)
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or("fixtures/discord-analytics.rdb".into());
    let dump = Snapshot::open(path.as_ref(), Options::default())?;
    for (name, keys) in count(&dump)? {
        println!("{keys:>10} {name}");
    }
    Ok(())
}

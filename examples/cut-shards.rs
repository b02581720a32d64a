//! Cuts a dump into shards by the slots of its keys, as a cluster would hold them. For measurements; every key must be in
//! database 0.
//!
//! ```text
//! cargo run --release --example cut-shards -- DUMP SHARDS FOLDER
//! ```

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use crc_fast::{CrcAlgorithm, checksum};
use rdb_reindex::dump::rdb::{Item, Walker};
use rdb_reindex::dump::slots::{SLOTS, slot_of};
use rdb_reindex::dump::snapshot::{Options, Snapshot};

/// The opcodes SELECTDB and EOF.
const SELECT: [u8; 2] = [0xfe, 0];
const EOF: u8 = 0xff;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dump, count, folder] = args.as_slice() else { bail!("usage: cut-shards DUMP SHARDS FOLDER") };
    let count: usize = count.parse().context("SHARDS is a number")?;
    let dump = Snapshot::open(Path::new(dump), Options::default())?;
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    let mut walker = Walker::new(&dump)?;
    // Header and AUX fields are those of the dump: all that stands before the first SELECTDB or record.
    let mut head_end = walker.position();
    let mut outs: Vec<BufWriter<File>> = Vec::new();
    let mut scratch = Vec::new();
    while let Some(item) = walker.next()? {
        match item {
            Item::Aux { .. } if outs.is_empty() => head_end = walker.position(),
            Item::Record(record) => {
                if record.db != 0 {
                    bail!("a key is in database {}", record.db);
                }
                if outs.is_empty() {
                    for number in 0..count {
                        let mut out = BufWriter::new(File::create(folder.join(format!("{number:03}.rdb")))?);
                        out.write_all(dump.get(..head_end).unwrap_or_default())?;
                        out.write_all(&SELECT)?;
                        outs.push(out);
                    }
                }
                let key = record.key.decode(&mut scratch).map_err(|kind| anyhow::anyhow!("a key: {kind:?}"))?;
                let shard = usize::from(slot_of(key)) * count / SLOTS;
                let bytes = dump.get(record.start..record.value.end()).unwrap_or_default();
                outs.get_mut(shard).context("no such shard")?.write_all(bytes)?;
            }
            _ => {}
        }
    }
    for (number, mut out) in outs.into_iter().enumerate() {
        out.write_all(&[EOF])?;
        out.flush()?;
        let bytes = fs::read(folder.join(format!("{number:03}.rdb")))?;
        let crc64 = checksum(CrcAlgorithm::Crc64Redis, &bytes);
        out.write_all(&crc64.to_le_bytes())?;
        out.flush()?;
    }
    Ok(())
}

//! The crates that read dumps, at the least they can do: `scripts/bench-peers` measures them beside this program.
//!
//! ```text
//! cargo run --release --example peers -- librdb DUMP    # the C parser of Redis' makers, with handlers that count
//! cargo run --release --example peers -- rdb DUMP       # the crate `rdb`, its formatter `nil`
//! ```

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;
use librdb::{KeyInfo, RdbHandlers};

#[derive(Parser)]
struct Arguments {
    peer: String,
    dump: PathBuf,
}

/// Counts keys; every other handler does nothing.
struct Count(u64);

impl RdbHandlers for Count {
    fn handle_new_key(&mut self, _: &[u8], _: &KeyInfo) -> librdb::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let Arguments { peer, dump } = Arguments::parse();
    match peer.as_str() {
        "librdb" => {
            let mut parser = librdb::Parser::new(Count(0))?;
            parser.parse_file(&dump)?;
            println!("{} keys", parser.handler().0);
        }
        "rdb" => {
            let reader = BufReader::new(File::open(&dump)?);
            rdb::parse(reader, rdb::formatter::Nil::new(None), rdb::filter::Simple::new())?;
        }
        _ => bail!("a peer is librdb or rdb, not {peer}"),
    }
    Ok(())
}

//! Writes a large dump of the Discord bot's shape, without a server; the same bytes for the same arguments.
//!
//! ```text
//! cargo run --release --example write-dump -- --messages 1500000 --records json OUT
//! ```
//!
//! With these arguments: 1,802,098 keys in 1,319,144,910 bytes, documents of about 1,060 bytes.

#[path = "../tests/support/dump_writer/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod dump_writer;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use dump_writer::discord::{self, Options, Records};
use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Parser)]
#[command(about = "Write a large dump of the Discord bot's shape (RDB 10, as Redis 7.0 writes it)")]
struct Arguments {
    /// Message records
    #[arg(long, default_value_t = 1_500_000)]
    messages: u64,
    /// How the messages are kept
    #[arg(long, value_enum, default_value_t = Form::Json)]
    records: Form,
    /// Another seed gives other ids, texts and orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Live projects; their sizes fall as 1, 1/2, 1/3, ...
    #[arg(long, default_value_t = 10)]
    projects: u64,
    /// Missing members per 1,000 of a project's index, and as many stale ones (0 to 500)
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=500))]
    wrong: u64,
    /// Project indexes that should not exist
    #[arg(long, default_value_t = 1998)]
    wrong_keys: u64,
    /// Messages per 1,000 that belong to no project
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=1000))]
    orphans: u64,
    /// Small strings beside it all
    #[arg(long, default_value_t = 0)]
    tiny: u64,
    /// Members of one more set
    #[arg(long, default_value_t = 0)]
    giant_set: u64,
    /// Names of messages end with a letter, so that they have no number to be known by
    #[arg(long)]
    lettered: bool,
    /// The file to write
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// RedisJSON documents
    Json,
    /// JSON text in strings
    String,
    /// Hashes
    Hash,
    /// RedisJSON documents, in the form of an export of Upstash: RDB 12, nothing compressed, no checksum
    Upstash,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let options = Options {
        messages: arguments.messages,
        records: match arguments.records {
            Form::Json | Form::Upstash => Records::Json,
            Form::String => Records::String,
            Form::Hash => Records::Hash,
        },
        seed: arguments.seed,
        projects: arguments.projects,
        wrong: arguments.wrong,
        wrong_keys: arguments.wrong_keys,
        orphans: arguments.orphans,
        tiny: arguments.tiny,
        giant_set: arguments.giant_set,
        upstash: matches!(arguments.records, Form::Upstash),
        lettered: arguments.lettered,
    };
    let start = Instant::now();
    let name = arguments.out.display();
    let mut file = File::create(&arguments.out).with_context(|| format!("cannot create {name}"))?;
    let written = discord::write(&options, &mut file).with_context(|| format!("cannot write {name}"))?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = written.bytes as f64 / 1e6 / seconds;
    eprintln!("{name}: {} keys, {} bytes in {seconds:.1} s ({rate:.0} MB/s)", written.keys, written.bytes);
    Ok(())
}

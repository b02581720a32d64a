//! Which keys `export` is asked for.

use crate::export::{self, Expires, TypeRule};
use crate::model::spec::Glob;

/// Which keys; nothing given is all of them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Only some of the keys")]
pub struct Filter {
    /// Keys whose name fits a Redis glob, such as 'user:*'; for memberships: index keys. May be repeated: any of them.
    #[arg(long = "match", value_name = "GLOB")]
    pub matching: Vec<String>,
    /// Keys of a type, as the command TYPE names it: string, list, set, zset, hash, stream, json … May be repeated.
    #[arg(long = "type", value_name = "TYPE", value_parser = str::parse::<TypeRule>)]
    pub types: Vec<TypeRule>,
    /// Keys of a database. May be repeated.
    #[arg(long, value_name = "N")]
    pub db: Vec<u64>,
    /// Keys that take at least so many bytes of the dump, such as 512, 10k, 1MB or 1MiB.
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = export::bytes)]
    pub min_bytes: u64,
    /// Keys by their expiry: none, any, before=DATE, after=DATE (2026-01-31, or 2026-01-31T12:00:00Z), within=DURATION
    /// of the time the dump was made (90s, 15m, 12h, 7d, 4w). May be repeated: all of them.
    #[arg(long, value_name = "RULE", value_parser = str::parse::<Expires>)]
    pub expires: Vec<Expires>,
}

impl Filter {
    pub fn build(&self) -> export::Filter {
        export::Filter {
            matching: self.matching.iter().map(|glob| Glob::new(glob.as_bytes())).collect(),
            types: self.types.clone(),
            dbs: self.db.clone(),
            min_bytes: self.min_bytes,
            expires: self.expires.clone(),
        }
    }
}

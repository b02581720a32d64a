//! What `apply` and `rollback` can be told, and where a database is.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::events::Telling;
use crate::replay::NodeMap;
use crate::replay::journal::With;

/// Headings of groups of options.
const CONNECTION: &str = "Connection";
const PACE: &str = "Pace";

/// What holds if nothing else is said.
pub const TIMEOUT: u64 = 60;
pub const RETRY_FOR: u64 = 300;
pub const BATCH_COMMANDS: u32 = 1000;
pub const BATCH_BYTES: u32 = 1_000_000;

/// What `apply` and `rollback` can be told.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Connect and look, report what differs from the dump, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The id of the plan, instead of being asked for it.
    #[arg(long, value_name = "PLAN_ID")]
    pub confirm: Option<String>,
    /// Go on where an earlier run ended, whatever ended it.
    #[arg(long)]
    pub resume: bool,
    /// What to do if the database is not as the plan expects it.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_drift: DriftMode,
    /// Go on although something speaks against it that a person has looked at; may be repeated.
    #[arg(long, value_enum, value_name = "BRAKE")]
    pub accept: Vec<ReplayBrake>,
    /// What makes sure that an edit is still right when it is made.
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    pub guard: GuardLevel,
    /// The most commands per second.
    #[arg(long, value_name = "N", help_heading = PACE, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rate: Option<u32>,
    /// Send nothing while a replica is further behind than so many seconds.
    #[arg(long, value_name = "SECONDS", help_heading = PACE, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub max_lag: Option<u32>,
    /// The most commands that are under way at a time.
    #[arg(long, value_name = "N", help_heading = PACE, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_in_flight: Option<u32>,
    /// Send nothing while this file exists; `pause` in the plan's folder if not given.
    #[arg(long, value_name = "FILE", help_heading = PACE)]
    pub pause_file: Option<PathBuf>,
    /// How to say what happens: for a person, or as one JSON object per line.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Telling,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GuardLevel {
    /// What each edit needs: a script takes away what names a key only if that is still gone, and edits fields and strings only
    /// if they are as in the dump; members of maintained sets and sorted sets as with `replies`.
    #[default]
    Auto,
    /// Each reply is compared with the expected one; costs nothing.
    Replies,
    /// Each record is read, and a script makes the edit only if the record is still so; two to three reads per edit. A
    /// rollback undoes nothing that somebody has written since.
    Records,
}

/// What a replay stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReplayBrake {
    /// The database does not look like that of the dump.
    OtherDatabase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DriftMode {
    /// Write nothing.
    #[default]
    Stop,
    /// Leave the keys alone that differ.
    Skip,
    /// Edit them all the same.
    Proceed,
}

/// Where the database is, and how to get in.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// redis://HOST:PORT, rediss://HOST:PORT (TLS), redis+unix:///PATH, redis+cluster://HOST:PORT,…,
    /// redis+sentinel://HOST:PORT,…/NAME (both also rediss+…) or https://HOST (Upstash REST, its token in
    /// UPSTASH_REDIS_REST_TOKEN); without it REDIS_URL, then UPSTASH_REDIS_REST_URL.
    ///
    /// Better than in the URL, where others on this machine can see it, a password is in RDB_REINDEX_PASSWORD or a file.
    #[arg(long, value_name = "URL", help_heading = CONNECTION)]
    pub to: Option<String>,
    /// A file with the password.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) to trust instead of the public authorities.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub tls_ca: Option<PathBuf>,
    /// A certificate (PEM) to show to a server that asks for one.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key (PEM) of that certificate.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Reach a node of a cluster, or a primary that a sentinel names, by another address than the one that is announced;
    /// may be repeated.
    #[arg(long, value_name = "HOST:PORT=HOST:PORT", help_heading = CONNECTION)]
    pub node_map: Vec<NodeMap>,
    /// How long to wait for a reply, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT, help_heading = CONNECTION,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// How long to try again when the server is busy or the connection is lost, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = RETRY_FOR, help_heading = CONNECTION,
        value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub retry_for: u64,
    /// The most commands that go out before their replies are read.
    #[arg(long, value_name = "N", default_value_t = BATCH_COMMANDS, help_heading = PACE,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch_commands: u32,
    /// The most bytes that go out before their replies are read.
    #[arg(long, value_name = "BYTES", default_value_t = BATCH_BYTES, help_heading = PACE,
        value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub batch_bytes: u32,
}

/// The options of a run that another one needs as well.
pub fn with(args: &ReplayArgs) -> With {
    let mut replay = Vec::new();
    if args.guard != GuardLevel::default() {
        replay.extend(["--guard".to_owned(), value(args.guard)]);
    }
    let mut number = |name: &str, number: Option<u32>| {
        replay.extend(number.into_iter().flat_map(|number| [name.to_owned(), number.to_string()]));
    };
    number("--max-rate", args.max_rate);
    number("--max-lag", args.max_lag);
    number("--max-in-flight", args.max_in_flight);
    replay.extend(args.pause_file.iter().flat_map(|path| ["--pause-file".to_owned(), absolute(path)]));
    let mut drift = Vec::new();
    if args.on_drift != DriftMode::default() {
        drift.extend(["--on-drift".to_owned(), value(args.on_drift)]);
    }
    drift.extend(args.accept.iter().flat_map(|brake| ["--accept".to_owned(), value(*brake)]));
    With { connection: connection(&args.database), replay, drift }
}

/// The options of a connection, but for its address.
pub fn connection(args: &DatabaseArgs) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(args.password_file.iter().flat_map(|path| ["--password-file".to_owned(), absolute(path)]));
    for (name, path) in [("--tls-ca", &args.tls_ca), ("--tls-cert", &args.tls_cert), ("--tls-key", &args.tls_key)] {
        words.extend(path.iter().flat_map(|path| [name.to_owned(), absolute(path)]));
    }
    words.extend(args.node_map.iter().flat_map(|map| ["--node-map".to_owned(), map.to_string()]));
    let numbers = [
        ("--timeout", args.timeout, TIMEOUT),
        ("--retry-for", args.retry_for, RETRY_FOR),
        ("--batch-commands", u64::from(args.batch_commands), u64::from(BATCH_COMMANDS)),
        ("--batch-bytes", u64::from(args.batch_bytes), u64::from(BATCH_BYTES)),
    ];
    for (name, number, _) in numbers.into_iter().filter(|(_, number, default)| number != default) {
        words.extend([name.to_owned(), number.to_string()]);
    }
    words
}

fn value(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Whoever types it may stand in another folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

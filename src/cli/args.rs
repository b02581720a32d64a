//! What the user can type.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::examples;
use crate::bundle::manifest::Manifest;
use crate::model::spec::Acceptance;
use crate::model::view::Expiry;
use crate::text::rfc3339::unix_millis;
use crate::text::shell_path;

/// Headings of groups of options.
const COMMON: &str = "Common options";
const READING: &str = "Reading the dump";
const CONNECTION: &str = "Connection";
const PACE: &str = "Pace";

/// What holds if nothing else is said.
pub const TIMEOUT: u64 = 60;
pub const RETRY_FOR: u64 = 300;
pub const BATCH_COMMANDS: u32 = 1000;
pub const BATCH_BYTES: u32 = 1_000_000;

/// Take stock of the secondary indexes in a Redis dump, derive the right ones, and replay the smallest difference.
#[derive(Debug, Parser)]
#[command(name = "rdb-reindex", version, max_term_width = 100, propagate_version = true)]
#[command(after_long_help = examples::PROGRAM)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// Threads to use; all cores if not given.
    #[arg(long, global = true, value_name = "N", value_parser = threads, help_heading = COMMON)]
    pub threads: Option<usize>,
    /// Say nothing on standard error but errors.
    #[arg(long, short, global = true, help_heading = COMMON)]
    pub quiet: bool,
    /// Say more.
    #[arg(long, short, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = COMMON)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(after_long_help = examples::INVENTORY)]
    Inventory(Inventory),
    #[command(after_long_help = examples::PLAN)]
    Plan(Plan),
    #[command(after_long_help = examples::REHEARSE)]
    Rehearse(Rehearse),
    #[command(after_long_help = examples::SHOW)]
    Show(Show),
    /// Replay a plan to its database, each reply compared with the expected one.
    #[command(after_long_help = examples::APPLY)]
    Apply(Replay),
    #[command(after_long_help = examples::VERIFY)]
    Verify(Verify),
    /// Undo what `apply` changed.
    #[command(after_long_help = examples::ROLLBACK)]
    Rollback(Replay),
    #[command(after_long_help = examples::CHECK)]
    Check(Check),
    #[command(after_long_help = examples::EXPORT)]
    Export(Export),
    #[command(after_long_help = examples::DIFF)]
    Diff(super::diff::Diff),
    #[command(after_long_help = examples::INFER)]
    Infer(super::infer::Infer),
    #[command(after_long_help = examples::SPEC)]
    Spec(Spec),
    #[command(after_long_help = examples::COMPLETIONS)]
    Completions(Completions),
    #[command(after_long_help = examples::MAN)]
    Man(Man),
}

/// What is in a dump, and what is wrong with its indexes.
#[derive(Debug, clap::Args)]
pub struct Inventory {
    #[command(flatten)]
    pub dump: Dump,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Tell ages as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = time, hide = true)]
    pub now: Option<i64>,
}

/// Whether a dump is whole: every byte, every value, every name, and the checksum.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The dump; `-` is standard input. gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps: the other shards of the same database.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    /// Read the file instead of mapping it into memory.
    #[arg(long, help_heading = READING)]
    pub no_mmap: bool,
}

/// What is in a dump as rows: keys, their elements, or the members of the indexes.
#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(flatten)]
    pub dump: Dump,
    /// What a row is.
    #[arg(long, value_enum, value_name = "TABLE")]
    pub table: ExportTable,
    /// The form of a row.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// Leave out keys whose value is damaged, name them, and end with status 1.
    #[arg(long)]
    pub skip_damaged: bool,
    #[command(flatten)]
    pub filter: super::filter::Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTable {
    /// A key.
    Keys,
    /// A string, a member, a field, a stream entry or group, a document.
    Elements,
    /// A member of an index key, and whether it is right: correct, missing, stale, wrong key, held, foreign or conflict.
    Memberships,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A JSON object a line. Bytes that are no UTF-8 are {"base64":"…"}.
    Ndjson,
    /// With a header. Bytes that are no UTF-8 are the same JSON.
    Csv,
    /// Typed columns, compressed, for DuckDB, Spark or pandas; to a file or a pipe.
    Parquet,
}

/// Write the plan that repairs the indexes; never opens a network connection.
#[derive(Debug, clap::Args)]
pub struct Plan {
    #[command(flatten)]
    pub dump: Dump,
    /// The folder for the plan: absent, empty, or an earlier plan that was never applied.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// End with status 3 if there is anything to repair.
    #[arg(long)]
    pub exit_code: bool,
    /// Lift a brake that somebody has looked at: BRAKE, or INDEX:BRAKE for one index; may be given several times.
    #[arg(long, value_name = "BRAKE", value_delimiter = ',')]
    pub accept: Vec<Acceptance>,
    /// The most arguments of one command.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(4..=1000))]
    pub max_args: u64,
    /// The most bytes of one command.
    #[arg(long, value_name = "BYTES", default_value_t = 512 * 1024,
        value_parser = clap::value_parser!(u64).range(256..=524_288))]
    pub max_command_bytes: u64,
}

/// The plan for a person, from its folder alone.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The folder that `plan` wrote.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Tell ages as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = time, hide = true)]
    pub now: Option<i64>,
}

/// What `apply` and `rollback` can be told.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub database: Database,
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
    /// The most commands a second.
    #[arg(long, value_name = "N", help_heading = PACE, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rate: Option<u32>,
    /// The most commands that are under way at a time.
    #[arg(long, value_name = "N", help_heading = PACE, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_in_flight: Option<u32>,
    /// Send nothing while this file exists; `pause` in the plan's folder if not given.
    #[arg(long, value_name = "FILE", help_heading = PACE)]
    pub pause_file: Option<PathBuf>,
    /// How to say what happens: for a person, or as one JSON object a line.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Telling,
}

/// How `apply`, `rollback` and `verify` say what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Telling {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GuardLevel {
    /// What each edit needs: members of maintained sets and sorted sets as with `replies`, and that is all there is today.
    #[default]
    Auto,
    /// Each reply is compared with the expected one; costs nothing.
    Replies,
    /// Each record is read, and a script makes the edit only if the record is still so; two to three reads an edit. A
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

/// Say whether the target state of a plan is there; only reads.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub database: Database,
    /// A dump made after the plan was applied, instead of a connection.
    #[arg(long, value_name = "AFTER.rdb", conflicts_with_all = ["to", "password_file", "tls_ca"])]
    pub dump: Option<PathBuf>,
    /// How long to wait before the differences are looked at again: what was in flight is there then. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub settle: u64,
    /// How to say what was found: for a person, or as one JSON object a line.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Telling,
    /// What expiries before 2009 mean in that dump.
    #[arg(long, value_enum, value_name = "MEANING", requires = "dump")]
    pub expiry: Option<ExpiryMode>,
}

/// Where the database is, and how to get in.
#[derive(Debug, clap::Args)]
pub struct Database {
    /// redis://HOST:PORT, rediss://HOST:PORT (TLS) or https://HOST (Upstash REST, its token in UPSTASH_REDIS_REST_TOKEN);
    /// without it REDIS_URL, then UPSTASH_REDIS_REST_URL.
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

/// Prove a plan: its commands lead to the right state, and its rollback back to the dump.
#[derive(Debug, clap::Args)]
pub struct Rehearse {
    /// The folder that `plan` wrote.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The dump that the plan was made from.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps, where the plan was made from several: in the same order.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    /// Rehearse also in a real server, which is started for it and ended after it; `redis-server` if no path is given.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "redis-server")]
    pub server: Option<PathBuf>,
    /// A module that this server needs to load the dump; may be repeated.
    #[arg(long, value_name = "PATH", requires = "server")]
    pub module: Vec<PathBuf>,
    /// What expiries before 2009 mean: the same as for `plan`.
    #[arg(long, value_enum, value_name = "MEANING", help_heading = READING)]
    pub expiry: Option<ExpiryMode>,
    /// Read the file instead of mapping it into memory.
    #[arg(long, help_heading = READING)]
    pub no_mmap: bool,
}

/// Print what a shell needs to complete the arguments of this program.
#[derive(Debug, clap::Args)]
pub struct Completions {
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Print the manual as roff: `rdb-reindex man | man -l -`.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Write a page a command into this folder, instead of all of them to standard output.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Print the spec in use, ready to edit.
#[derive(Debug, clap::Args)]
pub struct Spec {
    /// A spec file to check and print instead of the preset.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
}

/// A dump, and how to read it.
#[derive(Debug, clap::Args)]
pub struct Dump {
    /// The dump; `-` is standard input. gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps: the other shards of the same database.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    /// Which keys are records and which indexes follow from them; the preset `discord-analytics` if not given.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// Read the file instead of mapping it into memory.
    #[arg(long, help_heading = READING)]
    pub no_mmap: bool,
    /// Go on although the checksum is wrong; no plan is made of such a dump.
    #[arg(long, help_heading = READING)]
    pub ignore_checksum: bool,
    /// What expiries before 2009 mean, which some services write.
    #[arg(long, value_enum, value_name = "MEANING", help_heading = READING)]
    pub expiry: Option<ExpiryMode>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For scripts: exact. Bytes that are no UTF-8 are {"base64":"…"}.
    Json,
    /// One page for a browser, with pictures: `> inventory.html`.
    Html,
    /// One table, a row for the dump and for each database, type, family, index and finding: the column `section` says
    /// which. Bytes that are no printable text are escaped.
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExpiryMode {
    /// Unix times, as in any other dump.
    Absolute,
    /// Milliseconds that were left when the dump was made.
    Relative,
}

impl ExpiryMode {
    /// What a plan was made with, unless the user says something else now.
    pub fn or_as_planned(said: Option<Self>, manifest: &Manifest) -> Option<Self> {
        said.or(match manifest.expiry.as_str() {
            "absolute" => Some(Self::Absolute),
            "relative" => Some(Self::Relative),
            _ => None,
        })
    }
}

impl Dump {
    /// All dumps, as words of a command.
    pub fn words(&self) -> String {
        let all = std::iter::once(&self.dump).chain(&self.more);
        all.map(|path| shell_path(path)).collect::<Vec<_>>().join(" ")
    }

    pub fn expiry(&self) -> Expiry {
        match self.expiry {
            None => Expiry::Careful,
            Some(ExpiryMode::Absolute) => Expiry::Absolute,
            Some(ExpiryMode::Relative) => Expiry::Relative,
        }
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=1024) => Ok(n),
        _ => Err("a number from 1 to 1024 is due".to_owned()),
    }
}

fn time(text: &str) -> Result<i64, String> {
    unix_millis(text.as_bytes()).ok_or_else(|| "a time such as 2025-01-06T17:45:00Z is due".to_owned())
}

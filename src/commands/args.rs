//! Arguments that several commands take.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::bundle::manifest::Manifest;
use crate::model::spec::PRESETS;
use crate::model::view::Expiry;
use crate::text::rfc3339::unix_millis;
use crate::ui::typed;

/// Headings of groups of options.
pub const COMMON: &str = "Common options";
pub const READING: &str = "Reading the dump";

/// A dump, and how to read it.
#[derive(Debug, clap::Args)]
pub struct DumpArgs {
    /// The dump; `-` is standard input. gzip, zstd and LZ4 are unpacked.
    #[arg(value_name = "DUMP")]
    pub dump: PathBuf,
    /// More dumps: the other shards of the same database.
    #[arg(value_name = "DUMP")]
    pub more: Vec<PathBuf>,
    #[command(flatten)]
    pub spec: SpecChoice,
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

/// The spec that a dump is seen through.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SpecChoice {
    /// Which keys are records and which indexes follow from them. Without one the preset `discord-analytics` is used, if it
    /// describes any key.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// A spec that is built in, for an application: `rdb-reindex spec --list` names them.
    #[arg(long, value_name = "NAME", conflicts_with = "spec", value_parser = preset_names(), hide_possible_values = true)]
    pub preset: Option<String>,
}

pub fn preset_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(PRESETS.iter().map(|(name, _)| *name))
}

impl SpecChoice {
    /// Whether somebody named one.
    pub fn is_given(&self) -> bool {
        self.spec.is_some() || self.preset.is_some()
    }

    /// The option that names it, as words of a command behind a space; nothing for the default.
    pub fn words(&self) -> String {
        match (&self.spec, &self.preset) {
            (Some(path), _) => format!(" --spec {}", typed::folder(path)),
            (None, Some(name)) => format!(" --preset {name}"),
            (None, None) => String::new(),
        }
    }
}

impl DumpArgs {
    /// All dumps, as words of a command.
    pub fn words(&self) -> String {
        let all = std::iter::once(&self.dump).chain(&self.more);
        all.map(|path| typed::file(path)).collect::<Vec<_>>().join(" ")
    }

    /// How the dumps are read, as words of a command, each behind a space.
    pub fn reading(&self) -> String {
        let mut words = String::new();
        if self.ignore_checksum {
            words.push_str(" --ignore-checksum");
        }
        match self.expiry {
            Some(ExpiryMode::Absolute) => words.push_str(" --expiry absolute"),
            Some(ExpiryMode::Relative) => words.push_str(" --expiry relative"),
            None => {}
        }
        words
    }

    pub fn expiry(&self) -> Expiry {
        match self.expiry {
            None => Expiry::Careful,
            Some(ExpiryMode::Absolute) => Expiry::Absolute,
            Some(ExpiryMode::Relative) => Expiry::Relative,
        }
    }
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

/// A time as RFC 3339.
pub fn time(text: &str) -> Result<i64, String> {
    unix_millis(text.as_bytes()).ok_or_else(|| "expected a time such as 2025-01-06T17:45:00Z".to_owned())
}

/// For a person, or for a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For a person.
    #[default]
    Text,
    /// For a script.
    Json,
}

//! A spec proposed from the data: presets that fit, record classes, the indexes over them, and entries that name keys.
//!
//! Names and contents suggest, and the program's own comparison decides. One pass notes where the keys are (`survey`), and
//! a sample is taken: so many of each family of names, the largest sets in any case (`sample`). What their names have in
//! common are patterns with captures (`patterns`), and documents with like fields and names are record classes (`classes`).
//!
//! - Each sampled entry that is a record's key, or the value of a record's field, votes for the templates that would
//!   explain it (`guess`, `votes`): that is how a rule is found of which the data are mostly a mockery; classes that one rule
//!   joins become one (`merge`).
//! - Entries that name keys, whole or in part, make rules of their own (`references`); sets beside a record that list where it
//!   is indexed, too (`memo`).
//! - Presets are weighed by the keys that they describe (`weigh`, `presets`).
//!
//! The rules that most speaks for are put to the whole dump (`measure`) as if they were a spec, twice: a filter is found from
//! what is missing (`when`). What speaks against following them is said (`doubts`), and all of it is written as TOML (`write`).
//!
//! What is sampled follows from the names alone, so the same dump gives the same proposal. Memory: 24 bytes a key and 40 a set
//! or sorted set, the sample (at most some 20,000 records and 32 MiB of their values), and what a comparison takes.

mod candidate;
mod candidates;
mod classes;
mod doubts;
mod entries;
mod fields;
mod guess;
mod labels;
mod measure;
mod memo;
mod merge;
mod patterns;
mod presets;
mod references;
mod rule;
mod sample;
mod scatter;
mod survey;
mod votes;
mod weigh;
mod when;
mod words;
mod write;

pub use candidate::Measured;
pub use survey::Seen;
pub use weigh::{Described, presets_for};

use crate::dump::rdb;
use crate::dump::scan::{self, Observer};
use crate::index;
use crate::model::spec::Glob;
use crate::model::view::Expiry;

/// What ends the work on a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error(transparent)]
    Compare(index::Error),
    #[error("interrupted")]
    Interrupted,
}

scan::ends_like_a_pass!(Error);

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Self {
        match error {
            index::Error::Dump(error) => Self::Dump(error),
            index::Error::Interrupted => Self::Interrupted,
            error => Self::Compare(error),
        }
    }
}

/// What is said of one rule of a proposal.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Told {
    /// The name of its index in the spec.
    pub name: String,
    /// The preset that it is from.
    pub preset: Option<&'static str>,
    /// The policy that the data carry.
    pub recommended: Option<&'static str>,
    /// Why none is recommended.
    pub doubts: Vec<String>,
    pub figures: Measured,
}

/// What was found in a dump.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// A commented spec, if there is anything to propose.
    pub spec: Option<String>,
    /// Its rules, in the order of the spec.
    pub rules: Vec<Told>,
    /// The preset that fits, and others that describe something of the dump.
    pub presets: Vec<&'static str>,
    /// What was seen and not proposed, and why: a line each.
    pub notes: Vec<String>,
    pub seen: Seen,
    /// CRC-64 of everything before the footer, and the one in the footer.
    pub crc64: u64,
    pub footer: rdb::Footer,
}

/// Looks at a dump and proposes a spec. `name` is what its comments call the dump; with `only` it is about keys that match
/// this pattern. Runs on the current `rayon` pool.
pub fn infer(
    file: &[u8],
    name: &str,
    only: Option<&Glob>,
    expiry: Expiry,
    observer: &Observer,
) -> Result<Proposal, Error> {
    let mut survey = survey::Survey::take(file, expiry, observer)?;
    let mut sample = sample::Sample::take(&mut survey, observer)?;
    let mut guesses = guess::guess(&survey, &mut sample, observer)?;
    merge::merge(&mut sample, &mut guesses);
    let references = references::find(&survey, &sample, observer)?;
    let preset = presets::fitting(&survey, &sample, observer)?;
    let judges =
        measure::Judges { preset: preset.as_ref(), only, file, survey: &survey, sample: &sample, expiry, observer };
    let outcome = judges.judge(&guesses, references)?;
    let notes = write::notes(&sample, &guesses, preset.as_ref(), &outcome);
    let rules = write::told(&sample, preset.as_ref(), &outcome);
    let spec = (!rules.is_empty()).then(|| write::spec(name, (&survey, &sample), (preset.as_ref(), &outcome), &notes));
    let presets = preset.iter().flat_map(|one| std::iter::once(one.name).chain(one.others.iter().copied())).collect();
    let (seen, crc64, footer) = (survey.seen, survey.crc64, survey.footer);
    Ok(Proposal { spec, rules, presets, notes, seen, crc64, footer })
}

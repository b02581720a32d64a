//! The edits of one shard that an engine worked out, for `plan --edits`.

use std::path::Path;

use super::args::DumpArgs;
use super::open;
use crate::bundle::manifest::Shard;
use crate::dump::rdb::Checksum;
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::facts::{AnswerError, Answered};
use crate::index::{self, Difference, answer};
use crate::model::spec::Spec;
use crate::sql;
use crate::ui::exit::{Exit, Failure};
use crate::ui::progress;

/// What an engine says would have to change in the shard that this dump is of, and what the plan says of that.
pub fn difference<'a>(
    args: &DumpArgs,
    folder: &Path,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    observer: &Observer,
) -> Result<(Difference<'a>, Shard), Failure> {
    if !args.more.is_empty() {
        return Err(Failure::new(Exit::Usage, "--edits are those of one shard: name its dump alone")
            .with_hint("`rdb-reindex join` makes one plan of those of all shards"));
    }
    let answered = Answered::read(folder, spec, &sql::given(spec)).map_err(refused)?;
    if args.expiry.is_some() && args.expiry() != answered.expiry {
        return Err(Failure::error("--expiry is not what the shards were scanned with")
            .with_hint("give the same to `scan` and to `plan`, or leave it out here"));
    }
    let name = open::name(snapshot.path());
    let total = snapshot.len() as u64;
    let work = || Difference::answered(snapshot, spec, answered.expiry, &answered.answer, observer);
    let done = progress::bytes("reading", total, observer, work);
    // The edits of another dump do not fit, so that is said before what does not.
    let difference = match done {
        Ok(difference) => difference,
        Err(answer::Error::Index(index::Error::Interrupted)) => return Err(open::interrupted()),
        Err(answer::Error::Index(index::Error::Dump(error))) => return Err(open::fault(snapshot, &error)),
        Err(error) => {
            if answered.own.bytes != total {
                answered.is_of(total, 0).map_err(refused)?;
            }
            let failure = Failure::error(format!("{name}: {error}"));
            return Err(
                failure.with_hint("are they the edits of this dump? Scan all shards anew, and run the engine again")
            );
        }
    };
    let facts = &difference.facts;
    if let Checksum::Absent | Checksum::Right = facts.footer.checksum(|| facts.crc64) {
        answered.is_of(total, facts.crc64).map_err(refused)?;
    }
    Ok((difference, answered.shard()))
}

fn refused(error: AnswerError) -> Failure {
    let hint = error.hint();
    Failure::error(error).with_any_hint(hint)
}

//! `rdb-reindex verify`.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::database::{Patience, Unanswered};
use super::events::Teller;
use super::exit::{Exit, Failure, Outcome};
use super::interrupt::{self, Leave};
use super::story::{self, Story};
use super::terminal::Terminal;
use super::{args, bundle, database, dump, place, replay_bar, typed};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{APPLY, ROLLBACK};
use crate::replay::journal::{Course, History};
use crate::replay::{self, Commands, Difference, Files, LookOptions, PlaceKind, Script, Session, Tally, Verification};
use crate::report::plan::State;
use crate::text::{self, counted};

pub fn run(args: &args::Verify, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let verify = || {
        let bundle = bundle::open_watched(&args.dir, &dump::observer())?;
        match &args.dump {
            Some(dump) => against_dump(&bundle, dump, args, terminal, teller),
            None => against_database(&bundle, args, terminal, teller),
        }
    };
    let outcome = verify();
    teller.end(&outcome)?;
    outcome
}

fn against_database(bundle: &Bundle, args: &args::Verify, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let (apply, rollback) = (bundle::commands(bundle, APPLY)?, bundle::commands(bundle, ROLLBACK)?);
    let manifest = &bundle.manifest;
    let files = Commands::new(Files { manifest, apply: &apply, rollback: &rollback });
    let history = journal(bundle, terminal);
    let story = Story::new(&manifest.plan_id, &args.dir, &history);
    let interrupt = interrupt::flag();
    let mut connector = database::Connector::new(&args.database, manifest, Some(&interrupt), terminal)?;
    let to = connector.to_string();
    let total = manifest.touched.len();
    teller.start("verify", &manifest.plan_id, &to, u64::try_from(total).unwrap_or(u64::MAX))?;
    terminal.say(story.sentence());
    let retry_for = Duration::from_secs(args.database.retry_for);
    let patience = Patience { terminal, retry_for, interrupt: &interrupt, begun: false };
    let mut dial = || connector.dial();
    let mut session = Session::new(&mut dial);
    let asked = patience.ask(&mut session, |link| Ok(replay::place(link)?));
    let place = asked.map_err(|why| match why {
        Unanswered::Failed(error) => place::failure(Exit::Error, error),
        Unanswered::Interrupted => Leave::default().into_failure(),
    })?;
    // A replica may be asked.
    if !matches!(place.kind, PlaceKind::Replica { .. }) {
        place::refuse(&place.kind, &args.dir, &to, |to| {
            typed::command("verify", &args.dir, Some(to), &[&typed::connection(&args.database)], &[])
        })?;
    }
    // Every difference is looked at again.
    let look = LookOptions { examples: usize::MAX, ..database::look(&args.database) };
    let mut ask = |commands: &[u8], wanted: &dyn Fn(u32, &[u8]) -> bool| {
        let members = replay::check(commands, Script::Apply).map_err(Failure::error)?.members;
        let total = members.saturating_add(u64::try_from(manifest.touched.len()).unwrap_or(u64::MAX));
        let found = patience.ask(&mut session, |link| {
            replay_bar::looking(terminal, teller, total, |progress| {
                replay::verify_some(link, commands, &manifest.caps, &look, wanted, progress)
            })
        });
        found.map_err(|error| match error {
            Unanswered::Failed(error) => place::failure(Exit::Error, error),
            Unanswered::Interrupted => Leave::default().into_failure(),
        })
    };
    let first = ask(&apply, &|_, _| true)?;
    let (keys, members) = (counted(first.keys, "key"), counted(first.members, "member"));
    let text = format!("plan {} on {to}: looked at {keys} and {members}\n", manifest.plan_id);
    let fields = json!({ "plan_id": manifest.plan_id, "to": to, "keys": first.keys, "members": first.members });
    teller.tell("looked", fields, &text)?;
    let mut found = first;
    if !found.holds() && args.settle > 0 {
        if !replay::rest(Duration::from_secs(args.settle), &interrupt) {
            return Err(Leave::default().into_failure());
        }
        let differ = found.keys_that_differ();
        let again = ask(&apply, &|db, key| differ.contains(&(db, key.to_vec())))?;
        let in_flight = found.differences().saturating_sub(again.differences());
        if in_flight > 0 {
            let were = if in_flight == 1 { "was gone" } else { "were gone" };
            let they = if in_flight == 1 { "it was" } else { "they were" };
            let text = format!(
                "{} {were} {} later: {they} in flight\n",
                counted(in_flight, "difference"),
                counted(args.settle, "second")
            );
            teller.tell("in_flight", json!({ "differences": in_flight, "seconds": args.settle }), &text)?;
        }
        found = again;
    }
    let left_out = left_out(&mut found, &history.apply, &files, &mut ask)?;
    teller.differences(left_out.iter().map(|(name, tally)| (*name, tally)), manifest)?;
    if !found.holds() {
        teller.differences(found.kinds(), manifest)?;
        let failure = Failure::new(Exit::Failed, "the database is not in the state that the plan leads to");
        let next = story.next().into_iter().next().map(|(line, why)| format!("{why}:\n  {line}"));
        let is_half_way = matches!(story.state(), State::ApplyBegun | State::RollbackBegun);
        return Err(failure.with_any_hint(next.filter(|_| is_half_way)));
    }
    if left_out.iter().any(|(_, tally)| !tally.is_empty()) {
        teller.tell("verified", json!({}), "everything else is as the plan leaves it\n")?;
        return Ok(Exit::Skipped);
    }
    teller.tell("verified", json!({}), "everything is as the plan leaves it\n")?;
    Ok(Exit::Done)
}

/// What the journal beside the bundle says, if there is one that can be read.
fn journal(bundle: &Bundle, terminal: &Terminal) -> History {
    story::read(bundle).unwrap_or_else(|failure| {
        terminal.warn(format!("{}; what apply left out is not known", failure.message));
        History::default()
    })
}

/// Looks at those keys of a file of commands that are wanted.
type Ask<'a> = dyn FnMut(&[u8], &dyn Fn(u32, &[u8]) -> bool) -> Result<Verification, Failure> + 'a;

/// Takes out of the differences what an apply left as it was, and says so in the journal.
fn left_out(
    found: &mut Verification,
    apply: &Course,
    files: &Commands<'_>,
    ask: &mut Ask<'_>,
) -> Result<[(&'static str, Tally); 3], Failure> {
    let failed = replay::refused(files, apply).map_err(Failure::error)?;
    let of_refused = found.excuse(|difference| {
        let part = |member: Option<&Vec<u8>>| (difference.db, difference.key.clone(), member.cloned());
        failed.contains(&part(difference.member.as_ref())) || failed.contains(&part(None))
    });
    let mut of_left = found.excuse(|Difference { db, key, member, .. }| {
        let left = |member: &Vec<u8>| {
            let edit = (*db, key.clone(), member.clone());
            apply.left_members.contains(&edit) && !apply.in_place.contains(&edit)
        };
        apply.left_keys.contains(&(*db, key.clone())) || member.as_ref().is_some_and(left)
    });
    // That such a key is not there, or of another type, follows where nothing else of it differs.
    let key = |difference: &Difference| (difference.db, difference.key.clone());
    let excused: HashSet<_> = of_left.examples.iter().chain(&of_refused.examples).map(key).collect();
    let members = found.missing_members.examples.iter().chain(&found.remaining_members.examples);
    let wrong: HashSet<_> = members.chain(&found.wrong_scores.examples).map(key).collect();
    let of_keys = found.excuse(|difference| {
        let key = key(difference);
        difference.member.is_none()
            && difference.expected != "no key"
            && excused.contains(&key)
            && !wrong.contains(&key)
    });
    of_left.count += of_keys.count;
    of_left.examples.extend(of_keys.examples);
    // A guard takes the members of the dump out of a key, one by one, and leaves what came since.
    let mut late = Tally::default();
    if apply.guarded && !found.undeleted_keys.is_empty() {
        let keys = found.undeleted_keys.examples.iter().map(|difference| (difference.db, difference.key.clone()));
        let keys: HashSet<(u32, Vec<u8>)> = keys.collect();
        let removals = replay::removals(files, &keys).map_err(Failure::error)?;
        let mut still = ask(&removals, &|_, _| true)?.remaining_members;
        still.examples.retain(|Difference { db, key, member, .. }| {
            let edit = (*db, key.clone(), member.clone().unwrap_or_default());
            !apply.left_members.contains(&edit) || apply.in_place.contains(&edit)
        });
        let wrong: HashSet<_> =
            still.examples.iter().map(|difference| (difference.db, difference.key.clone())).collect();
        let emptied = replay::removed_keys(&removals).map_err(Failure::error)?;
        late = found.excuse(|difference| {
            let key = (difference.db, difference.key.clone());
            difference.found != "no key"
                && difference.expected == "no key"
                && emptied.contains(&key)
                && !wrong.contains(&key)
        });
    }
    Ok([
        ("edits left out by apply", of_left),
        ("edits of commands that apply gave up, because of their key", of_refused),
        ("keys with members that came after the dump, or that apply left out", late),
    ])
}

/// A dump proves it without the network: planned again with the spec of the plan, nothing may be left to do.
fn against_dump(bundle: &Bundle, path: &Path, args: &args::Verify, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let spec = bundle.manifest.read_spec().map_err(|errors| Failure::report(errors.render(terminal.colour)))?;
    let expiry = args::ExpiryMode::or_as_planned(args.expiry, &bundle.manifest);
    let dump_args = args::Dump {
        dump: path.to_owned(),
        more: Vec::new(),
        spec: None,
        no_mmap: false,
        ignore_checksum: false,
        expiry,
    };
    let observer = dump::observer();
    let snapshot = dump::open(&dump_args, &observer)?;
    let left = dump::compare(&dump_args, &snapshot, &spec, &observer, terminal)?;
    if left.facts.footer.crc.is_some_and(|crc| crc != 0 && crc != left.facts.crc64) {
        return Err(Failure::error(format!("{}: its checksum is wrong; take the dump again", text::path(path))));
    }
    let counts = [
        ("keys to delete", left.deletions.len() as u64),
        ("members to add", left.sets.iter(&left.interned).count() as u64),
        ("members to add or score anew", left.zsets.iter(&left.interned).count() as u64),
        ("members to remove", left.stale.len() as u64),
    ];
    let keys = left.stock.total.keys;
    let head = format!("plan {} on {}: {}\n", bundle.manifest.plan_id, text::path(path), counted(keys, "key"));
    teller.tell("looked", json!({ "plan_id": bundle.manifest.plan_id, "keys": keys }), &head)?;
    // Nothing is ever removed from such an index, so that it has nothing left to do proves nothing.
    for (index, summary) in bundle.manifest.indexes.iter().zip(&left.summaries) {
        if summary.frozen.is_some() && index.counts.removed_members + index.counts.deleted_keys > 0 {
            let message = format!("{}: no record of the index {} can be judged in it", text::path(path), index.name);
            return Err(Failure::new(Exit::Failed, message).with_hint("is it a whole dump of the same database?"));
        }
    }
    if counts.iter().all(|(_, count)| *count == 0) {
        teller.tell("verified", json!({}), "its indexes are right: a new plan would be empty\n")?;
        return Ok(Exit::Done);
    }
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let text = format!("{}\n", database::kind(*count, name));
        teller.tell("difference", json!({ "kind": name, "count": count }), &text)?;
    }
    Err(Failure::new(Exit::Failed, "the dump is not in the state that the plan leads to"))
}

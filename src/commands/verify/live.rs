//! `rdb-reindex verify` of a live database.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::json;

use crate::bundle::Bundle;
use crate::bundle::manifest::{APPLY, ROLLBACK};
use crate::commands::bundle;
use crate::commands::replay::args;
use crate::commands::replay::database::{self, Patience, Unanswered};
use crate::commands::replay::events::Teller;
use crate::commands::replay::story::{self, Story};
use crate::commands::replay::{bar, place};
use crate::commands::verify::VerifyArgs;
use crate::replay::journal::{Course, History, Way};
use crate::replay::{
    self, Commands, Difference, Files, Link, LookOptions, PlaceKind, Proof, Proven, QueryError, Session, Tally,
    Verification,
};
use crate::report::plan::State;
use crate::text::counted;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::interrupt::{self, Leave};
use crate::ui::terminal::Terminal;
use crate::ui::typed;

/// Looks whether the state is there that the plan leads to; after a rollback, the one of the dump.
pub fn against_database(bundle: &Bundle, args: &VerifyArgs, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let (apply, rollback) = (bundle::commands(bundle, APPLY)?, bundle::commands(bundle, ROLLBACK)?);
    let manifest = &bundle.manifest;
    let commands = Commands::new(Files { manifest, apply: &apply, rollback: &rollback });
    let history = journal(bundle, terminal);
    let story = Story::new(&manifest.plan_id, &args.dir, &history);
    let interrupt = interrupt::flag();
    let mut connector = database::Connector::new(&args.database, manifest, Some(&interrupt), terminal)?;
    let (to, is_cluster) = (connector.to_string(), connector.is_cluster());
    let total = manifest.touched.len();
    teller.start("verify", &manifest.plan_id, &to, u64::try_from(total).unwrap_or(u64::MAX))?;
    terminal.say(story.sentence());
    let proven = match story.state() {
        State::RollbackBegun | State::RolledBack => Proven::Old,
        State::New | State::ApplyBegun | State::Applied => Proven::Target,
    };
    let proof = Proof::new(&commands, proven).map_err(Failure::error)?;
    terminal.say(format!(
        "checking whether {} is there: {} in at most {}",
        state(proven),
        counted(proof.keys(), "key"),
        counted(proof.commands(), "command")
    ));
    let mut dial = || connector.dial();
    let mut look = Look {
        session: Session::new(&mut dial),
        retry_for: Duration::from_secs(args.database.retry_for),
        interrupt: &interrupt,
        terminal,
        teller,
        // Every difference is looked at again.
        options: LookOptions { examples: usize::MAX, ..database::look(&args.database) },
        proof: &proof,
    };
    let mut place = look.ask(|link, _| Ok(replay::place(link)?))?;
    if is_cluster && matches!(place.kind, PlaceKind::Cluster { .. }) {
        place.kind = PlaceKind::Single;
    }
    // A replica may be asked.
    if !matches!(place.kind, PlaceKind::Replica { .. }) {
        place::refuse(&place.kind, (&args.dir, manifest.by_slot), &to, |to| {
            typed::command("verify", &args.dir, Some(to), &[&args::connection(&args.database)], &[])
        })?;
    }
    let first = look.at(&|_, _| true)?;
    let (keys, members) = (counted(first.keys, "key"), counted(first.members, "member"));
    let text = format!("plan {} on {to}: looked at {keys} and {members}\n", manifest.plan_id);
    let fields = json!({ "plan_id": manifest.plan_id, "to": to, "keys": first.keys, "members": first.members,
        "state": if proven == Proven::Old { "old" } else { "target" } });
    teller.tell("looked", fields, &text)?;
    let mut found = first;
    if !found.holds() && args.settle > 0 {
        if !replay::rest(Duration::from_secs(args.settle), &interrupt) {
            return Err(Leave::default().into_failure());
        }
        let differ = found.keys_that_differ();
        let again = look.at(&|db, key| differ.contains(&(db, key.to_vec())))?;
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
    let mut left_out = match proven {
        Proven::Target => left_out(&mut found, &history.apply, &commands, &mut look)?,
        Proven::Old => not_undone(&mut found, &history, &commands)?,
    };
    left_out.push(("values that cannot be compared", std::mem::take(&mut found.not_compared)));
    teller.differences(left_out.iter().map(|(name, tally)| (*name, tally)), manifest)?;
    if !found.holds() {
        teller.differences(found.kinds(), manifest)?;
        let failure = Failure::new(
            Exit::Failed,
            match proven {
                Proven::Target => "the database is not in the state that the plan leads to",
                Proven::Old => "the database is not in the state of the dump, where the rollback leads",
            },
        );
        let next = story.next().first().map(typed::with_why);
        let is_half_way = matches!(story.state(), State::ApplyBegun | State::RollbackBegun);
        return Err(failure.with_any_hint(next.filter(|_| is_half_way)));
    }
    let is = match proven {
        Proven::Target => "is as the plan leaves it",
        Proven::Old => "is as it was in the dump",
    };
    if left_out.iter().any(|(_, tally)| !tally.is_empty()) {
        teller.tell("verified", json!({}), &format!("everything else {is}\n"))?;
        return Ok(Exit::Skipped);
    }
    teller.tell("verified", json!({}), &format!("everything {is}\n"))?;
    Ok(Exit::Done)
}

fn state(proven: Proven) -> &'static str {
    match proven {
        Proven::Target => "the state that the plan leads to",
        Proven::Old => "the state of the dump",
    }
}

/// What the journal beside the bundle says, if there is one that can be read.
fn journal(bundle: &Bundle, terminal: &Terminal) -> History {
    story::read(bundle).unwrap_or_else(|failure| {
        terminal.warn(format!("{}; what apply left out is not known", failure.message));
        History::default()
    })
}

/// Looks at the database, again where a connection was lost.
struct Look<'l, 'd> {
    session: Session<'d>,
    retry_for: Duration,
    interrupt: &'l Arc<AtomicBool>,
    terminal: &'l Terminal,
    teller: Teller<'l>,
    options: LookOptions,
    proof: &'l Proof<'l>,
}

impl Look<'_, '_> {
    fn ask<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Link, &LookOptions) -> Result<T, QueryError>,
    ) -> Result<T, Failure> {
        let (terminal, retry_for, interrupt) = (self.terminal, self.retry_for, self.interrupt);
        let patience = Patience { terminal, retry_for, interrupt, begun: false };
        let options = self.options;
        patience.ask(&mut self.session, |link| ask(link, &options)).map_err(|error| match error {
            Unanswered::Failed(error) => place::failure(Exit::Error, error),
            Unanswered::Interrupted => Leave::default().into_failure(),
        })
    }

    /// At those keys that are wanted.
    fn at(&mut self, wanted: &dyn Fn(u32, &[u8]) -> bool) -> Result<Verification, Failure> {
        let (terminal, teller, proof) = (self.terminal, self.teller, self.proof);
        self.ask(|link, options| {
            bar::looking(terminal, teller, proof.keys(), |progress| proof.look(link, options, wanted, progress))
        })
    }
}

type Part = (u32, Vec<u8>);

fn key(difference: &Difference) -> Part {
    (difference.db, difference.key.clone())
}

/// Edits that a run left out and that were not in place.
fn is_left(course: &Course, difference: &Difference, also_in_place: bool) -> bool {
    let Difference { db, key, member, .. } = difference;
    let left = |member: &Vec<u8>| {
        let edit = (*db, key.clone(), member.clone());
        course.left_members.contains(&edit) && (also_in_place || !course.in_place.contains(&edit))
    };
    course.left_keys.contains(&(*db, key.clone())) || member.as_ref().is_some_and(left)
}

/// Takes out differences of edits whose command a run gave up because of their key.
fn of_refused(found: &mut Verification, commands: &Commands<'_>, way: Way, course: &Course) -> Result<Tally, Failure> {
    let failed = replay::refused(commands, way, course).map_err(Failure::error)?;
    Ok(found.excuse(|difference| {
        let part = |member: Option<&Vec<u8>>| (difference.db, difference.key.clone(), member.cloned());
        failed.contains(&part(difference.member.as_ref())) || failed.contains(&part(None))
    }))
}

/// Takes out what else differs in keys that a run left alone because they differed.
fn left_alone(found: &mut Verification, course: &Course) -> Tally {
    let mut alone = Tally::default();
    found.other_members.excuse(&mut |difference| course.left_keys.contains(&key(difference)), &mut alone);
    alone
}

/// Takes out what follows from other differences that were taken out: that such a key is not there, or of another type,
/// where nothing else of it differs.
fn with_their_keys(found: &mut Verification, excused: &mut Tally, others: &[&Tally]) {
    let all = others.iter().flat_map(|tally| &tally.examples).chain(&excused.examples);
    let all: HashSet<Part> = all.map(key).collect();
    let members = found.missing_members.examples.iter().chain(&found.remaining_members.examples);
    let values = found.wrong_scores.examples.iter().chain(&found.wrong_fields.examples);
    let wrong: HashSet<Part> = members.chain(values).map(key).collect();
    let mut is_of_key = |difference: &Difference| all.contains(&key(difference)) && !wrong.contains(&key(difference));
    found.missing_keys.excuse(&mut is_of_key, excused);
    found.wrong_type.excuse(&mut is_of_key, excused);
}

/// Takes out of the differences what an apply left as it was, and says so in the journal.
fn left_out(
    found: &mut Verification,
    apply: &Course,
    commands: &Commands<'_>,
    look: &mut Look<'_, '_>,
) -> Result<Vec<(&'static str, Tally)>, Failure> {
    let refused = of_refused(found, commands, Way::Apply, apply)?;
    let alone = left_alone(found, apply);
    let mut left = found.excuse(|difference| is_left(apply, difference, false));
    with_their_keys(found, &mut left, &[&refused]);
    // A list is looked at as a whole; elements that were kept are in it.
    let kept: HashSet<(u32, &[u8])> =
        apply.left_members.difference(&apply.in_place).map(|(db, key, _)| (*db, &key[..])).collect();
    let values = found.other_values.examples.iter().map(|other| (other.db, other.key.clone()));
    let lists: HashSet<(u32, Vec<u8>)> = values.filter(|(db, key)| kept.contains(&(*db, key))).collect();
    if !lists.is_empty() {
        let same = look.ask(|link, options| replay::lists_as_left(link, commands, apply, &lists, options))?;
        let mut is_same = |other: &Difference| same.contains(&(other.db, other.key.clone()));
        found.other_values.excuse(&mut is_same, &mut left);
    }
    // A guard takes the members of the dump out of a key, one by one, and leaves what came since.
    let mut late = Tally::default();
    if apply.guarded && !found.unexpected_keys.is_empty() {
        let keys: HashSet<Part> = found.unexpected_keys.examples.iter().map(key).collect();
        let replay::Kept { looked_at: emptied, mut there } =
            look.ask(|link, options| replay::kept_members(link, commands, &keys, options))?;
        there.retain(|(db, key, member)| {
            let edit = (*db, key.clone(), member.clone().unwrap_or_default());
            !apply.left_members.contains(&edit) || apply.in_place.contains(&edit)
        });
        let wrong: HashSet<Part> = there.into_iter().map(|(db, key, _)| (db, key)).collect();
        let mut is_late =
            |difference: &Difference| emptied.contains(&key(difference)) && !wrong.contains(&key(difference));
        found.unexpected_keys.excuse(&mut is_late, &mut late);
    }
    Ok(vec![
        ("edits left out by apply", left),
        ("keys that apply left alone, with other members than in the dump", alone),
        ("edits of commands that apply gave up, because of their key", refused),
        ("keys with members that came after the dump, or that apply left out", late),
    ])
}

/// Takes out of the differences what a rollback had no reason to undo, or left as it was.
fn not_undone(
    found: &mut Verification,
    history: &History,
    commands: &Commands<'_>,
) -> Result<Vec<(&'static str, Tally)>, Failure> {
    let (there, back) = (&history.apply, &history.rollback);
    let refused = of_refused(found, commands, Way::Rollback, back)?;
    let mut left = found.excuse(|difference| is_left(back, difference, false));
    with_their_keys(found, &mut left, &[&refused]);
    // Of a key that the apply made, somebody's field is left.
    let fields = back.left_members.difference(&back.in_place);
    let keys: HashSet<Part> = fields.map(|(db, key, _)| (*db, key.clone())).collect();
    found.unexpected_keys.excuse(&mut |difference| keys.contains(&key(difference)), &mut left);
    // What the apply did not do was not undone either; who made those edits before it made them for good.
    let alone = left_alone(found, there);
    let mut never = found.excuse(|difference| is_left(there, difference, true));
    with_their_keys(found, &mut never, &[]);
    // A guard leaves what came since beside what it puts back.
    let mut late = Tally::default();
    if there.guarded || back.guarded {
        let deleting = commands.apply().map_err(Failure::error)?.iter().filter(|item| item.verb.deletes_keys());
        let deleted: HashSet<Part> =
            deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, key.to_vec()))).collect();
        found.remaining_members.excuse(&mut |difference| deleted.contains(&key(difference)), &mut late);
    }
    Ok(vec![
        ("edits that the rollback left out", left),
        ("edits of commands that the rollback gave up, because of their key", refused),
        ("edits that the apply did not make, so that they were not undone", never),
        ("keys that the apply left alone, with other members than in the dump", alone),
        ("members that came after the dump", late),
    ])
}

//! Before anything is sent: who answers there, whether it is the database of the dump, and how it differs.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Job;
use super::args;
use super::bar;
use super::database::{self, Patience, Unanswered};
use super::judge::SpecJudge;
use super::place;
use crate::bundle::manifest::Touched;
use crate::replay::journal::{History, Way};
use crate::replay::{self, Judge, OnDrift, Outlook, Place, PlaceKind, Recognised, Session, Work};
use crate::text::{counted, number, rfc3339};
use crate::ui::exit::{Exit, Failure};

/// Who answered.
pub struct Met {
    pub place: Place,
    pub recognised: Recognised,
    /// How long one answer took.
    pub round_trip: Duration,
}

impl Job<'_> {
    fn patience(&self) -> Patience<'_> {
        Patience {
            terminal: self.terminal,
            retry_for: Duration::from_secs(self.args.database.retry_for),
            interrupt: self.interrupt,
            begun: self.begun,
        }
    }

    fn unanswered(&self, why: Unanswered) -> Failure {
        match why {
            Unanswered::Failed(error) => place::failure(self.failed(), error),
            Unanswered::Interrupted => self.interrupted().into_failure(),
        }
    }

    /// Asks what is there, and refuses what a plan cannot be replayed to.
    pub fn meet(&self, session: &mut Session<'_>) -> Result<Met, Failure> {
        let options = database::look(&self.args.database);
        let witnesses = &self.bundle.manifest.witnesses;
        let first = self.way == Way::Apply && !self.args.resume;
        let asked = self.patience().ask(session, |link| {
            let began = Instant::now();
            let mut place = replay::place(link)?;
            if self.is_cluster && matches!(place.kind, PlaceKind::Cluster { .. }) {
                place.kind = PlaceKind::Single;
            }
            let round_trip = began.elapsed();
            let is_single = place.kind == PlaceKind::Single;
            let recognised = match first && is_single {
                true => replay::recognise(link, witnesses, &options)?,
                false => Recognised::NotKnown,
            };
            Ok(Met { place, recognised, round_trip })
        });
        let mut met = asked.map_err(|why| self.unanswered(why))?;
        if met.recognised == Recognised::Cluster {
            met.place.kind = PlaceKind::Cluster { shards: None };
        }
        place::refuse(&met.place.kind, (&self.args.dir, self.bundle.manifest.by_slot), &self.target, |to| {
            self.command(to)
        })?;
        Ok(met)
    }

    /// This command, to another address.
    fn command(&self, to: &str) -> String {
        let with = &self.with;
        let mut last = Vec::new();
        last.extend(self.args.dry_run.then_some("--dry-run"));
        last.extend(self.args.resume.then_some("--resume"));
        crate::ui::typed::command(
            self.name(),
            &self.args.dir,
            Some(to),
            &[&with.connection, &with.replay, &with.drift],
            &last,
        )
    }

    /// Looks, and tries again for as long as the connection or the server may come back.
    pub fn look(
        &self,
        history: &History,
        met: &Met,
        session: &mut Session<'_>,
        judge: Option<&SpecJudge>,
    ) -> Result<(Outlook<'_>, Work<'_>), Failure> {
        let options = database::look(&self.args.database);
        let looked = self.patience().ask(session, |link| {
            let judge = judge.map(|judge| judge as &dyn Judge);
            let mut work = Work::new(self.way, self.commands, history, self.level(), judge)?;
            let total = work.to_look_at();
            let outlook = bar::looking(self.terminal, self.teller, total, |progress| {
                work.look(link, &options, self.on_drift(), progress)
            })?;
            Ok((outlook, work))
        });
        let (outlook, work) = looked.map_err(|why| self.unanswered(why))?;
        // A KeyDB that is an active replica takes writes, and calls itself otherwise.
        if matches!(outlook.preflight.role.as_deref(), Some("slave" | "replica" | "sentinel")) {
            let kind = PlaceKind::Replica { primary: None };
            place::refuse(&kind, (&self.args.dir, self.bundle.manifest.by_slot), &self.target, |to| self.command(to))?;
        }
        self.refuse_another_database(met, &outlook)?;
        Ok((outlook, work))
    }

    /// Before the first write of an apply: fewer than one in ten of what the dump had is there.
    fn refuse_another_database(&self, met: &Met, outlook: &Outlook<'_>) -> Result<(), Failure> {
        if self.way == Way::Rollback || self.args.resume {
            return Ok(());
        }
        let now = rfc3339::now_ms();
        let should_be = |key: &&Touched| key.kind != "none" && key.expire_at_ms.is_none_or(|at| at > now);
        let touched = self.bundle.manifest.touched.iter().filter(should_be).count();
        let touched = u64::try_from(touched).unwrap_or(u64::MAX);
        // What has expired since need not be there, and is not counted as missing.
        let expired = self.bundle.manifest.touched.iter().filter(|key| !should_be(key));
        let expired: HashSet<(u64, &[u8])> = expired.map(|key| (key.db, &key.key.0[..])).collect();
        let missing = outlook.preflight.drift.missing_keys.examples.iter();
        let missing = missing.filter(|key| !expired.contains(&(u64::from(key.db), &key.key[..]))).count();
        let touched_there = touched.saturating_sub(u64::try_from(missing).unwrap_or(u64::MAX));
        let (records_there, records) = match met.recognised {
            Recognised::Seen { there, of } => (there, of),
            Recognised::NotKnown | Recognised::Cluster => (0, 0),
        };
        // Records are what a database is known by: where they are, its indexes may be gone as a whole.
        let few = |there: u64, of: u64| there.saturating_mul(10) < of;
        let is_another = (records == 0 || few(records_there, records))
            && few(touched_there.saturating_add(records_there), touched.saturating_add(records));
        if !is_another {
            return Ok(());
        }
        let mut found = Vec::new();
        if touched > 0 {
            found.push(format!(
                "{} of the {} that it should have",
                number(touched_there),
                counted(touched, "index key")
            ));
        }
        if records > 0 {
            found.push(format!("{} of {} of the dump", number(records_there), counted(records, "record")));
        }
        let message = format!(
            "{} does not look like the database of the dump: it has {}; nothing was written",
            self.target,
            found.join(" and ")
        );
        let fields = json!({ "touched": touched, "touched_there": touched_there, "records": records,
            "records_there": records_there });
        self.teller.tell("other_database", fields, "")?;
        if self.args.accept.contains(&args::ReplayBrake::OtherDatabase) {
            self.terminal.warn(message.replace("; nothing was written", "; that was accepted"));
            return Ok(());
        }
        Err(Failure::new(Exit::Refused, message)
            .with_hint("is the address right? If this is the database all the same, --accept other-database goes on"))
    }

    /// Says how the database differs, and refuses to go on if it must not.
    pub fn judge(&self, outlook: &Outlook<'_>) -> Result<(), Failure> {
        let lists = [("lists with other elements than the apply left; left alone", &outlook.lists)];
        if outlook.is_calm() {
            self.teller.differences(lists, &self.bundle.manifest)?;
            let keys = outlook.preflight.looked_at;
            let text = match keys {
                0 => "no touched key had to be looked at\n".to_owned(),
                1 => "1 touched key is as the plan expects it\n".to_owned(),
                _ => format!("{} are as the plan expects them\n", counted(keys, "touched key")),
            };
            return self.teller.tell("no_drift", json!({ "keys": keys }), &text);
        }
        let kinds = outlook.preflight.drift.kinds().into_iter().chain([
            ("edits already in place", &outlook.in_place),
            ("fields with another value", &outlook.changed),
            ("edits that were made and are not there", &outlook.lost.edits),
        ]);
        self.teller.differences(kinds.chain(lists), &self.bundle.manifest)?;
        if self.on_drift() != OnDrift::Stop {
            return Ok(());
        }
        let lost = outlook.lost.edits.count;
        if lost > 0 {
            let of = counted(outlook.lost.of, "edit");
            let message = format!("{} of {of} that were made are not there; nothing more was written", number(lost));
            return Err(Failure::new(Exit::Refused, message).with_hint(
                "is it the database that the plan was begun on? If it is, it lost them, or somebody undid them: plan again \
                 from a new dump; or --on-drift proceed goes on without them",
            ));
        }
        let message = "the database is not as the plan expects it; nothing was written";
        Err(Failure::new(Exit::Refused, message).with_hint(
            "plan again from a new dump; or --on-drift skip leaves those keys alone, and proceed edits them",
        ))
    }
}

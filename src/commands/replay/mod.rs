//! `rdb-reindex apply` and `rdb-reindex rollback`: one way there, the other way back.

pub mod account;
pub mod args;
pub mod asked;
pub mod bar;
pub mod consent;
pub mod database;
pub mod differences;
pub mod end;
pub mod events;
pub mod judge;
pub mod look;
pub mod place;
pub mod pruned;
pub mod story;
pub mod words;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::bundle;
use crate::bundle::Bundle;
use crate::bundle::manifest::{APPLY, Counts, JOURNAL, MANIFEST, ROLLBACK};
use crate::bundle::resp::BatchLimits;
use crate::bundle::sha256;
use crate::progress::leftovers::Leftover;
use crate::replay::journal::{History, Journal, JournalError, Record, Way, With, now};
use crate::replay::{
    self, Commands, Ending, Files, Guard, Judge, Level, OnDrift, QueryError, Session, Terms, Verb, Work,
};
use crate::text::{self, Printable, counted};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::interrupt::{self, Leave};
use crate::ui::terminal::Terminal;
use crate::ui::typed;
use database::Connector;
use end::Ended;
use events::Teller;
use judge::SpecJudge;
use story::{Refusal, Story};

/// A file of this name in the plan's folder holds a replay up.
const PAUSE: &str = "pause";

pub fn run(args: &args::ReplayArgs, way: Way, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let outcome = replay(args, way, terminal, teller);
    teller.end(&outcome)?;
    outcome
}

fn replay(args: &args::ReplayArgs, way: Way, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let interrupt = interrupt::flag();
    let bundle = bundle::open_watched(&args.dir, &super::open::observer())?;
    let plan_id = &bundle.manifest.plan_id;
    let (there, back) = story::commands(&bundle);
    if if way == Way::Apply { there } else { back } == 0 {
        let text = format!("plan {plan_id} is empty: there is nothing to do\n");
        teller.tell("empty", json!({ "plan_id": plan_id }), &text)?;
        return Ok(Exit::Done);
    }
    // What the journal says needs neither a decision nor a password.
    let history = story::read(&bundle)?;
    if let Some(refusal) = Story::new(plan_id, &args.dir, &history).refusal(way, args.resume) {
        return refused(refusal, plan_id, teller);
    }
    // What was confirmed before a crash needs no new decision.
    if !(args.resume && history.confirmed) {
        consent::given(args, plan_id)?;
    }
    let (apply, rollback) = (bundle::commands(&bundle, APPLY)?, bundle::commands(&bundle, ROLLBACK)?);
    let files = Files { manifest: &bundle.manifest, apply: &apply, rollback: &rollback };
    let connector = Connector::new(&args.database, &bundle.manifest, Some(&interrupt), terminal)?;
    let (target, with) = (connector.to_string(), args::with(args));
    let commands = Commands::new(files);
    let mut job = Job {
        args,
        way,
        bundle: &bundle,
        commands: &commands,
        interrupt: &interrupt,
        terminal,
        teller,
        target,
        with,
        is_cluster: connector.is_cluster(),
        begun: false,
    };
    if job.is_cluster {
        place::refuse_several_slots(&commands, &args.dir)?;
    }
    if args.dry_run {
        return job.dry_run(connector, &history);
    }
    let judge = job.spec_judge()?;
    let (journal, history) = job.open_journal(judge.as_ref())?;
    // Somebody may have been faster.
    if let Some(refusal) = Story::new(plan_id, &args.dir, &history).refusal(way, args.resume) {
        return refused(refusal, plan_id, teller);
    }
    job.begun = history.course(way).started.is_some();
    // A journal in which nothing was begun is not left behind.
    let fresh = [&history.apply, &history.rollback].iter().all(|course| course.started.is_none());
    let leftover = fresh.then(|| Leftover::new(&job.journal_path()));
    job.replay(connector, judge, journal, leftover, &history)
}

fn refused(refusal: Refusal, plan_id: &str, teller: Teller<'_>) -> Outcome {
    match refusal {
        Refusal::Refused(failure) => Err(failure),
        Refusal::Finished(text) => {
            teller.tell("finished", json!({ "plan_id": plan_id, "message": text }), &format!("{text}\n"))?;
            Ok(Exit::Done)
        }
    }
}

pub struct Job<'j> {
    pub args: &'j args::ReplayArgs,
    pub way: Way,
    pub bundle: &'j Bundle,
    pub commands: &'j Commands<'j>,
    pub interrupt: &'j Arc<AtomicBool>,
    pub terminal: &'j Terminal,
    pub teller: Teller<'j>,
    /// Where to, as a URL without a password.
    pub target: String,
    /// The options of this run, for the commands that it prints.
    pub with: With,
    pub is_cluster: bool,
    /// An earlier run in this direction was begun.
    pub begun: bool,
}

impl Job<'_> {
    pub fn name(&self) -> &'static str {
        self.way.name()
    }

    pub fn plan_id(&self) -> &str {
        &self.bundle.manifest.plan_id
    }

    /// The command that goes on.
    pub fn resume(&self) -> String {
        format!("to go on:\n  {}", typed::resume(self.way, &self.args.dir, &self.target, &self.with))
    }

    /// What Ctrl-C ends with before this run writes anything: what earlier runs wrote is there.
    pub fn interrupted(&self) -> Leave {
        match self.begun {
            false => Leave::default(),
            true => Leave {
                exit: Exit::Interrupted,
                message: "interrupted; nothing more was written".into(),
                hint: Some(self.resume()),
            },
        }
    }

    /// The status of what fails before this run writes anything.
    pub fn failed(&self) -> Exit {
        if self.begun { Exit::Interrupted } else { Exit::Error }
    }

    pub fn stop_if_interrupted(&self) -> Result<(), Failure> {
        match self.interrupt.load(Ordering::SeqCst) {
            true => Err(self.interrupted().into_failure()),
            false => Ok(()),
        }
    }

    pub fn is_guarded(&self) -> bool {
        self.level() == Level::Records
    }

    pub fn level(&self) -> Level {
        match self.args.guard {
            args::GuardLevel::Auto => Level::Auto,
            args::GuardLevel::Replies => Level::Replies,
            args::GuardLevel::Records => Level::Records,
        }
    }

    pub fn on_drift(&self) -> OnDrift {
        match self.args.on_drift {
            args::DriftMode::Stop => OnDrift::Stop,
            args::DriftMode::Skip => OnDrift::Skip,
            args::DriftMode::Proceed => OnDrift::Proceed,
        }
    }

    pub fn limits(&self) -> BatchLimits {
        let limits = database::limits(&self.args.database);
        let most = self.args.max_in_flight.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        BatchLimits { commands: limits.commands.min(most), ..limits }
    }

    fn journal_path(&self) -> std::path::PathBuf {
        self.bundle.path.join(JOURNAL)
    }

    fn plan_sha256(&self) -> Result<String, Failure> {
        let path = self.bundle.path.join(MANIFEST);
        let text = std::fs::read(&path).map_err(|error| Failure::error(format!("{}: {error}", text::path(path))))?;
        Ok(sha256(&text))
    }

    fn start(&self, history: &History) -> Result<(), Failure> {
        interrupt::leaves(self.interrupted());
        let (there, back) = story::commands(self.bundle);
        let total = if self.way == Way::Apply { there } else { back };
        let (done, _) = history.course(self.way).counts();
        self.teller.start(self.name(), self.plan_id(), &self.target, total.saturating_sub(done))
    }

    /// Looks, says what it would do, and writes nothing: neither to the database nor beside the bundle.
    fn dry_run(&mut self, mut connector: Connector<'_>, history: &History) -> Outcome {
        self.begun = history.course(self.way).started.is_some();
        self.start(history)?;
        let judge = self.spec_judge()?;
        self.refuse_what_is_not_text(&connector, history, judge.as_ref())?;
        let asked = connector.commands();
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        words::of_what_is_not_known(self.terminal, self.way, self.is_guarded(), history, &self.journal_path());
        let met = self.meet(&mut session)?;
        let (outlook, work) = self.look(history, &met, &mut session, judge.as_ref())?;
        self.judge(&outlook)?;
        if self.way == Way::Rollback && history.apply.started.is_none() {
            words::of_what_is_overwritten(self.terminal, &work);
        }
        let count = u64::try_from(work.items.len()).unwrap_or(u64::MAX);
        self.terminal.say(self.sum_up(&met, &outlook, &work, asked.load(Ordering::Relaxed)));
        let text = format!("{} would send {}; nothing was written\n", self.name(), counted(count, "command"));
        let fields = json!({ "way": self.name(), "commands": work.items.len() });
        self.teller.tell("would_send", fields, &text)?;
        Ok(Exit::Done)
    }

    fn open_journal(&self, judge: Option<&SpecJudge>) -> Result<(Journal, History), Failure> {
        let plan = (self.plan_id(), &*self.plan_sha256()?);
        // Whether something may stay of keys that the plan deletes.
        let may_leave = self.is_guarded() || judge.is_some_and(Judge::prunes_any);
        let run = (self.args.confirm.is_some(), may_leave);
        Journal::open(&self.journal_path(), plan, story::commands(self.bundle), run).map_err(|error| {
            let exit = if matches!(error, JournalError::Io { .. }) { Exit::Error } else { Exit::Refused };
            Failure::new(exit, error)
        })
    }

    /// Before anything is sent: half a plan would be worse than none.
    fn refuse_what_is_not_text(
        &self,
        connector: &Connector<'_>,
        history: &History,
        judge: Option<&SpecJudge>,
    ) -> Result<(), Failure> {
        if !connector.is_rest() {
            return Ok(());
        }
        let judge = judge.map(|judge| judge as &dyn Judge);
        let work = Work::new(self.way, self.commands, history, self.level(), judge).map_err(Failure::error)?;
        let Some(item) = work.first_not_text() else { return Ok(()) };
        let (number, key) = (item.number, Printable(item.key()));
        let message = format!("command {number} ({key}) is not UTF-8, and REST carries text only; nothing was sent");
        Err(Failure::new(Exit::Refused, message).with_hint("use the TCP endpoint of the database, rediss://"))
    }

    /// What a guard judges by.
    fn spec_judge(&self) -> Result<Option<SpecJudge>, Failure> {
        let manifest = &self.bundle.manifest;
        // Every plan that this program makes has its spec.
        if self.level() == Level::Replies || !self.is_guarded() && manifest.spec.text.is_empty() {
            return Ok(None);
        }
        let spec = manifest.read_spec().map_err(|errors| Failure::report(errors.render(self.terminal.colour)))?;
        if !self.is_guarded() {
            return Ok(Some(SpecJudge::of_prune_rules(spec, &manifest.touched)));
        }
        let edits = |counts: &Counts| counts.added_members + counts.removed_members + counts.deleted_keys > 0;
        let edited = |name: &str| !manifest.indexes.iter().any(|index| index.name == name && !edits(&index.counts));
        // Where no record can be looked at, a rollback still leaves alone what is not as the apply left it.
        let judge = SpecJudge::new(spec, |name| self.way == Way::Apply && edited(name), &manifest.touched).map_err(|message| {
            Failure::new(Exit::Refused, format!("{message}; nothing was sent")).with_hint(
                "use --guard replies, with a plan from a fresh dump: it stops after the first batch in which a reply differs",
            )
        });
        judge.map(Some)
    }

    /// A guard that cannot work is better known before anything is begun.
    fn ask_for_scripts(&self, guard: Option<&mut Guard<'_>>, session: &mut Session<'_>) -> Result<(), Failure> {
        let Some(guard) = guard else { return Ok(()) };
        match session.link().map_err(QueryError::Link).and_then(|link| guard.ask_for_scripts(link)) {
            Ok(()) => Ok(()),
            // It is asked again with the first batch.
            Err(QueryError::Link(_)) => {
                session.broken();
                Ok(())
            }
            Err(error) if error.is_transient(true) => Ok(()),
            Err(error) => {
                let message = format!("a guard needs scripts, and {error}; nothing was sent");
                let exit = if self.begun { Exit::Interrupted } else { Exit::Refused };
                Err(Failure::new(exit, message).with_hint("use a user who may run EVAL, or --guard replies"))
            }
        }
    }

    fn replay(
        &self,
        mut connector: Connector<'_>,
        mut judge: Option<SpecJudge>,
        mut journal: Journal,
        leftover: Option<Leftover>,
        history: &History,
    ) -> Outcome {
        self.start(history)?;
        self.refuse_what_is_not_text(&connector, history, judge.as_ref())?;
        let asked = connector.commands();
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        self.stop_if_interrupted()?;
        if self.args.resume {
            words::of_what_was_found(
                self.terminal,
                history,
                self.way,
                &Story::new(self.plan_id(), &self.args.dir, history),
            );
        }
        words::of_what_is_not_known(self.terminal, self.way, self.is_guarded(), history, &self.journal_path());
        words::of_another_target(self.terminal, history, self.way, &self.target);
        let met = self.meet(&mut session)?;
        let (outlook, work) = self.look(history, &met, &mut session, judge.as_ref())?;
        self.stop_if_interrupted()?;
        self.judge(&outlook)?;
        if self.way == Way::Rollback && history.apply.started.is_none() {
            words::of_what_is_overwritten(self.terminal, &work);
        }
        let guard = judge.as_mut().map(|judge| Guard::new(judge, self.level(), self.way, &work.known));
        let others = match self.way {
            Way::Apply => self.commands.rollback(),
            Way::Rollback => self.commands.apply(),
        };
        let guard = match self.is_cluster {
            true => guard
                .zip(Some(others.map_err(Failure::error)?))
                .map(|(guard, others)| guard.across(others, outlook.done.clone())),
            false => guard,
        };
        let mut guard = guard.filter(|guard| work.items.iter().any(|item| guard.takes(item)));
        self.ask_for_scripts(guard.as_mut(), &mut session)?;
        if outlook.found_done > 0 {
            let done = counted(outlook.found_done, "command");
            self.terminal.say(format!("{done} without an answer had been carried out"));
        }
        let summary = self.sum_up(&met, &outlook, &work, asked.load(Ordering::Relaxed));
        if self.args.confirm.is_some() || self.args.resume && history.confirmed {
            self.terminal.say(summary);
        } else {
            consent::ask(&summary, self.plan_id(), self.interrupt, self.terminal)?;
            // A service closes what is idle for long, and a person may have taken long.
            if session.link().and_then(replay::is_alive).is_err() {
                session.broken();
            }
        }
        self.stop_if_interrupted()?;
        journal.add(&Record::Start { way: self.way, to: self.target.clone(), at: now(), with: self.with.clone() });
        for record in &outlook.left {
            journal.add(record);
        }
        let terms = Terms {
            way: self.way,
            limits: self.limits(),
            max_rate: self.args.max_rate,
            max_lag: self.args.max_lag.map(|most| Duration::from_secs(u64::from(most))),
            pause_file: Some(self.args.pause_file.clone().unwrap_or_else(|| self.bundle.path.join(PAUSE))),
            retry_for: Duration::from_secs(self.args.database.retry_for),
            on_drift: self.on_drift(),
            interrupt: self.interrupt,
        };
        let began = Instant::now();
        let left = || Leave {
            exit: Exit::Interrupted,
            message: format!(
                "what became of the commands under way is not known; the journal knows how far it went: {}",
                text::path(self.journal_path())
            ),
            hint: Some(self.resume()),
        };
        let watched = bar::show(self.terminal, self.teller, self.name(), &work, self.deleted()?, left, |watcher| {
            replay::run(&work.items, &mut session, &mut journal, &terms, guard.as_mut(), watcher)
        });
        let report = watched.result.map_err(|error| Failure::new(Exit::Interrupted, error).with_hint(self.resume()))?;
        if leftover.is_some() && !report.sent && report.ending == Ending::Interrupted {
            drop(journal);
            // Nothing was done. One that stays only says that somebody wanted to.
            let _ = std::fs::remove_file(self.journal_path());
        }
        drop(leftover);
        let took = began.elapsed();
        if report.sent {
            // Everything is in the journal: from here on only words are left to be said.
            let (message, hint) = ("interrupted; the journal has all that was done".into(), Some(self.resume()));
            interrupt::sending(Leave { exit: Exit::Interrupted, message, hint });
        }
        if report.ending == Ending::Done && outlook.preflight.replicas > 0 {
            self.wait_for_replicas(&mut session, outlook.preflight.replicas)?;
        }
        let ended = Ended {
            job: self,
            report: &report,
            outlook: &outlook,
            of: work.of,
            account: &watched.account,
            took,
            commands: asked.load(Ordering::Relaxed),
            of_a_cluster: watched.of_a_cluster,
        };
        end::conclude(&ended)
    }

    /// Keys that the apply deletes, and lists that the way back makes again, where that matters.
    pub fn deleted(&self) -> Result<HashSet<(u32, Vec<u8>)>, Failure> {
        if self.way == Way::Apply {
            return Ok(HashSet::new());
        }
        let apply = self.commands.apply().map_err(Failure::error)?;
        let deleting = apply.iter().filter(|item| item.verb.deletes_keys() || item.verb == Verb::LRem);
        Ok(deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, key.to_vec()))).collect())
    }

    /// Who verifies on another connection may be answered by a replica.
    fn wait_for_replicas(&self, session: &mut Session<'_>, replicas: u64) -> Result<(), Failure> {
        let stopped = || self.interrupt.load(Ordering::Relaxed);
        let waited = session
            .link()
            .map_err(QueryError::Link)
            .and_then(|link| replay::wait_for_replicas(link, replicas, &stopped));
        // It is done in any case.
        let have = waited.ok().flatten();
        let shown = have.map_or("an unknown number".to_owned(), |have| have.to_string());
        let text = format!("{shown} of {replicas} replicas have everything\n");
        self.teller.tell("replicas", json!({ "replicas": replicas, "have": have }), &text)
    }
}

//! `rdb-reindex apply` and `rdb-reindex rollback`: one way there, the other way back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::database::{self, Connector, Patience, Unanswered};
use super::events::Teller;
use super::exit::{Exit, Failure, Outcome};
use super::judge::SpecJudge;
use super::replay_end::{self, Ended};
use super::replay_words as words;
use super::terminal::Terminal;
use super::{args, bundle, consent, replay_bar};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{APPLY, Counts, JOURNAL, MANIFEST, ROLLBACK};
use crate::plan::output::sha256;
use crate::progress::Observer;
use crate::replay::journal::{History, Journal, JournalError, Record, Way, now};
use crate::replay::{self, Ending, Files, Guard, OnDrift, Outlook, QueryError, Session, Terms, Work};
use crate::resp::BatchLimits;
use crate::text::{self, Printable, counted, number};

/// A file of this name in the plan's folder holds a replay up.
const PAUSE: &str = "pause";

pub fn run(args: &args::Replay, way: Way, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let outcome = replay(args, way, terminal, teller);
    teller.end(&outcome)?;
    outcome
}

fn replay(args: &args::Replay, way: Way, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let bundle = bundle::open_watched(&args.dir, &Observer::default())?;
    let (apply, rollback) = (bundle::commands(&bundle, APPLY)?, bundle::commands(&bundle, ROLLBACK)?);
    let files = Files { manifest: &bundle.manifest, apply: &apply, rollback: &rollback };
    // What was confirmed before a crash needs no new decision; the journal knows.
    if !(args.resume && bundle.is_applied()) {
        consent::given(args, &bundle.manifest.plan_id)?;
    }
    if Work::new(way, &files, &History::default(), false).map_err(Failure::error)?.of == 0 {
        let text = format!("plan {} is empty: there is nothing to do\n", bundle.manifest.plan_id);
        teller.tell("empty", json!({ "plan_id": bundle.manifest.plan_id }), &text)?;
        return Ok(Exit::Done);
    }
    let (interrupt, sent) = consent::interrupts();
    let job = Job { args, way, bundle: &bundle, files, interrupt: &interrupt, sent: &sent, terminal, teller };
    if args.dry_run {
        return job.dry_run();
    }
    let (journal, history) = job.open_journal()?;
    if let Some(at) = history.course(way).ended.as_ref().filter(|_| args.resume) {
        let text =
            format!("{} of plan {} was finished at {at}: there is nothing left to do\n", way.name(), job.plan_id());
        teller.tell("finished", json!({ "plan_id": job.plan_id(), "at": at }), &text)?;
        return Ok(Exit::Done);
    }
    if !history.confirmed {
        consent::given(args, job.plan_id())?;
    }
    job.replay(journal, &history)
}

struct Job<'j> {
    args: &'j args::Replay,
    way: Way,
    bundle: &'j Bundle,
    files: Files<'j>,
    interrupt: &'j AtomicBool,
    sent: &'j AtomicBool,
    terminal: &'j Terminal,
    teller: Teller<'j>,
}

impl Job<'_> {
    fn name(&self) -> &'static str {
        self.way.name()
    }

    fn plan_id(&self) -> &str {
        &self.bundle.manifest.plan_id
    }

    /// Before this run writes anything: what earlier runs wrote is there.
    fn stopped(&self, history: &History) -> Result<(), Failure> {
        match self.interrupt.load(Ordering::SeqCst) {
            true => Err(replay_end::interrupted(self.args, self.way, history.course(self.way).is_begun())),
            false => Ok(()),
        }
    }

    fn is_guarded(&self) -> bool {
        self.args.guard == args::GuardLevel::Records
    }

    fn on_drift(&self) -> OnDrift {
        match self.args.on_drift {
            args::DriftMode::Stop => OnDrift::Stop,
            args::DriftMode::Skip => OnDrift::Skip,
            args::DriftMode::Proceed => OnDrift::Proceed,
        }
    }

    fn limits(&self) -> BatchLimits {
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

    fn commands(&self) -> (u64, u64) {
        let count = |replies: &[_]| u64::try_from(replies.len()).unwrap_or(u64::MAX);
        let manifest = &self.bundle.manifest;
        (count(&manifest.expected_replies), count(&manifest.rollback_expected_replies))
    }

    /// Looks, says what it would do, and writes nothing: neither to the database nor beside the bundle.
    fn dry_run(&self) -> Outcome {
        let bytes = match std::fs::read(self.journal_path()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Failure::error(format!("{}: {error}", text::path(self.journal_path())))),
        };
        let (history, _) = History::read(&bytes, &self.plan_sha256()?, self.commands())
            .map_err(|error| Failure::error(format!("{}: {error}", text::path(self.journal_path()))))?;
        let mut connector =
            Connector::new(&self.args.database, self.files.manifest, Some(self.interrupt), self.terminal)?;
        self.refuse_what_is_not_text(&connector, &history)?;
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        words::of_what_is_not_known(self.terminal, self.way, self.is_guarded(), &history, &self.journal_path());
        let (outlook, work) = self.look(&history, &mut session)?;
        self.judge(&outlook)?;
        if self.way == Way::Rollback && history.apply.started.is_none() {
            words::of_what_is_overwritten(self.terminal, &work);
        }
        let count = u64::try_from(work.items.len()).unwrap_or(u64::MAX);
        let text = format!("{} would send {}; nothing was written\n", self.name(), counted(count, "command"));
        let fields = json!({ "way": self.name(), "commands": work.items.len() });
        self.teller.tell("would_send", fields, &text)?;
        Ok(Exit::Done)
    }

    /// Opens the journal, and refuses what it says should not be done.
    fn open_journal(&self) -> Result<(Journal, History), Failure> {
        let plan = (self.plan_id(), &*self.plan_sha256()?);
        let (journal, history) = Journal::open(
            &self.journal_path(),
            plan,
            self.commands(),
            (self.args.confirm.is_some(), self.is_guarded()),
        )
        .map_err(|error| {
            let exit = if matches!(error, JournalError::Io { .. }) { Exit::Error } else { Exit::Refused };
            Failure::new(exit, error)
        })?;
        let refuse = |message: String| Err(Failure::new(Exit::Refused, format!("{message}; nothing was sent")));
        let dir = text::shell_path(&self.args.dir);
        let (there, back) = (&history.apply, &history.rollback);
        match self.way {
            Way::Apply => {
                if let Some(at) = there.ended.as_ref().filter(|_| !self.args.resume) {
                    return refuse(format!("plan {} was applied already, until {at}", self.plan_id())).map_err(
                        |failure| failure.with_hint(format!("`rdb-reindex verify {dir}` says what is there")),
                    );
                }
                if back.started.is_some() {
                    return refuse("a rollback of this plan was begun".into())
                        .map_err(|failure| failure.with_hint("make a new plan from a new dump"));
                }
            }
            Way::Rollback => {
                if let Some(at) = back.ended.as_ref().filter(|_| !self.args.resume) {
                    return refuse(format!("plan {} was rolled back already, until {at}", self.plan_id()));
                }
            }
        }
        let course = history.course(self.way);
        if let Some((at, to)) = course.started.as_ref().filter(|_| !self.args.resume) {
            let (done, unknown) = course.counts();
            let who = history.last.as_ref().map(ToString::to_string).unwrap_or_default();
            let text = format!(
                "{} of this plan to {to} was begun at {at} and not finished ({} done, {} unknown), last by {who}",
                self.name(),
                counted(done, "command"),
                number(unknown)
            );
            return refuse(text)
                .map_err(|failure| failure.with_hint(format!("`rdb-reindex {} {dir} --resume` goes on", self.name())));
        }
        Ok((journal, history))
    }

    /// Before anything is sent: half a plan would be worse than none.
    fn refuse_what_is_not_text(&self, connector: &Connector<'_>, history: &History) -> Result<(), Failure> {
        if !connector.is_rest() {
            return Ok(());
        }
        let work = Work::new(self.way, &self.files, history, self.is_guarded()).map_err(Failure::error)?;
        let Some(item) = work.first_not_text() else { return Ok(()) };
        let (number, key) = (item.number, Printable(item.key()));
        let message = format!("command {number} ({key}) is not UTF-8, and REST carries text only; nothing was sent");
        Err(Failure::new(Exit::Refused, message).with_hint("use the TCP endpoint of the database, rediss://"))
    }

    /// Looks, and tries again for as long as the connection or the server may come back.
    fn look(&self, history: &History, session: &mut Session<'_>) -> Result<(Outlook, Work<'_>), Failure> {
        let options = database::look(&self.args.database);
        let begun = history.course(self.way).started.is_some();
        let patience = Patience {
            terminal: self.terminal,
            retry_for: Duration::from_secs(self.args.database.retry_for),
            interrupt: self.interrupt,
            begun,
        };
        let looked = patience.ask(session, |link| {
            let mut work = Work::new(self.way, &self.files, history, self.is_guarded())?;
            let total = work.to_look_at();
            let outlook = replay_bar::looking(self.terminal, self.teller, total, |progress| {
                work.look(link, &options, self.on_drift(), progress)
            })?;
            Ok((outlook, work))
        });
        match looked {
            Ok((outlook, _)) if outlook.preflight.is_replica() => {
                Err(Failure::new(Exit::Refused, "the server is a replica; nothing was written")
                    .with_hint("connect to the primary"))
            }
            Ok(found) => Ok(found),
            Err(Unanswered::Failed(error)) => {
                Err(Failure::new(if begun { Exit::Interrupted } else { Exit::Error }, error))
            }
            Err(Unanswered::Interrupted) => {
                self.stopped(history)?;
                Err(Failure::new(if begun { Exit::Interrupted } else { Exit::Stopped }, "interrupted"))
            }
        }
    }

    /// Says how the database differs, and refuses to go on if it must not.
    fn judge(&self, outlook: &Outlook) -> Result<(), Failure> {
        if outlook.is_calm() {
            let keys = outlook.preflight.looked_at;
            let are = if keys == 1 { "is as the plan expects it" } else { "are as the plan expects them" };
            let text = format!("{} {are}\n", counted(keys, "touched key"));
            return self.teller.tell("no_drift", json!({ "keys": keys }), &text);
        }
        let kinds = outlook.preflight.drift.kinds().into_iter().chain([
            ("edits in place already", &outlook.in_place),
            ("edits that were made and are not there", &outlook.lost.edits),
        ]);
        self.teller.differences(kinds, &self.bundle.manifest)?;
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

    /// What `--guard records` judges by.
    fn spec_judge(&self) -> Result<Option<SpecJudge>, Failure> {
        if !self.is_guarded() {
            return Ok(None);
        }
        let manifest = &self.bundle.manifest;
        let spec = manifest.read_spec().map_err(|errors| Failure::report(errors.render(self.terminal.colour)))?;
        let edits = |counts: &Counts| counts.added_members + counts.removed_members + counts.deleted_keys > 0;
        let edited = |name: &str| !manifest.indexes.iter().any(|index| index.name == name && !edits(&index.counts));
        let keys = manifest.touched.iter().map(|touched| (touched.db, touched.key.0.as_slice()));
        // Where no record can be looked at, a rollback still leaves alone what is not as the apply left it.
        let judge = SpecJudge::new(spec, |name| self.way == Way::Apply && edited(name), keys).map_err(|message| {
            Failure::new(Exit::Refused, format!("{message}; nothing was sent")).with_hint(
                "use --guard replies, with a plan from a fresh dump: it stops after the first batch in which a reply differs",
            )
        });
        judge.map(Some)
    }

    /// A guard that cannot work is better known before anything is begun.
    fn ask_for_scripts(
        &self,
        history: &History,
        guard: Option<&mut Guard<'_>>,
        session: &mut Session<'_>,
    ) -> Result<(), Failure> {
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
                let begun = history.course(self.way).started.is_some();
                let exit = if begun { Exit::Interrupted } else { Exit::Refused };
                Err(Failure::new(exit, message).with_hint("use a user who may run EVAL, or --guard replies"))
            }
        }
    }

    fn replay(&self, mut journal: Journal, history: &History) -> Outcome {
        let mut judge = self.spec_judge()?;
        let mut connector =
            Connector::new(&self.args.database, self.files.manifest, Some(self.interrupt), self.terminal)?;
        let target = connector.to_string();
        self.refuse_what_is_not_text(&connector, history)?;
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        self.stopped(history)?;
        if self.args.resume {
            words::of_what_was_found(self.terminal, history, self.way);
        }
        words::of_what_is_not_known(self.terminal, self.way, self.is_guarded(), history, &self.journal_path());
        words::of_another_target(self.terminal, history, self.way, &target);
        let (outlook, work) = self.look(history, &mut session)?;
        self.stopped(history)?;
        self.judge(&outlook)?;
        if self.way == Way::Rollback && history.apply.started.is_none() {
            words::of_what_is_overwritten(self.terminal, &work);
        }
        let mut guard = judge.as_mut().map(|judge| Guard::new(judge, self.way, &work.known));
        self.ask_for_scripts(history, guard.as_mut(), &mut session)?;
        if outlook.found_done > 0 {
            let done = counted(outlook.found_done, "command");
            self.terminal.say(format!("{done} without an answer had been carried out"));
        }
        if self.args.confirm.is_none() && !(self.args.resume && history.confirmed) {
            consent::ask(self.bundle, self.name(), &target, self.interrupt, self.terminal)?;
            self.stopped(history)?;
            // A service closes what is idle for long, and a person may have taken long.
            if session.link().and_then(replay::is_alive).is_err() {
                session.broken();
            }
        }
        if history.course(self.way).started.is_none() {
            journal.add(&Record::Start { way: self.way, to: target.clone(), at: now() });
        }
        for record in &outlook.left {
            journal.add(record);
        }
        let terms = Terms {
            way: self.way,
            limits: self.limits(),
            max_rate: self.args.max_rate,
            pause_file: Some(self.args.pause_file.clone().unwrap_or_else(|| self.bundle.path.join(PAUSE))),
            retry_for: Duration::from_secs(self.args.database.retry_for),
            on_drift: self.on_drift(),
            interrupt: self.interrupt,
        };
        let report = replay_bar::show(self.terminal, self.teller, self.name(), &work, self.sent, |watcher| {
            replay::run(&work.items, &mut session, &mut journal, &terms, guard.as_mut(), watcher)
        })
        .map_err(|error| Failure::new(Exit::Interrupted, error))?;
        if report.ending == Ending::Done && outlook.preflight.replicas > 0 {
            self.wait_for_replicas(&mut session, outlook.preflight.replicas)?;
        }
        let begun = history.course(self.way).is_begun();
        let ended = Ended { way: self.way, report: &report, outlook: &outlook, target: &target, of: work.of, begun };
        ended.conclude(self.args, self.plan_id(), self.on_drift(), self.teller)
    }

    /// Who verifies on another connection may be answered by a replica.
    fn wait_for_replicas(&self, session: &mut Session<'_>, replicas: u64) -> Result<(), Failure> {
        let waited =
            session.link().map_err(QueryError::Link).and_then(|link| replay::wait_for_replicas(link, replicas));
        // It is done in any case.
        let have = waited.ok().flatten();
        let shown = have.map_or("an unknown number".to_owned(), |have| have.to_string());
        let text = format!("{shown} of {replicas} replicas have everything\n");
        self.teller.tell("replicas", json!({ "replicas": replicas, "have": have }), &text)
    }
}

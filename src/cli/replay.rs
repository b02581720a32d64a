//! `rdb-reindex apply` and `rdb-reindex rollback`: one way there, the other way back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::database::{self, Connector};
use super::events::{self, Teller};
use super::exit::{Exit, Failure, Outcome};
use super::judge::SpecJudge;
use super::terminal::Terminal;
use super::{args, bundle, consent, replay_bar};
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{APPLY, JOURNAL, MANIFEST, ROLLBACK};
use crate::plan::output::sha256;
use crate::replay::journal::{History, Journal, JournalError, Record, Way, now};
use crate::replay::{self, Ending, Files, Guard, OnDrift, Outlook, QueryError, Report, Session, Terms, Work};
use crate::resp::BatchLimits;
use crate::spec::Spec;

/// A file of this name in the plan's folder holds a replay up.
const PAUSE: &str = "pause";

pub fn run(args: &args::Replay, way: Way, terminal: &Terminal) -> Outcome {
    let teller = Teller::new(terminal, args.format);
    let outcome = replay(args, way, terminal, teller);
    teller.end(&outcome)?;
    outcome
}

fn replay(args: &args::Replay, way: Way, terminal: &Terminal, teller: Teller<'_>) -> Outcome {
    let bundle = bundle::open(&args.dir)?;
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

    fn stopped(&self) -> Result<(), Failure> {
        match self.interrupt.load(Ordering::SeqCst) {
            true => Err(Failure::new(Exit::Stopped, "interrupted; nothing was written")),
            false => Ok(()),
        }
    }

    /// The way back undoes what was done, whatever the records say by now.
    fn is_guarded(&self) -> bool {
        self.args.guard == args::GuardLevel::Records && self.way == Way::Apply
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
        let text = std::fs::read(&path).map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
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
            Err(error) => return Err(Failure::error(format!("{}: {error}", self.journal_path().display()))),
        };
        let (history, _) = History::read(&bytes, &self.plan_sha256()?, self.commands())
            .map_err(|error| Failure::error(format!("{}: {error}", self.journal_path().display())))?;
        let mut connector =
            Connector::new(&self.args.database, self.files.manifest, Some(self.interrupt), self.terminal)?;
        self.refuse_what_is_not_text(&connector, &history)?;
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        let (outlook, work) = self.look(&history, &mut session)?;
        self.judge(&outlook)?;
        let text = format!("{} would send {} commands; nothing was written\n", self.name(), work.items.len());
        let fields = json!({ "way": self.name(), "commands": work.items.len() });
        self.teller.tell("would_send", fields, &text)?;
        Ok(Exit::Done)
    }

    /// Opens the journal, and refuses what it says should not be done.
    fn open_journal(&self) -> Result<(Journal, History), Failure> {
        let plan = (self.plan_id(), &*self.plan_sha256()?);
        let (journal, history) =
            Journal::open(&self.journal_path(), plan, self.commands(), self.args.confirm.is_some()).map_err(
                |error| {
                    let exit = if matches!(error, JournalError::Io { .. }) { Exit::Error } else { Exit::Refused };
                    Failure::new(exit, error)
                },
            )?;
        let refuse = |message: String| Err(Failure::new(Exit::Refused, format!("{message}; nothing was sent")));
        let dir = self.args.dir.display();
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
                "{} of this plan to {to} was begun at {at} and not finished ({done} commands done, {unknown} unknown), last by {who}",
                self.name()
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
        let (number, key) = (item.number, replay::Printable(item.key()));
        let message = format!("command {number} ({key}) is not UTF-8, and REST carries text only; nothing was sent");
        Err(Failure::new(Exit::Refused, message).with_hint("use the TCP endpoint of the database, rediss://"))
    }

    /// Looks, and tries again for as long as the connection or the server may come back.
    fn look(&self, history: &History, session: &mut Session<'_>) -> Result<(Outlook, Work<'_>), Failure> {
        let options = database::look(&self.args.database);
        let end = Instant::now() + Duration::from_secs(self.args.retry_for);
        let mut wait = Duration::from_millis(50);
        loop {
            let mut work = Work::new(self.way, &self.files, history, self.is_guarded()).map_err(Failure::error)?;
            let looked = session
                .link()
                .map_err(QueryError::Link)
                .and_then(|link| work.look(link, &options, self.on_drift(), &mut |_| {}));
            let error = match looked {
                Ok(outlook) if outlook.preflight.is_replica() => {
                    return Err(Failure::new(Exit::Refused, "the server is a replica; nothing was written")
                        .with_hint("connect to the primary"));
                }
                Ok(outlook) => return Ok((outlook, work)),
                Err(error) => error,
            };
            if matches!(error, QueryError::Link(_)) {
                session.broken();
            }
            // What cannot be reached at the very beginning is more likely a wrong address than a passing trouble.
            let begun = history.course(self.way).started.is_some();
            if !begun {
                self.stopped()?;
            }
            if !error.is_transient(session.was_connected() || begun) || Instant::now() >= end {
                let exit = if begun { Exit::Interrupted } else { Exit::Error };
                return Err(Failure::new(exit, error));
            }
            self.terminal.say(format!("{error}; trying again in {:.2} s", wait.as_secs_f64()));
            if !replay::rest(wait, self.interrupt) {
                let exit = if begun { Exit::Interrupted } else { Exit::Stopped };
                return Err(Failure::new(exit, "interrupted"));
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Says how the database differs, and refuses to go on if it must not.
    fn judge(&self, outlook: &Outlook) -> Result<(), Failure> {
        if outlook.is_calm() {
            let keys = outlook.preflight.looked_at;
            let text = format!("{keys} touched keys are as the plan expects them\n");
            return self.teller.tell("no_drift", json!({ "keys": keys }), &text);
        }
        let kinds = outlook.preflight.drift.kinds().into_iter().chain([("edits in place already", &outlook.in_place)]);
        self.teller.differences(kinds, &self.bundle.manifest)?;
        if self.on_drift() != OnDrift::Stop {
            return Ok(());
        }
        let message = "the database is not as the plan expects it; nothing was written";
        Err(Failure::new(Exit::Refused, message).with_hint(
            "plan again from a new dump; or --on-drift skip leaves those keys alone, and proceed edits them",
        ))
    }

    fn replay(&self, mut journal: Journal, history: &History) -> Outcome {
        let spec;
        let mut judge = None;
        if self.is_guarded() {
            let text = &self.bundle.manifest.spec.text;
            spec = Spec::parse(text, "the spec in plan.json")
                .map_err(|errors| Failure::report(errors.render(self.terminal.colour)))?;
            judge = Some(SpecJudge::new(&spec).map_err(|message| {
                Failure::new(Exit::Refused, format!("{message}; nothing was sent")).with_hint("use --guard replies")
            })?);
        }
        let mut connector =
            Connector::new(&self.args.database, self.files.manifest, Some(self.interrupt), self.terminal)?;
        let target = connector.to_string();
        self.refuse_what_is_not_text(&connector, history)?;
        let mut dial = || connector.dial();
        let mut session = Session::new(&mut dial);
        self.stopped()?;
        if self.args.resume {
            self.say_what_was_found(history);
        } else if self.way == Way::Rollback && history.apply.started.is_none() {
            self.terminal.warn("there is no journal: the whole of rollback.resp is used, as if all had been applied");
        }
        let (outlook, work) = self.look(history, &mut session)?;
        self.stopped()?;
        self.judge(&outlook)?;
        if outlook.found_done > 0 {
            self.terminal.say(format!("{} commands without an answer had been carried out", outlook.found_done));
        }
        if self.args.confirm.is_none() && !(self.args.resume && history.confirmed) {
            consent::ask(self.bundle, self.name(), &target, self.interrupt, self.terminal)?;
            self.stopped()?;
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
            retry_for: Duration::from_secs(self.args.retry_for),
            on_drift: self.on_drift(),
            interrupt: self.interrupt,
        };
        let mut guard = judge.as_mut().map(|judge| Guard::new(judge, &self.bundle.manifest.touched));
        let report = replay_bar::show(self.terminal, self.teller, self.name(), &work, self.sent, |watcher| {
            replay::run(&work.items, &mut session, &mut journal, &terms, guard.as_mut(), watcher)
        })
        .map_err(|error| Failure::new(Exit::Interrupted, error))?;
        if report.ending == Ending::Done && outlook.preflight.replicas > 0 {
            self.wait_for_replicas(&mut session, outlook.preflight.replicas)?;
        }
        self.conclude(&report, &outlook, &target, work.of)
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

    fn say_what_was_found(&self, history: &History) {
        let course = history.course(self.way);
        let Some((at, to)) = &course.started else {
            self.terminal.say("nothing had been sent; starting at the beginning");
            return;
        };
        let (done, unknown) = course.counts();
        self.terminal.say(format!(
            "resuming what was begun at {at} on {to}: {done} commands are done, of {unknown} the answer is not known"
        ));
    }

    fn conclude(&self, report: &Report, outlook: &Outlook, target: &str, of: u64) -> Outcome {
        let done = &report.done;
        let mut text = format!(
            "{} of plan {} on {target}: {} commands of {of}, {} members, {} keys deleted, {} bytes\n",
            self.name(),
            self.plan_id(),
            done.commands,
            done.members,
            done.deleted_keys,
            done.bytes
        );
        let left_out = u64::try_from(outlook.left.len()).unwrap_or(u64::MAX);
        for (count, what) in [
            (left_out, "keys or edits were left alone, because of drift"),
            (report.failed, "commands were refused because of their key"),
            (report.otherwise, "commands were answered otherwise than planned"),
            (report.kept, "edits were not made, because their record has moved"),
            (report.left, "commands are left to do"),
        ] {
            if count > 0 {
                text.push_str(&format!("  {count} {what}\n"));
            }
        }
        let mut fields = json!({
            "way": self.name(), "plan_id": self.plan_id(), "to": target, "of": of, "left_out": left_out,
            "failed": report.failed, "otherwise": report.otherwise, "kept": report.kept, "left": report.left,
        });
        if let (Value::Object(fields), Value::Object(done)) = (&mut fields, events::progress_fields(done)) {
            fields.extend(done);
        }
        self.teller.tell("summary", fields, &text)?;
        let resume = format!("`rdb-reindex {} {} --resume` goes on", self.name(), self.args.dir.display());
        match &report.ending {
            Ending::Interrupted if !report.sent => Err(Failure::new(Exit::Stopped, "interrupted; nothing was written")),
            Ending::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted").with_hint(resume)),
            Ending::Stopped(reason) => Err(Failure::new(Exit::Interrupted, reason).with_hint(resume)),
            Ending::Done if report.failed > 0 || report.kept > 0 => Ok(Exit::Skipped),
            Ending::Done if self.on_drift() == OnDrift::Skip && left_out.saturating_add(report.otherwise) > 0 => {
                Ok(Exit::Skipped)
            }
            Ending::Done => Ok(Exit::Done),
        }
    }
}

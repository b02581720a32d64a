//! Connecting to the database that the arguments or the environment name.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::args;
use crate::bundle::manifest::Manifest;
use crate::bundle::resp::{BatchLimits, CommandReader};
use crate::replay::{
    self, Backoff, Link, LinkError, LookOptions, QueryError, Remembered, Reply, Secret, Session, Source, Target,
    TargetKind,
};
use crate::ui::exit::{Exit, Failure};
use crate::ui::interrupt;
use crate::ui::terminal::{self, Terminal};

/// Decides where to connect to.
pub fn target(args: &args::DatabaseArgs) -> Result<Target, Failure> {
    let environment = |name: &str| std::env::var_os(name);
    let source = Source {
        to: args.to.as_deref(),
        password_file: args.password_file.as_deref(),
        tls_ca: args.tls_ca.clone(),
        tls_client: args.tls_cert.clone().zip(args.tls_key.clone()),
        node_map: &args.node_map,
        environment: &environment,
    };
    let mut target = Target::resolve(&source).map_err(|error| Failure::new(Exit::Usage, error))?;
    target.timeouts.reply = Duration::from_secs(args.timeout);
    target.timeouts.connect = target.timeouts.connect.min(target.timeouts.reply);
    Ok(target)
}

/// Makes connections to one database, as often as one is needed.
pub struct Connector<'t> {
    target: Target,
    /// Set by Ctrl-C, where something else than the end of the process follows from it.
    interrupt: Option<&'t AtomicBool>,
    terminal: &'t Terminal,
    asked: bool,
    commands: Arc<AtomicU64>,
    remembered: Remembered,
}

impl<'t> Connector<'t> {
    /// For the database that the arguments or the environment name, which must be one that the plan is for.
    pub fn new(
        args: &args::DatabaseArgs,
        manifest: &Manifest,
        interrupt: Option<&'t AtomicBool>,
        terminal: &'t Terminal,
    ) -> Result<Self, Failure> {
        let mut target = target(args)?;
        if let Some(other) = manifest.touched.iter().find(|touched| touched.db != u64::from(target.db))
            && target.db != 0
        {
            let message = format!("the plan is for database {}, and the URL names {}", other.db, target.db);
            return Err(Failure::new(Exit::Refused, format!("{message}; nothing was sent"))
                .with_hint("leave the number out of the URL: a plan selects its databases itself"));
        }
        target.db = 0;
        Ok(Self { target, interrupt, terminal, asked: false, commands: Arc::default(), remembered: Arc::default() })
    }

    /// A new connection. A person at a terminal is asked for a password that is missing, once.
    pub fn dial(&mut self) -> Result<Box<dyn Link>, LinkError> {
        let link = self.dial_once()?;
        Ok(Box::new(Counted { link, commands: Arc::clone(&self.commands) }))
    }

    fn dial_once(&mut self) -> Result<Box<dyn Link + Send>, LinkError> {
        match self.open() {
            Err(LinkError::PasswordNeeded { .. } | LinkError::TokenNeeded { .. })
                if !self.asked && terminal::is_attended() =>
            {
                self.asked = true;
                self.terminal.say(format!("{} needs a {}", self.target, self.secret()));
                let Some(password) = self.prompt() else { return Err(self.needed()) };
                self.target.password = Some(Secret::new(password));
                self.open()
            }
            opened => opened,
        }
    }

    /// In a thread of its own, which is left behind when Ctrl-C is pressed: a name may take long to be found, and a host
    /// to answer.
    fn open(&self) -> Result<Box<dyn Link + Send>, LinkError> {
        let (target, remembered) = (self.target.clone(), Arc::clone(&self.remembered));
        let open = move || replay::open(&target, &remembered);
        match self.interrupt {
            None => open(),
            Some(interrupt) => interrupt::interruptible(interrupt, open).unwrap_or(Err(LinkError::Interrupted)),
        }
    }

    /// How many commands were sent that a service would bill, on all connections.
    pub fn commands(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.commands)
    }

    fn prompt(&self) -> Option<String> {
        let text = format!("{}: ", self.secret());
        let ask = move || rpassword::prompt_password(text);
        let Some(interrupt) = self.interrupt else { return ask().ok() };
        let answer = interrupt::interruptible(interrupt, ask);
        if answer.is_none() {
            // Who asked was left behind with the echo off.
            let tty = std::fs::File::open("/dev/tty").map(Stdio::from);
            let _ = tty.and_then(|tty| Command::new("stty").arg("echo").stdin(tty).status());
        }
        answer?.ok()
    }

    /// Nobody answered.
    fn needed(&self) -> LinkError {
        let target = self.target.to_string();
        match self.interrupt {
            Some(interrupt) if interrupt.load(Ordering::SeqCst) => LinkError::Interrupted,
            _ if self.is_rest() => LinkError::TokenNeeded { target },
            _ => LinkError::PasswordNeeded { target },
        }
    }

    /// What is asked for.
    fn secret(&self) -> &'static str {
        if self.is_rest() { "token" } else { "password" }
    }

    /// Whether it is a cluster, whatever its nodes say of themselves.
    pub fn is_cluster(&self) -> bool {
        self.target.kind == TargetKind::Cluster
    }

    /// Whether only text can be sent.
    pub fn is_rest(&self) -> bool {
        self.target.rest.is_some()
    }
}

/// What no service bills.
const FREE: [&[u8]; 9] = [b"AUTH", b"HELLO", b"SELECT", b"COMMAND", b"CONFIG", b"INFO", b"PING", b"RESET", b"QUIT"];

/// Counts commands as who bills them would.
struct Counted {
    link: Box<dyn Link + Send>,
    commands: Arc<AtomicU64>,
}

impl Link for Counted {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        let mut reader = CommandReader::new(commands);
        let mut count = 0;
        while let Ok(Some(command)) = reader.next_command() {
            count += u64::from(!command.args.first().is_some_and(|name| FREE.contains(name)));
        }
        self.commands.fetch_add(count, Ordering::Relaxed);
        self.link.send(commands)
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        self.link.receive()
    }

    fn settle(&mut self) -> Result<(), LinkError> {
        self.link.settle()
    }

    fn ask_each(&mut self, args: &[&str]) -> Result<Vec<Reply>, LinkError> {
        self.link.ask_each(args)
    }

    fn may_fail_over(&self) -> bool {
        self.link.may_fail_over()
    }

    fn nodes(&self, commands: &[u8]) -> Vec<String> {
        self.link.nodes(commands)
    }
}

/// Asks again for as long as the connection or the server may come back.
pub struct Patience<'p> {
    pub terminal: &'p Terminal,
    pub retry_for: Duration,
    pub interrupt: &'p AtomicBool,
    /// Something was sent by an earlier run: then even what cannot be reached at once is waited for.
    pub begun: bool,
}

/// Why there is no answer.
pub enum Unanswered {
    Failed(QueryError),
    Interrupted,
}

impl Patience<'_> {
    /// Gives what `ask` gives, on a new connection where one was lost.
    pub fn ask<T>(
        &self,
        session: &mut Session<'_>,
        mut ask: impl FnMut(&mut dyn Link) -> Result<T, QueryError>,
    ) -> Result<T, Unanswered> {
        let mut backoff = Backoff::new(self.retry_for);
        loop {
            let error = match session.link().map_err(QueryError::Link).and_then(&mut ask) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error, QueryError::Link(_)) {
                session.broken();
            }
            if self.interrupt.load(Ordering::SeqCst) {
                return Err(Unanswered::Interrupted);
            }
            // What cannot be reached at the very beginning is more likely a wrong address than a passing trouble.
            if !error.is_transient(session.was_connected() || self.begun) || backoff.is_over() {
                return Err(Unanswered::Failed(error));
            }
            let wait = backoff.next_wait();
            self.terminal.say(format!("{error}; trying again in {:.2} s", wait.as_secs_f64()));
            if !replay::rest(wait, self.interrupt) {
                return Err(Unanswered::Interrupted);
            }
        }
    }
}

/// Host, port and database; no password.
impl std::fmt::Display for Connector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target.fmt(f)
    }
}

/// How to look at it.
pub fn look(args: &args::DatabaseArgs) -> LookOptions {
    LookOptions { limits: limits(args), ..LookOptions::default() }
}

/// The size of a batch.
pub fn limits(args: &args::DatabaseArgs) -> BatchLimits {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    BatchLimits { commands: size(args.batch_commands), bytes: size(args.batch_bytes) }
}

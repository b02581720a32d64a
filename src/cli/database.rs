//! Connecting to the database that the arguments or the environment name.

use std::io::IsTerminal;
use std::time::Duration;

use super::args;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::plan::manifest::Manifest;
use crate::replay::{
    Connection, Difference, Link, LinkError, LookOptions, Printable, RestLink, Secret, Source, Tally, Target,
};
use crate::resp::BatchLimits;
use crate::spec::Glob;

/// How many differences of a kind are shown.
pub const EXAMPLES: usize = 5;

/// Decides where to connect to.
pub fn target(args: &args::Database) -> Result<Target, Failure> {
    let environment = |name: &str| std::env::var_os(name);
    let source = Source {
        to: args.to.as_deref(),
        password_file: args.password_file.as_deref(),
        tls_ca: args.tls_ca.clone(),
        environment: &environment,
    };
    let mut target = Target::resolve(&source).map_err(|error| Failure::new(Exit::Usage, error))?;
    target.timeouts.reply = Duration::from_secs(args.timeout);
    Ok(target)
}

/// Makes connections to one database, as often as one is needed.
pub struct Connector<'t> {
    target: Target,
    terminal: &'t Terminal,
    asked: bool,
}

impl<'t> Connector<'t> {
    /// For the database that the arguments or the environment name, which must be one that the plan is for.
    pub fn new(args: &args::Database, manifest: &Manifest, terminal: &'t Terminal) -> Result<Self, Failure> {
        let mut target = target(args)?;
        if let Some(other) = manifest.touched.iter().find(|touched| touched.db != u64::from(target.db))
            && target.db != 0
        {
            let message = format!("the plan is for database {}, and the URL names {}", other.db, target.db);
            return Err(Failure::new(Exit::Refused, format!("{message}; nothing was sent"))
                .with_hint("leave the number out of the URL: a plan selects its databases itself"));
        }
        target.db = 0;
        Ok(Self { target, terminal, asked: false })
    }

    /// A new connection. A person at a terminal is asked for a password that is missing, once.
    pub fn dial(&mut self) -> Result<Box<dyn Link>, LinkError> {
        match open(&self.target) {
            Err(LinkError::PasswordNeeded { .. }) if !self.asked && is_attended() => {
                self.asked = true;
                self.terminal.say(format!("{} needs a password", self.target));
                let refused = |_| LinkError::PasswordNeeded { target: self.target.to_string() };
                let password = rpassword::prompt_password("password: ").map_err(refused)?;
                self.target.password = Some(Secret::new(password));
                open(&self.target)
            }
            opened => opened,
        }
    }

    /// Whether only text can be sent.
    pub fn is_rest(&self) -> bool {
        self.target.rest.is_some()
    }
}

fn open(target: &Target) -> Result<Box<dyn Link>, LinkError> {
    Ok(match target.rest {
        Some(_) => Box::new(RestLink::open(target)?),
        None => Box::new(Connection::open(target)?),
    })
}

/// Host, port and database; no password.
impl std::fmt::Display for Connector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target.fmt(f)
    }
}

/// Whether somebody can be asked.
pub fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// How to look at it.
pub fn look(args: &args::Database) -> LookOptions {
    LookOptions { limits: limits(args), ..LookOptions::default() }
}

/// The size of a batch.
pub fn limits(args: &args::Database) -> BatchLimits {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    BatchLimits { commands: size(args.batch_commands), bytes: size(args.batch_bytes) }
}

/// Differences of several kinds, each with its examples, a line each.
pub fn differences<'a>(kinds: impl IntoIterator<Item = (&'static str, &'a Tally)>, manifest: &Manifest) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, tally) in kinds {
        if tally.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {name}{}", tally.count, by_index(tally, manifest));
        for Difference { db, key, member, expected, found } in tally.examples.iter().take(EXAMPLES) {
            let _ = write!(text, "  {}", Printable(key));
            if *db != 0 {
                let _ = write!(text, " (db {db})");
            }
            if let Some(member) = member {
                let _ = write!(text, " member {}", Printable(member));
            }
            let _ = writeln!(text, ": expected {expected}, found {found}");
        }
        let shown = u64::try_from(tally.examples.len().min(EXAMPLES)).unwrap_or(u64::MAX);
        if tally.count > shown {
            let _ = writeln!(text, "  and {} more", tally.count - shown);
        }
    }
    text
}

/// How many differences each index has, where all of them are known.
fn by_index(tally: &Tally, manifest: &Manifest) -> String {
    if u64::try_from(tally.examples.len()) != Ok(tally.count) {
        return String::new();
    }
    let globs: Vec<Glob> = manifest.indexes.iter().map(|index| Glob::new(index.pattern.as_bytes())).collect();
    let mut counts = vec![0u64; globs.len()];
    for difference in &tally.examples {
        let found = globs.iter().position(|glob| glob.matches(&difference.key));
        if let Some(count) = found.and_then(|at| counts.get_mut(at)) {
            *count += 1;
        }
    }
    let named = manifest.indexes.iter().zip(counts).filter(|(_, count)| *count > 0);
    let named: Vec<String> = named.map(|(index, count)| format!("{}: {count}", index.name)).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

//! Connecting to the database that the arguments or the environment name.

use std::io::IsTerminal;
use std::time::Duration;

use super::args;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::replay::{Connection, Difference, LinkError, LookOptions, Printable, Secret, Source, Tally, Target};
use crate::resp::BatchLimits;

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

/// Connects. A person at a terminal is asked for a password that is missing.
pub fn connect(target: &mut Target, terminal: &Terminal) -> Result<Connection, Failure> {
    match Connection::open(target) {
        Err(LinkError::PasswordNeeded { .. }) if is_attended() => {
            terminal.say(format!("{target} needs a password"));
            let password = rpassword::prompt_password("password: ")
                .map_err(|error| Failure::error(format!("cannot read a password from the terminal: {error}")))?;
            target.password = Some(Secret::new(password));
            Connection::open(target).map_err(Failure::error)
        }
        opened => opened.map_err(Failure::error),
    }
}

/// Whether somebody can be asked.
pub fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// How to look at it.
pub fn look(args: &args::Database, target: &Target) -> LookOptions {
    LookOptions { db: target.db, limits: limits(args), ..LookOptions::default() }
}

/// The size of a batch.
pub fn limits(args: &args::Database) -> BatchLimits {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    BatchLimits { commands: size(args.batch_commands), bytes: size(args.batch_bytes) }
}

/// Differences of several kinds, each with its examples, a line each.
pub fn differences<'a>(kinds: impl IntoIterator<Item = (&'static str, &'a Tally)>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, tally) in kinds {
        if tally.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {name}", tally.count);
        for Difference { db, key, member, expected, found } in &tally.examples {
            let _ = write!(text, "  {}", Printable(key));
            if *db != 0 {
                let _ = write!(text, " (db {db})");
            }
            if let Some(member) = member {
                let _ = write!(text, " member {}", Printable(member));
            }
            let _ = writeln!(text, ": expected {expected}, found {found}");
        }
        let shown = u64::try_from(tally.examples.len()).unwrap_or(u64::MAX);
        if tally.count > shown {
            let _ = writeln!(text, "  and {} more", tally.count - shown);
        }
    }
    text
}

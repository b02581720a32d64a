//! Arguments, progress, exit status: the only code that prints.

mod args;
mod bundle;
mod check;
mod consent;
mod database;
mod diff;
mod dump;
mod events;
mod examples;
mod exit;
mod export;
mod filter;
mod generate;
mod infer;
mod interrupt;
mod inventory;
mod judge;
mod place;
mod plan;
mod progress;
mod rehearse;
mod replay;
mod replay_account;
mod replay_bar;
mod replay_end;
mod replay_look;
mod replay_words;
mod show;
mod spec;
mod story;
mod terminal;
mod typed;
mod verify;
mod verify_live;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Exit, Failure, Outcome};
use terminal::Terminal;

use crate::replay::journal::Way;
use crate::text;

/// Runs the program: parses the arguments, does what they say, and tells the status to end with.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // clap repeats an argument as it is, and that may be the name of a file of a stranger: asked again with what
            // is shown of them, it makes the same error of that.
            let shown = std::env::args_os().map(text::path);
            let error = if error.use_stderr() { Args::try_parse_from(shown).err().unwrap_or(error) } else { error };
            // Help and version are no errors to clap; a closed pipe is nobody's.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Done } as u8);
        }
    };
    let streams = matches!(args.command, Command::Export(_));
    let terminal = Terminal::new(args.quiet, args.verbose, streams);
    interrupt::install(&terminal);
    let outcome = run(&args, &terminal);
    interrupt::over();
    // Whatever came of a dump that was cut meanwhile.
    let exit = dump::still_there().and(outcome).unwrap_or_else(|failure| {
        terminal.failure(&failure);
        failure.exit
    });
    ExitCode::from(exit as u8)
}

fn run(args: &Args, terminal: &Terminal) -> Outcome {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|error| Failure::error(format!("cannot start threads: {error}")))?;
    pool.install(|| match &args.command {
        Command::Inventory(args) => inventory::run(args, terminal),
        Command::Plan(args) => plan::run(args, terminal),
        Command::Rehearse(args) => rehearse::run(args, terminal),
        Command::Show(args) => show::run(args, terminal),
        Command::Apply(args) => replay::run(args, Way::Apply, terminal),
        Command::Verify(args) => verify::run(args, terminal),
        Command::Rollback(args) => replay::run(args, Way::Rollback, terminal),
        Command::Check(args) => check::run(args, terminal),
        Command::Export(args) => export::run(args, terminal),
        Command::Diff(args) => diff::run(args, terminal),
        Command::Infer(args) => infer::run(args, terminal),
        Command::Spec(args) => spec::run(args, terminal),
        Command::Completions(args) => generate::completions(args, terminal),
        Command::Man(args) => generate::man(args, terminal),
    })
}

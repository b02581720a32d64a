//! The commands: a file for each, its arguments beside what it does.

mod args;
mod bundle;
mod check;
mod diff;
#[cfg(feature = "parquet")]
mod edits;
mod examples;
mod export;
mod generate;
mod infer;
mod inventory;
mod join;
mod open;
mod plan;
mod presets;
mod rehearse;
mod replay;
#[cfg(feature = "parquet")]
mod scan;
mod show;
mod spec;
#[cfg(feature = "parquet")]
mod sql;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::replay::journal::Way;
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;
use crate::ui::{interrupt, opened};
use args::COMMON;

/// Audit the secondary indexes in a Redis dump, work out the right ones, and replay the smallest difference.
#[derive(Debug, Parser)]
#[command(name = "rdb-reindex", version, max_term_width = 100, propagate_version = true)]
#[command(after_long_help = examples::PROGRAM)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// Threads to use; all cores if not given.
    #[arg(long, global = true, value_name = "N", value_parser = threads, help_heading = COMMON)]
    pub threads: Option<usize>,
    /// Say nothing on standard error but errors.
    #[arg(long, short, global = true, help_heading = COMMON)]
    pub quiet: bool,
    /// Say more.
    #[arg(long, short, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = COMMON)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(after_long_help = examples::INVENTORY)]
    Inventory(inventory::InventoryArgs),
    #[command(after_long_help = examples::PLAN)]
    Plan(plan::PlanArgs),
    #[command(after_long_help = examples::JOIN)]
    Join(join::JoinArgs),
    #[command(after_long_help = examples::REHEARSE)]
    Rehearse(rehearse::RehearseArgs),
    #[command(after_long_help = examples::SHOW)]
    Show(show::ShowArgs),
    /// Replay a plan to its database, each reply compared with the expected one.
    #[command(after_long_help = examples::APPLY)]
    Apply(replay::args::ReplayArgs),
    #[command(after_long_help = examples::VERIFY)]
    Verify(verify::VerifyArgs),
    /// Undo what `apply` changed.
    #[command(after_long_help = examples::ROLLBACK)]
    Rollback(replay::args::ReplayArgs),
    #[command(after_long_help = examples::CHECK)]
    Check(check::CheckArgs),
    #[command(after_long_help = examples::EXPORT)]
    Export(export::ExportArgs),
    #[command(after_long_help = examples::DIFF)]
    Diff(diff::Diff),
    #[command(after_long_help = examples::INFER)]
    Infer(infer::Infer),
    #[cfg(feature = "parquet")]
    #[command(after_long_help = examples::SCAN)]
    Scan(scan::ScanArgs),
    #[cfg(feature = "parquet")]
    #[command(after_long_help = examples::SQL)]
    Sql(sql::SqlArgs),
    #[command(after_long_help = examples::SPEC)]
    Spec(spec::SpecArgs),
    #[command(after_long_help = examples::COMPLETIONS)]
    Completions(generate::CompletionsArgs),
    #[command(after_long_help = examples::MAN)]
    Man(generate::ManArgs),
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=1024) => Ok(n),
        _ => Err("expected a number from 1 to 1024".to_owned()),
    }
}

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
    let exit = opened::still_there().and(outcome).unwrap_or_else(|failure| {
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
        Command::Join(args) => join::run(args, terminal),
        Command::Rehearse(args) => rehearse::run(args, terminal),
        Command::Show(args) => show::run(args, terminal),
        Command::Apply(args) => replay::run(args, Way::Apply, terminal),
        Command::Verify(args) => verify::run(args, terminal),
        Command::Rollback(args) => replay::run(args, Way::Rollback, terminal),
        Command::Check(args) => check::run(args, terminal),
        Command::Export(args) => export::run(args, terminal),
        Command::Diff(args) => diff::run(args, terminal),
        Command::Infer(args) => infer::run(args, terminal),
        #[cfg(feature = "parquet")]
        Command::Scan(args) => scan::run(args, terminal),
        #[cfg(feature = "parquet")]
        Command::Sql(args) => sql::run(args, terminal),
        Command::Spec(args) => spec::run(args, terminal),
        Command::Completions(args) => generate::completions(args, terminal),
        Command::Man(args) => generate::manual(args, terminal),
    })
}

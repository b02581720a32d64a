//! `rdb-reindex completions` and `rdb-reindex man`.

use clap::CommandFactory;

use super::args::{self, Args};
use super::exit::{Exit, Failure, Outcome};
use super::terminal::Terminal;

/// What a shell needs to complete this program's arguments.
pub fn completions(args: &args::Completions, terminal: &Terminal) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "rdb-reindex", &mut out);
    terminal.data(&out)?;
    Ok(Exit::Done)
}

/// The manual: the page of the program, then one page a command, in one roff document.
pub fn man(terminal: &Terminal) -> Outcome {
    let mut command = Args::command().flatten_help(true);
    command.build();
    let mut out = Vec::new();
    let pages = std::iter::once(command.clone()).chain(command.get_subcommands().cloned());
    for page in pages.filter(|page| page.get_name() != "help") {
        let name = page.get_display_name().unwrap_or(page.get_name()).to_owned();
        clap_mangen::Man::new(page).title(name).render(&mut out).map_err(Failure::error)?;
    }
    terminal.data(&out)?;
    Ok(Exit::Done)
}

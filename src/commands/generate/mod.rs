//! `rdb-reindex completions` and `rdb-reindex man`.

mod man;

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::Args;
use crate::text;
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// Print what a shell needs to complete the arguments of this program.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Print the manual as roff: `rdb-reindex man | man -l -`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each command into this folder, instead of all of them to standard output.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What a shell needs to complete this program's arguments.
pub fn completions(args: &CompletionsArgs, terminal: &Terminal) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut shown(&Args::command()), "rdb-reindex", &mut out);
    // clap_complete names the state of a command in one way where it is set and in another where it is used, if the name of
    // the program has a hyphen (seen in 4.6): then nothing is completed behind the first word.
    let script = String::from_utf8_lossy(&out).replace("rdb__subcmd__reindex", "rdb__reindex");
    terminal.data(script.as_bytes())?;
    Ok(Exit::Done)
}

/// The command without arguments that are hidden: clap_complete offers those, too.
fn shown(command: &Command) -> Command {
    // A command wants names that live as long as the program, which ends soon.
    let name: &'static str = Box::leak(command.get_name().to_owned().into_boxed_str());
    let mut shown = Command::new(name).propagate_version(true);
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if command.get_version().is_some() {
        shown = shown.version(env!("CARGO_PKG_VERSION"));
    }
    shown
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().map(self::shown))
}

/// The manual: the page of the program, then one page a command; in one roff document, or each in a file of its own.
pub fn manual(args: &ManArgs, terminal: &Terminal) -> Outcome {
    let pages = pages()?;
    match &args.out {
        Some(folder) => write(&pages, folder)?,
        None => terminal.data(&pages.iter().flat_map(|page| page.text.iter().copied()).collect::<Vec<_>>())?,
    }
    Ok(Exit::Done)
}

struct Page {
    name: String,
    text: Vec<u8>,
}

fn pages() -> Result<Vec<Page>, Failure> {
    let mut command = Args::command().flatten_help(true);
    command.build();
    let all = std::iter::once(command.clone()).chain(command.get_subcommands().cloned());
    let mut pages = Vec::new();
    for page in all.filter(|page| page.get_name() != "help") {
        let name = page.get_display_name().unwrap_or(page.get_name()).to_owned();
        let mut text = Vec::new();
        let source = concat!("rdb-reindex ", env!("CARGO_PKG_VERSION"));
        let page = clap_mangen::Man::new(page).title(&name).source(source).manual("User Commands");
        page.render(&mut text).map_err(Failure::error)?;
        let command = name.strip_prefix("rdb-reindex-").unwrap_or_default();
        let text = man::page(&String::from_utf8_lossy(&text), command).into_bytes();
        pages.push(Page { name, text });
    }
    Ok(pages)
}

fn write(pages: &[Page], folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error| Failure::error(format!("cannot write {}: {error}", text::path(path)));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for page in pages {
        let path = folder.join(format!("{}.1", page.name));
        std::fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

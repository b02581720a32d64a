//! Standard output and standard error.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use super::exit::{Exit, Failure};
use super::opened;
use super::progress::{self, Manner};
use crate::report::Style;
use crate::text::lines;

/// What may be said, and how.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub quiet: bool,
    pub verbose: u8,
    /// Standard error is a terminal that understands colour, and nobody asked for none.
    pub colour: bool,
    wish: Wish,
}

/// As wide as the terminal that a stream goes to, or as `COLUMNS` says where there is none, and coloured only there, or everywhere if that is asked for.
fn style(stream: &(impl IsTerminal + AsFd), wish: Wish) -> Style {
    let colour = wish.colour(stream.is_terminal());
    if !stream.is_terminal() {
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = asked.filter(|columns| (40..=1000).contains(columns)).unwrap_or(Style::PLAIN.width);
        return Style { width, colour };
    }
    // Some terminals do not say how large they are.
    let size = terminal_size::terminal_size_of(stream);
    let width = size.map_or(Style::PLAIN.width, |(columns, _)| usize::from(columns.0).max(40));
    Style { width, colour }
}

/// What the environment says of colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    /// `NO_COLOR`, `CLICOLOR=0`, or a terminal without.
    none: bool,
    /// `CLICOLOR_FORCE`: also where there is no terminal.
    forced: bool,
    /// A terminal that can do nothing but print.
    dumb: bool,
}

impl Wish {
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let said = |name| variable(name).filter(|value: &OsString| !value.is_empty());
        let dumb = said("TERM").is_some_and(|term| term == "dumb");
        let forced = said("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let off = said("CLICOLOR").is_some_and(|value| value == "0") && !forced;
        let none = said("NO_COLOR").is_some() || off || (dumb && !forced);
        Self { none, forced, dumb }
    }

    fn colour(self, is_terminal: bool) -> bool {
        !self.none && (is_terminal || self.forced)
    }
}

impl Terminal {
    /// `streams` says that rows go to standard output while the work lasts.
    pub fn new(quiet: bool, verbose: u8, streams: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let wish = Wish::of(|name| std::env::var_os(name));
        let interactive = is_terminal && !wish.dumb;
        progress::set(match () {
            // Rows and progress would be mixed on the screen.
            () if quiet || (streams && is_terminal && io::stdout().is_terminal()) => Manner::Silent,
            () if interactive => Manner::Drawn,
            () => Manner::Lines,
        });
        Self { quiet, verbose, colour: wish.colour(is_terminal), wish }
    }

    /// How text for people is set on standard output now: somebody may have resized the terminal.
    pub fn style(&self) -> Style {
        style(&io::stdout(), self.wish)
    }

    /// How text for people is set on standard error now.
    pub fn message_style(&self) -> Style {
        style(&io::stderr(), self.wish)
    }

    /// Writes data to standard output. A reader that has seen enough is no error.
    pub fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        opened::still_there()?;
        let _held = progress::clear();
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::error(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes text without colour to standard output. Whatever is in it, a terminal does nothing but print it.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        self.data(lines(text).as_bytes())
    }

    /// Says something to the person at the terminal, who reads all of it: nothing in it is obeyed.
    pub fn say(&self, text: impl AsRef<str>) {
        self.say_set(lines(text.as_ref()));
    }

    /// The same of text that was set with colour, and the names in it made safe.
    pub fn say_set(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let _held = progress::clear();
            // Nobody can be told that standard error does not work.
            let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// Says something that only `-v` asks for.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    pub fn warn(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.labelled("warning", "33", text.as_ref());
        }
    }

    pub fn failure(&self, failure: &Failure) {
        if failure.exit == Exit::Stopped && failure.message.is_empty() {
            return;
        }
        if failure.is_report {
            let _held = progress::clear();
            let _ = writeln!(io::stderr().lock(), "{}", failure.message);
        } else {
            self.labelled("error", "31", &failure.message);
        }
        if let Some(hint) = &failure.hint {
            self.labelled("hint", "36", hint);
        }
    }

    fn labelled(&self, label: &str, colour: &str, text: &str) {
        let _held = progress::clear();
        let (mut err, text) = (io::stderr().lock(), lines(text));
        let _ = if self.colour {
            writeln!(err, "\x1b[1;{colour}m{label}\x1b[0m: {text}")
        } else {
            writeln!(err, "{label}: {text}")
        };
    }
}

/// Whether somebody can be asked.
pub fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decides_about_colour() {
        // The variables, and whether there is colour on a terminal and elsewhere.
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let facts: [(Variables<'_>, bool, bool); 9] = [
            (&[], true, false),
            (&[("NO_COLOR", "1")], false, false),
            // As no-color.org has it: only if it is not empty.
            (&[("NO_COLOR", "")], true, false),
            (&[("TERM", "dumb")], false, false),
            (&[("CLICOLOR", "0")], false, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[("CLICOLOR_FORCE", "0")], true, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false),
            (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true, true),
        ];
        for (variables, on_terminal, elsewhere) in facts {
            let wish = Wish::of(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()));
            assert_eq!((wish.colour(true), wish.colour(false)), (on_terminal, elsewhere), "{variables:?}");
        }
    }
}

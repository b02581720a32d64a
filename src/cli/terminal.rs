//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use super::exit::{Exit, Failure};
use crate::report::Style;

/// What may be said, and how.
#[derive(Debug)]
pub struct Terminal {
    pub quiet: bool,
    pub verbose: u8,
    /// Standard error is a terminal that understands colour, and nobody asked for none.
    pub colour: bool,
    /// Standard error is a terminal: progress may be drawn there.
    pub interactive: bool,
    style: Style,
    message_style: Style,
}

/// As wide as the terminal that a stream goes to, and coloured only there.
fn style(stream: &(impl IsTerminal + AsFd), colour: bool) -> Style {
    if !stream.is_terminal() {
        return Style::PLAIN;
    }
    // Some terminals do not say how large they are.
    let size = terminal_size::terminal_size_of(stream);
    let width = size.map_or(Style::PLAIN.width, |(columns, _)| usize::from(columns.0).max(40));
    Style { width, colour }
}

impl Terminal {
    pub fn new(quiet: bool, verbose: u8) -> Self {
        let interactive = io::stderr().is_terminal();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = !unwanted && !dumb;
        Self {
            quiet,
            verbose,
            colour: interactive && colour,
            interactive: interactive && !dumb,
            style: style(&io::stdout(), colour),
            message_style: style(&io::stderr(), colour),
        }
    }

    /// How text for people is set on standard output.
    pub fn style(&self) -> Style {
        self.style
    }

    /// How text for people is set on standard error.
    pub fn message_style(&self) -> Style {
        self.message_style
    }

    /// Writes data to standard output. A reader that has seen enough is no error.
    pub fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::error(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something to the person at the terminal.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
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
            let _ = writeln!(io::stderr().lock(), "{}", failure.message);
        } else {
            self.labelled("error", "31", &failure.message);
        }
        if let Some(hint) = &failure.hint {
            self.labelled("hint", "36", hint);
        }
    }

    fn labelled(&self, label: &str, colour: &str, text: &str) {
        let mut err = io::stderr().lock();
        let _ = if self.colour {
            writeln!(err, "\x1b[1;{colour}m{label}\x1b[0m: {text}")
        } else {
            writeln!(err, "{label}: {text}")
        };
    }
}

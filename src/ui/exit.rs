//! Exit statuses: part of the contract with scripts.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Error = 1,
    Usage = 2,
    /// The plan is not empty (`plan --exit-code`).
    NotEmpty = 3,
    /// Drift, or a safety limit: nothing was written.
    Refused = 4,
    /// Verification or rehearsal failed.
    Failed = 5,
    /// Interrupted half-way; can be resumed.
    Interrupted = 6,
    /// Done, with edits skipped because their record had moved.
    Skipped = 7,
    /// Ctrl-C before anything was sent.
    Stopped = 130,
}

/// An error with the status it ends the program with, and what the user can do about it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
    /// The message is a whole report, with its own label.
    pub is_report: bool,
}

impl Failure {
    pub fn new(exit: Exit, message: impl ToString) -> Self {
        Self { exit, message: message.to_string(), hint: None, is_report: false }
    }

    /// An ordinary error.
    pub fn error(message: impl ToString) -> Self {
        Self::new(Exit::Error, message)
    }

    /// Errors that were set as a report already, each with its label and place.
    pub fn report(message: String) -> Self {
        Self { is_report: true, ..Self::error(message) }
    }

    /// A hint, if there is something to do.
    pub fn with_any_hint(self, hint: Option<impl ToString>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    pub fn with_hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

/// What every command gives back.
pub type Outcome = Result<Exit, Failure>;

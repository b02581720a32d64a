//! Patterns: the keys of a record class, and what `not` takes out.

use super::capture::Captures;
use super::form::Form;
use super::glob::Glob;
use super::parse::{Fault, Language, Part, Rules, Wild, parse};

/// A pattern of keys, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As written in the spec.
    pub text: String,
    /// Never empty, no two literals in a row, and no two variable parts.
    pub parts: Vec<Part>,
    /// Those it has, by number.
    pub captures: Captures,
    /// The names it matches.
    pub form: Form,
}

impl Pattern {
    /// The key of a record class. Declares its captures.
    pub fn record(text: &str, captures: &mut Captures) -> Result<Pattern, Fault> {
        Pattern::new(text, Language::Pattern, captures)
    }

    /// A pattern of `not`: the names of its captures mean nothing.
    pub fn not(text: &str) -> Result<Pattern, Fault> {
        Pattern::new(text, Language::Not, &mut Captures::default())
    }

    /// `*`: every key.
    pub fn any() -> Pattern {
        let parts = vec![Part::Wild(Wild::Star)];
        let form = Form::new(&parts, &Captures::default(), None);
        Pattern { text: "*".to_owned(), parts, captures: Captures::default(), form }
    }

    fn new(text: &str, language: Language, captures: &mut Captures) -> Result<Pattern, Fault> {
        let mut rules = Rules { captures, declares: true, record_key: false, only_builds: false, bind: None };
        let parts = parse(text, language, &mut rules)?;
        let captures = captures.clone();
        let form = Form::new(&parts, &captures, None);
        Ok(Pattern { text: text.to_owned(), parts, captures, form })
    }

    /// Whether a key is one of these.
    #[inline]
    pub fn matches(&self, key: &[u8]) -> bool {
        self.form.has(key)
    }

    /// The same as a glob, in which a capture is a star.
    pub fn glob(&self) -> &Glob {
        self.form.glob()
    }

    /// Whether captures make up the whole name, so that it follows from them.
    pub fn follows_from(&self, mut known: impl FnMut(usize) -> bool) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Literal(_) => true,
            Part::Capture(number) => known(*number),
            _ => false,
        })
    }
}

//! What is wrong with a spec, where, and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::text::{lines, name, safe};

/// Everything that is wrong with a spec, in the order of the file. `Display` shows all of it without colour.
#[derive(Clone, Debug)]
pub struct SpecErrors {
    name: String,
    text: String,
    errors: Vec<SpecError>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// What is wrong, as a title.
    pub message: String,
    /// What to write instead, when there is something to say.
    pub help: Option<String>,
    /// Line of the file, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    span: Range<usize>,
}

/// More errors than this are not shown: they are the echo of one mistake.
const MAX_SHOWN: usize = 50;

impl SpecErrors {
    pub(super) fn new(name: &str, text: &str) -> SpecErrors {
        SpecErrors { name: name.to_owned(), text: text.to_owned(), errors: Vec::new() }
    }

    pub(super) fn push(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        let start = floor_boundary(&self.text, span.start);
        let end = floor_boundary(&self.text, span.end).max(start);
        let before = self.text.get(..start).unwrap_or("");
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or("").chars().count().saturating_add(1);
        self.errors.push(SpecError { message, help, line, column, span: start..end });
    }

    /// `Ok` if nothing was pushed.
    pub(super) fn into_result<T>(mut self, value: Option<T>) -> Result<T, SpecErrors> {
        self.errors.sort_by_key(|error| (error.span.start, error.span.end));
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors, never none.
    pub fn errors(&self) -> &[SpecError] {
        &self.errors
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All errors as text for a terminal: message, place, the line with the place marked, and what would be right.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let (path, text) = (name(self.name.as_bytes()), shown(&self.text));
        // What stands before a place decides how long it is when it is shown.
        let place = |at: usize| floor_boundary(&text, shown(self.text.get(..at).unwrap_or_default()).len());
        let mut out = String::new();
        for error in self.errors.iter().take(MAX_SHOWN) {
            if !out.is_empty() {
                out.push_str("\n\n");
            }
            let mark = AnnotationKind::Primary.span(place(error.span.start)..place(error.span.end));
            let snippet = Snippet::source(text.as_str()).path(path.as_str()).annotation(mark);
            let (message, help) = (safe(&error.message), error.help.as_deref().map(lines));
            let title = Level::ERROR.primary_title(&*message);
            let mut report: Vec<Group<'_>> = vec![title.element(snippet)];
            if let Some(help) = &help {
                report.push(Group::with_title(Level::HELP.secondary_title(&**help)));
            }
            out.push_str(&renderer.render(&report));
        }
        let hidden = self.errors.len().saturating_sub(MAX_SHOWN);
        if hidden > 0 {
            out.push_str(&format!("\n\n{hidden} more errors are not shown; fix these first"));
        }
        out
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for SpecErrors {}

/// The text of a spec as it can be shown: line ends and tabs stay, which the renderer sees to.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match (line.strip_suffix("\r\n"), line.strip_suffix('\n')) {
            (Some(line), _) => (line, "\r\n"),
            (None, Some(line)) => (line, "\n"),
            (None, None) => (line, ""),
        };
        for (at, piece) in line.split('\t').enumerate() {
            out.push_str(if at > 0 { "\t" } else { "" });
            out.push_str(&safe(piece));
        }
        out.push_str(end);
    }
    out
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

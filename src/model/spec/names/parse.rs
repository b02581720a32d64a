//! From text to parts.

use std::ops::Range;

use super::capture::{Captures, Kind};
use super::filter::{Case, Filters};
use super::glob::ByteSet;
use super::path::Path;
use crate::model::spec::nearest::nearest;

/// A piece of a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// These bytes, never none.
    Literal(Vec<u8>),
    /// The capture of this number.
    Capture(usize),
    /// `{@key}`: the record's own key.
    RecordKey,
    /// A field of the record: its position among those that the templates of its class use.
    Field(usize),
    /// What filters make of a field: the position among those of its class.
    Filtered(usize),
    /// A field of a retired index, whose value is never needed.
    Wildcard,
    /// Part of a glob: in patterns only.
    Wild(Wild),
}

/// What a glob has beside text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wild {
    /// `*`
    Star,
    /// `?`
    One,
    /// `[a-z]`; what it matches.
    Class(Box<ByteSet>),
}

/// A field, as a template asks for it: two that are equal have the same value in one entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Where its value comes from.
    pub source: Source,
    /// What is done to it.
    pub filters: Filters,
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A path in the record.
    Path(Path),
    /// `{@members[]}`: the members of a record that is a set.
    Members,
}

/// What may stand in a text.
pub struct Rules<'a> {
    /// Those that are declared.
    pub captures: &'a mut Captures,
    /// A capture that is not known is declared; else it is an error.
    pub declares: bool,
    /// `{@key}` means something.
    pub record_key: bool,
    /// The text is never read: two variable parts may have nothing between them.
    pub only_builds: bool,
    /// What part a field becomes; without it a field is an error.
    pub bind: Option<&'a mut dyn FnMut(Field) -> Part>,
}

/// What is wrong, at which bytes of the text, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: Range<usize>,
    pub message: String,
    pub help: String,
}

impl Fault {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { at, message: message.into(), help: help.into() }
    }
}

/// Whether the text is a pattern, and whether the names of its captures mean nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Template,
    Pattern,
    /// Each capture is one of its own.
    Not,
}

/// More variable parts are refused: deriving recurses as deep.
const MAX_PARTS: usize = 64;

pub(super) fn push_literal(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        Some(Part::Literal(literal)) => literal.extend_from_slice(bytes),
        _ => parts.push(Part::Literal(bytes.to_vec())),
    }
}

/// Reads the backslash at `at`: the byte, and where its text ends.
pub(super) fn escape(text: &str, at: usize, more: &[u8]) -> Result<(u8, usize), Fault> {
    let after = at.saturating_add(1);
    let rest = text.as_bytes().get(after..).unwrap_or_default();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match rest {
        [b'\\', ..] => Ok((b'\\', after.saturating_add(1))),
        [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            let (high, low) = (digit(high).unwrap_or(0), digit(low).unwrap_or(0));
            Ok((high << 4 | low, after.saturating_add(3)))
        }
        [byte, ..] if more.contains(byte) => Ok((*byte, after.saturating_add(1))),
        _ => {
            let next = text.get(after..).and_then(|rest| rest.chars().next());
            let end = after.saturating_add(next.map_or(0, char::len_utf8));
            let (message, help) = match next {
                None => ("this \\ escapes nothing", "write \\\\ for a literal backslash"),
                Some('x') => ("\\x wants two hexadecimal digits", "write a byte as \\x00 to \\xff"),
                Some('*' | '?' | '[') => {
                    ("this \\ is not needed", "* ? and [ stand for themselves here: write them without \\")
                }
                Some(_) => ("this \\ means nothing", "write \\\\ for a literal backslash, \\xNN for a byte"),
            };
            Err(Fault::new(at..end, message, help))
        }
    }
}

/// The parts of a text.
pub(super) fn parse(text: &str, language: Language, rules: &mut Rules<'_>) -> Result<Vec<Part>, Fault> {
    let mut parts: Vec<Part> = Vec::new();
    let mut variable: Option<usize> = None;
    let mut count: usize = 0;
    let pattern = language != Language::Template;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.as_bytes().first().copied().unwrap_or(0);
        let next = at.saturating_add(1);
        let (part, end) = match first {
            b'{' if rest.starts_with("{{") => (Part::Literal(vec![b'{']), next.saturating_add(1)),
            b'}' if rest.starts_with("}}") => (Part::Literal(vec![b'}']), next.saturating_add(1)),
            b'}' => return Err(Fault::new(at..next, "this } closes nothing", "write }} for a literal brace")),
            b'{' if pattern && !rest.starts_with("{@") => {
                let help = "write {{ for a literal brace, {@name} for a capture";
                return Err(Fault::new(at..next, "a pattern has no fields", help));
            }
            b'{' => braces(text, at, language, rules)?,
            b'\\' => {
                let (byte, end) = escape(text, at, if pattern { b"*?[" } else { b"" })?;
                (Part::Literal(vec![byte]), end)
            }
            b'*' if pattern => {
                let stars = rest.bytes().take_while(|byte| *byte == b'*').count();
                (Part::Wild(Wild::Star), at.saturating_add(stars))
            }
            b'?' if pattern => (Part::Wild(Wild::One), next),
            b'[' if pattern => {
                let (set, end) = class(text, at)?;
                (Part::Wild(Wild::Class(Box::new(set))), end)
            }
            byte => (Part::Literal(vec![byte]), plain(text, next)),
        };
        if let Part::Literal(bytes) = &part {
            // A character of several bytes is taken as a whole.
            let whole = text.as_bytes().get(at..end).filter(|_| first >= 0x80).unwrap_or(bytes);
            push_literal(&mut parts, whole);
            variable = None;
        } else if matches!(part, Part::Wild(Wild::One | Wild::Class(_))) {
            parts.push(part);
            variable = None;
        } else {
            if let Some(before) = variable.filter(|_| !rules.only_builds) {
                let help = "nothing says where the first one ends: put text between them, or take one of them away";
                return Err(Fault::new(before..end, "two variable parts with nothing between them", help));
            }
            count = count.saturating_add(usize::from(part != Part::Wild(Wild::Star)));
            if count > MAX_PARTS {
                return Err(Fault::new(at..end, format!("more than {MAX_PARTS} variable parts"), "take fewer"));
            }
            variable = Some(at);
            parts.push(part);
        }
        at = end;
    }
    if parts.is_empty() {
        let help = if pattern {
            "write the keys' common part and * for the rest"
        } else {
            "write a name, with {field} where a record's value belongs"
        };
        let message = if pattern { "an empty pattern matches only the empty key" } else { "the template is empty" };
        return Err(Fault::new(0..0, message, help));
    }
    Ok(parts)
}

fn plain(text: &str, mut end: usize) -> usize {
    while !text.is_char_boundary(end) {
        end = end.saturating_add(1);
    }
    end
}

/// What begins with `{` at `at`, and where it ends.
fn braces(text: &str, at: usize, language: Language, rules: &mut Rules<'_>) -> Result<(Part, usize), Fault> {
    let start = at.saturating_add(1);
    let inner = text.get(start..).unwrap_or_default();
    let open =
        || Fault::new(at..text.len(), "this { is never closed", "close it with }, or write {{ for a literal brace");
    let name = until(inner).ok_or_else(open)?;
    let mut end = start.saturating_add(name.len());
    let mut filters = Filters::default();
    let filtered = end;
    while text.as_bytes().get(end) == Some(&b'|') {
        end = filter(text, end.saturating_add(1), &mut filters)?.ok_or_else(open)?;
    }
    if text.as_bytes().get(end) != Some(&b'}') {
        return Err(open());
    }
    let span = at..end.saturating_add(1);
    let has_filters = end > filtered;
    let part = match name.strip_prefix('@') {
        Some("members[]") if language == Language::Template => field(Source::Members, filters, &span, rules)?,
        Some(_) if has_filters => {
            return Err(Fault::new(filtered..end, "filters are for fields", "a capture and {@key} stand as they are"));
        }
        Some("key") if language == Language::Template && rules.record_key => Part::RecordKey,
        Some(capture) => Part::Capture(number(capture, &(start..filtered), language, rules)?),
        None => {
            let path = Path::parse(name).map_err(|fault| {
                let from = start.saturating_add(fault.at);
                let wide = name.get(fault.at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                Fault::new(from..from.saturating_add(wide), fault.message, fault.help)
            })?;
            field(Source::Path(path), filters, &span, rules)?
        }
    };
    Ok((part, span.end))
}

/// The text up to `}` or `|`, neither of them inside quotes.
fn until(text: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => return None,
            '}' | '|' if !quoted => return text.get(..at),
            _ => {}
        }
    }
    None
}

/// Reads the filter at `at`; where it ends.
fn filter(text: &str, at: usize, filters: &mut Filters) -> Result<Option<usize>, Fault> {
    let rest = text.get(at..).unwrap_or_default();
    let Some(length) = rest.find([':', '|', '}']) else { return Ok(None) };
    let name = rest.get(..length).unwrap_or_default();
    let end = at.saturating_add(length);
    let known = "the filters are lower, upper, words and split:TEXT";
    match (name, rest.as_bytes().get(length)) {
        ("lower", Some(b'|' | b'}')) => filters.case = Case::Lower,
        ("upper", Some(b'|' | b'}')) => filters.case = Case::Upper,
        ("words", Some(b'|' | b'}')) => {
            filters.words = true;
            filters.case = Case::Lower;
        }
        ("split", Some(b':')) => {
            let from = end.saturating_add(1);
            let Some(length) = text.get(from..).and_then(|rest| rest.find('}')) else { return Ok(None) };
            let to = from.saturating_add(length);
            let mut between = Vec::new();
            let mut here = from;
            while here < to {
                let (byte, after) = match text.as_bytes().get(here) {
                    Some(b'\\') => escape(text, here, b"")?,
                    byte => (byte.copied().unwrap_or(0), here.saturating_add(1)),
                };
                between.push(byte);
                here = after;
            }
            if between.is_empty() {
                return Err(Fault::new(
                    at..to,
                    "split has no text",
                    "write what stands between the parts: {tags|split:,}",
                ));
            }
            filters.split = Some(between);
            return Ok(Some(to));
        }
        ("split", _) => {
            return Err(Fault::new(
                at..end,
                "split has no text",
                "write what stands between the parts: {tags|split:,}",
            ));
        }
        ("", _) => return Err(Fault::new(at..end, "the name of a filter is missing", known)),
        ("lower" | "upper" | "words", _) => {
            return Err(Fault::new(at..end, format!("{name} takes nothing"), format!("write |{name}")));
        }
        _ => return Err(Fault::new(at..end, format!("there is no filter {name:?}"), known)),
    }
    Ok(Some(end))
}

fn field(source: Source, filters: Filters, span: &Range<usize>, rules: &mut Rules<'_>) -> Result<Part, Fault> {
    match &mut rules.bind {
        Some(bind) => Ok(bind(Field { source, filters })),
        None => Err(Fault::new(
            span.clone(),
            "no record is decoded here, so it has no fields",
            "write a capture, {@name}, or {{ for a literal brace",
        )),
    }
}

/// The number of the capture that the text names and perhaps declares.
fn number(text: &str, span: &Range<usize>, language: Language, rules: &mut Rules<'_>) -> Result<usize, Fault> {
    let fault = |message: String, help: String| Err(Fault::new(span.clone(), message, help));
    let (name, kind) = match (text.strip_suffix('*'), text.split_once(':')) {
        (Some(name), None) => (name, Some(Kind::Any)),
        (_, Some((name, "digits"))) => (name, Some(Kind::Digits)),
        (_, Some((name, "hex"))) => (name, Some(Kind::Hex)),
        (_, Some((name, "uuid"))) => (name, Some(Kind::Uuid)),
        (_, Some((name, kind))) => {
            let help = format!(
                "the kinds are {{@{name}:digits}}, {{@{name}:hex}}, {{@{name}:uuid}}, and {{@{name}*}} for any bytes"
            );
            return fault(format!("there is no kind {kind:?}"), help);
        }
        (None, None) => (text, None),
    };
    if name.is_empty() {
        return fault("the name of a capture is missing".to_owned(), "write {@name}".to_owned());
    }
    if let Some(odd) = name.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-')) {
        let help = "letters, digits, _ and - can; {@members[]} is the one with brackets";
        return fault(format!("{odd:?} cannot stand in the name of a capture"), help.to_owned());
    }
    if matches!(name, "key" | "members") {
        let help = if name == "key" {
            "{@key} is the key of a record, in templates of an index made from records"
        } else {
            "write {@members[]}, in templates of an index made from sets"
        };
        return fault(format!("no capture can be called {name:?} here"), help.to_owned());
    }
    let known = if language == Language::Not { None } else { rules.captures.number(name) };
    match (known, kind) {
        (Some(number), kind) => match rules.captures.kind(number) {
            Some(own) if kind.is_some_and(|kind| kind != own) => fault(
                format!("{{@{name}}} has another kind"),
                format!("it is declared as {{@{name}{}}}; write {{@{name}}} here", own.suffix()),
            ),
            _ => Ok(number),
        },
        (None, kind) if rules.declares => match rules.captures.add(name, kind.unwrap_or(Kind::Plain)) {
            Some(number) => Ok(number),
            None => fault("too many captures".to_owned(), "take fewer".to_owned()),
        },
        (None, _) => fault(format!("{{@{name}}} is never declared"), declared(name, rules)),
    }
}

fn declared(name: &str, rules: &Rules<'_>) -> String {
    let captures = &rules.captures;
    let names: Vec<&str> = (0..captures.len()).filter_map(|at| captures.name(at)).collect();
    let known = names.iter().copied().chain(rules.record_key.then_some("key"));
    match nearest(name, known) {
        Some(near) => format!("did you mean {{@{near}}}?"),
        None if names.is_empty() => {
            "none is: declare it in the key of the record, or in key, member or value of an index with exists"
                .to_owned()
        }
        None => format!(
            "the captures are {}",
            names.iter().map(|name| format!("{{@{name}}}")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Reads a class of a spec, which begins at `at` with `[`: what it matches, and where it ends.
///
/// Beside `\xNN` and `\\`, a backslash may stand before `[ ] ^ - * ?` here. `\xNN` may begin and end a range.
fn class(text: &str, at: usize) -> Result<(ByteSet, usize), Fault> {
    let bytes = text.as_bytes();
    let mut here = at.saturating_add(1);
    let negated = bytes.get(here) == Some(&b'^');
    here = here.saturating_add(usize::from(negated));
    let mut set = ByteSet::default();
    // A byte, where its text ends, and whether it may begin a range.
    let item = |here: usize| -> Result<Option<(u8, usize, bool)>, Fault> {
        match bytes.get(here) {
            None => Ok(None),
            Some(b'\\') => {
                let (byte, after) = escape(text, here, b"[]^-*?")?;
                Ok(Some((byte, after, after.saturating_sub(here) == 4)))
            }
            Some(byte) => Ok(Some((*byte, here.saturating_add(1), true))),
        }
    };
    let open = || {
        let help = "close it with ], or write \\[ for the character itself";
        Fault::new(at..at.saturating_add(1), "this [ is never closed", help)
    };
    loop {
        if bytes.get(here) == Some(&b']') {
            if set.is_empty() {
                let help = "name at least one character, or write \\[ for the character itself";
                return Err(Fault::new(at..here.saturating_add(1), "this class has no character", help));
            }
            return Ok((set.negated_if(negated), here.saturating_add(1)));
        }
        let Some((start, after, ranges)) = item(here)? else { return Err(open()) };
        here = after;
        if ranges && bytes.get(here) == Some(&b'-') && bytes.len() > here.saturating_add(1) {
            let Some((end, after, _)) = item(here.saturating_add(1))? else { return Err(open()) };
            set.add_range(start, end);
            here = after;
        } else {
            set.add(start);
        }
    }
}

/// Bytes as they stand for themselves in a text of this language; in a pattern `*`, `?` and `[` are escaped, too.
pub fn literal(bytes: &[u8], pattern: bool) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '{' | '}' => out.extend([c, c]),
                '\\' => out.push_str("\\\\"),
                '*' | '?' | '[' if pattern => out.extend(['\\', c]),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

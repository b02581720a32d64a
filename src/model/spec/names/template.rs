//! Templates: text with `{…}` in it, filled in from a record.

use super::path::{Path, PathFault};

/// The text of a key, a member or a score with fields in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As written in the spec.
    pub text: String,
    /// Never empty, and no two literals in a row.
    pub parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Literal(Vec<u8>),
    /// `{@key}`: the record's own key.
    RecordKey,
    /// `{a.b}`: the field at this position in the record class's `paths`.
    Field(usize),
    /// A field of a retired index, whose value is never needed.
    Wildcard,
}

/// What is wrong with a template, and at which bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    pub at: std::ops::Range<usize>,
    pub message: String,
    pub help: &'static str,
}

/// More parts than this are refused. Each may become one level of recursion when memberships are derived.
const MAX_PARTS: usize = 64;

impl Template {
    /// `{@key}` alone.
    pub fn record_key() -> Template {
        Template { text: "{@key}".to_owned(), parts: vec![Part::RecordKey] }
    }

    /// Reads a template; `bind` says which part a field becomes.
    pub fn parse(text: &str, bind: &mut dyn FnMut(Path) -> Part) -> Result<Template, TemplateFault> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        let offset = |rest: &str| text.len().saturating_sub(rest.len());
        while let Some(first) = rest.chars().next() {
            let at = offset(rest);
            let fault =
                |end: usize, message: &str, help| TemplateFault { at: at..end, message: message.to_owned(), help };
            if let Some(after) = rest.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('{') {
                let Some((field, after)) = split_field(inner) else {
                    return Err(fault(
                        text.len(),
                        "this { is never closed",
                        "close it with }, or write {{ for a brace as such",
                    ));
                };
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes()));
                }
                parts.push(if field == "@key" {
                    Part::RecordKey
                } else {
                    let start = offset(inner);
                    bind(Path::parse(field).map_err(|fault| located(fault, start, field))?)
                });
                rest = after;
                if parts.len() > MAX_PARTS {
                    return Err(fault(offset(rest), "too many fields in one template", "take fewer"));
                }
            } else if first == '}' {
                return Err(fault(at.saturating_add(1), "this } closes nothing", "write }} for a brace as such"));
            } else {
                let end = rest.find(['{', '}']).unwrap_or(rest.len());
                let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                literal.push_str(text);
                rest = after;
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into_bytes()));
        }
        if parts.is_empty() {
            let help = "write a name, with {field} where a record's value belongs";
            return Err(TemplateFault { at: 0..0, message: "the template is empty".to_owned(), help });
        }
        Ok(Template { text: text.to_owned(), parts })
    }

    /// Whether it is `{@key}` and nothing else.
    pub fn is_record_key(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::RecordKey])
    }

    /// The positions in the class's `paths` of the fields it uses, in order and with repetitions.
    pub fn fields(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| if let Part::Field(path) = part { Some(*path) } else { None })
    }
}

/// The text up to the closing brace, which may not be one inside quotes, and what follows the brace.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => return None,
            '}' if !quoted => {
                let (field, after) = text.split_at_checked(at)?;
                return Some((field, after.strip_prefix('}')?));
            }
            _ => {}
        }
    }
    None
}

fn located(fault: PathFault, start: usize, field: &str) -> TemplateFault {
    let from = start.saturating_add(fault.at);
    let wide = field.get(fault.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    TemplateFault { at: from..from.saturating_add(wide), message: fault.message, help: fault.help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, TemplateFault> {
        let mut fields = 0;
        Template::parse(text, &mut |_| {
            fields += 1;
            Part::Field(fields - 1)
        })
    }

    fn literal(text: &str) -> Part {
        Part::Literal(text.as_bytes().to_vec())
    }

    #[test]
    fn parts() {
        let cases: &[(&str, &[Part])] = &[
            ("{@key}", &[Part::RecordKey]),
            ("a:{b}", &[literal("a:"), Part::Field(0)]),
            ("{a}{b.c}", &[Part::Field(0), Part::Field(1)]),
            ("{{{a}}}", &[literal("{"), Part::Field(0), literal("}")]),
            ("a{{b}}c", &[literal("a{b}c")]),
            ("x{@key}y", &[literal("x"), Part::RecordKey, literal("y")]),
            (r#"{"a}b"}-"#, &[Part::Field(0), literal("-")]),
        ];
        for (text, parts) in cases {
            assert_eq!(parse(text).unwrap().parts, *parts, "{text}");
        }
    }

    #[test]
    fn faults() {
        let cases = [
            ("", 0..0, "empty"),
            ("ab{c", 2..4, "never closed"),
            ("a{b{c}", 1..6, "never closed"),
            ("ab}c", 2..3, "closes nothing"),
            ("x:{}", 3..3, "no field"),
            ("x:{a[1]}", 4..5, "expected []"),
            ("x:{é é}", 5..6, "' '"),
        ];
        for (text, at, message) in cases {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
        }
    }
}

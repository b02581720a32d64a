//! Where in a document a field is: `a.b`, `tags[]`, `items[].id`, `"odd.name".x`.

use std::fmt;

/// Steps from the top of a document down to a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Never empty, and the first is a [`Step::Name`].
    pub steps: Vec<Step>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into the field of this name of an object.
    Name(Vec<u8>),
    /// Into each element of an array.
    Each,
}

/// More steps than this are refused: a document is not read deeper than 128 levels anyway.
const MAX_STEPS: usize = 64;

/// What is wrong with the text of a path, and at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFault {
    pub at: usize,
    pub message: String,
    pub help: &'static str,
}

impl Path {
    /// The members of a record that is a set: `{@members[]}`. No field of another record is called this in a template.
    pub fn members() -> Path {
        Path { steps: vec![Step::Name(b"@members".to_vec()), Step::Each] }
    }

    /// How many `[]` it has.
    pub fn arrays(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Each)).count()
    }

    /// Reads a path as a template has it between its braces: `a`, `a.b`, `tags[]`.
    pub fn parse(text: &str) -> Result<Path, PathFault> {
        let fault =
            |rest: &str, message: String, help| PathFault { at: text.len().saturating_sub(rest.len()), message, help };
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let before = rest;
            let (name, after) = if let Some(quoted) = rest.strip_prefix('"') {
                quoted_name(quoted)
                    .ok_or_else(|| fault(before, "the quoted field name has no end".to_owned(), "end it with \""))?
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (name.to_owned(), after)
            };
            let quoted = before.starts_with('"');
            if name.is_empty() && !quoted {
                let message =
                    if text.is_empty() { "no field between the braces" } else { "a field name is missing here" };
                return Err(fault(before, message.to_owned(), "write {field}, {a.b}, {tags[]} or {@key}"));
            }
            if !quoted
                && let Some(odd) = name.find(|c: char| c.is_whitespace() || c.is_control() || "]\"@$".contains(c))
            {
                let here = before.get(odd..).unwrap_or(before);
                let c = here.chars().next().unwrap_or(' ');
                let help = match c {
                    '@' => {
                        "the one name with an @ is {@key}, the record's own key; quote a field name that has one: {\"a@b\"}"
                    }
                    '$' => "a path starts at the top without $: {a.b}; quote a field name that has one: {\"$a\"}",
                    _ => "quote a field name that has such a character: {\"odd name\"}",
                };
                return Err(fault(here, format!("{c:?} cannot stand in a field name"), help));
            }
            steps.push(Step::Name(name.into_bytes()));
            rest = after;
            while let Some(inner) = rest.strip_prefix('[') {
                let Some(after) = inner.strip_prefix(']') else {
                    let help = "[] stands for every element of an array; one element by its number cannot be asked for";
                    return Err(fault(rest, "expected []".to_owned(), help));
                };
                steps.push(Step::Each);
                rest = after;
            }
            if steps.len() > MAX_STEPS {
                return Err(fault(before, format!("more than {MAX_STEPS} steps"), "take a shorter path"));
            }
            if rest.is_empty() {
                return Ok(Path { steps });
            }
            rest = rest.strip_prefix('.').ok_or_else(|| {
                fault(rest, "expected . or [] after a field name".to_owned(), "write {a.b} or {tags[]}")
            })?;
        }
    }
}

/// The name up to the closing quote (`\"` and `\\` are escapes), and what follows it.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((name, chars.as_str())),
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Each => f.write_str("[]")?,
                Step::Name(name) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    let name = String::from_utf8_lossy(name);
                    let odd = |c: char| c.is_whitespace() || c.is_control() || ".[]{}\"@$".contains(c);
                    if name.is_empty() || name.contains(odd) {
                        write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))?;
                    } else {
                        f.write_str(&name)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Step {
        Step::Name(text.as_bytes().to_vec())
    }

    #[test]
    fn steps() {
        let cases: &[(&str, &[Step])] = &[
            ("a", &[name("a")]),
            ("a.b", &[name("a"), name("b")]),
            ("tags[]", &[name("tags"), Step::Each]),
            ("items[].id", &[name("items"), Step::Each, name("id")]),
            ("m[][]", &[name("m"), Step::Each, Step::Each]),
            (r#""a.b".c"#, &[name("a.b"), name("c")]),
            (r#""q\"\\""#, &[name("q\"\\")]),
            (r#""""#, &[name("")]),
            ("é-x_1", &[name("é-x_1")]),
        ];
        for (text, steps) in cases {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.steps, *steps, "{text}");
            assert_eq!(path.to_string(), *text);
        }
    }

    #[test]
    fn faults() {
        let cases = [
            ("", 0, "no field"),
            ("a.", 2, "missing"),
            (".a", 0, "missing"),
            ("a..b", 2, "missing"),
            ("[]", 0, "missing"),
            ("a[0]", 1, "expected []"),
            ("a[", 1, "expected []"),
            ("a]", 1, "']'"),
            ("a[]b", 3, "expected ."),
            ("a b", 1, "' '"),
            ("$.a", 0, "'$'"),
            ("@id", 0, "'@'"),
            ("x.\"a", 2, "no end"),
            ("\"a\"b", 3, "expected ."),
        ];
        for (text, at, message) in cases {
            let fault = Path::parse(text).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
        }
    }
}

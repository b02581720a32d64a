//! What names a template gives, and how such a name is read.
//!
//! A name *has the form* of a template if some reading fits all of it. Of several readings the one counts whose first
//! variable part is shortest, then the second, and so on. `{@key}` stands for the names of a record class, a field for any
//! bytes.

use std::ops::Range;

use super::glob::Glob;
use super::template::{Part, Template};

/// The names that one template gives. Compiled once; reading a name takes no longer than matching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    glob: Glob,
    /// For each field, in the order of the template, the star of the glob that stands for it.
    fields: Vec<usize>,
    literals: usize,
}

impl Form {
    /// The form of a template. `class` is the key pattern of the records that it is filled in from; without one, `{@key}`
    /// stands for any bytes.
    pub fn new(template: &Template, class: Option<&Glob>) -> Form {
        let mut pattern = Vec::new();
        let mut fields = Vec::new();
        for part in &template.parts {
            match (part, class) {
                (Part::Literal(bytes), _) => Glob::escape(bytes, &mut pattern),
                (Part::RecordKey, Some(class)) => pattern.extend_from_slice(class.as_bytes()),
                (Part::RecordKey, None) => {
                    star(&mut pattern);
                }
                (Part::Field(_) | Part::Wildcard, _) => fields.push(star(&mut pattern)),
            }
        }
        let glob = Glob::new(&pattern);
        let literals = glob.literals();
        Form { glob, fields, literals }
    }

    /// All names of this form, as a pattern.
    pub fn glob(&self) -> &Glob {
        &self.glob
    }

    /// Whether a name has this form.
    pub fn has(&self, name: &[u8]) -> bool {
        self.glob.matches(name)
    }

    /// Whether every name has it.
    pub fn is_any(&self) -> bool {
        self.glob.as_bytes() == b"*"
    }

    /// How many bytes are the same in every name: of two forms the one with more of them says more about a name.
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// How many fields a name is read into.
    pub fn fields(&self) -> usize {
        self.fields.len()
    }

    /// Reads a name: where in it each field stands, in the order of the template. False if it has not this form.
    pub fn read(&self, name: &[u8], fields: &mut Vec<Range<usize>>) -> bool {
        fields.clear();
        let mut stars = Vec::new();
        if !self.glob.read(name, &mut stars) {
            return false;
        }
        for (at, star) in self.fields.iter().enumerate() {
            let found = stars.get(*star).cloned().unwrap_or(0..0);
            // Of fields with nothing between them the first ones are empty, as short as can be.
            let shared = self.fields.get(at.saturating_add(1)) == Some(star);
            fields.push(if shared { found.start..found.start } else { found });
        }
        true
    }
}

/// Sees to it that a pattern ends with a star, and gives the number of that star. One right after another is the same
/// star: there is nothing between them.
fn star(pattern: &mut Vec<u8>) -> usize {
    if !Glob::ends_with_star(pattern) {
        pattern.push(b'*');
    }
    Glob::stars(pattern).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str, class: Option<&str>) -> Form {
        let template = Template::parse(text, &mut |_| Part::Wildcard).unwrap();
        Form::new(&template, class.map(|class| Glob::new(class.as_bytes())).as_ref())
    }

    /// What each field of the name is read as.
    fn read<'n>(form: &Form, name: &'n str) -> Option<Vec<&'n str>> {
        let mut fields = Vec::new();
        form.read(name.as_bytes(), &mut fields).then(|| fields.into_iter().map(|at| &name[at]).collect())
    }

    #[test]
    fn a_name_is_read_with_the_first_part_as_short_as_can_be() {
        let cases: &[(&str, &str, Option<&[&str]>)] = &[
            ("a:{x}", "a:b", Some(&["b"])),
            ("a:{x}", "a:b:c", Some(&["b:c"])),
            ("a:{x}", "a:", Some(&[""])),
            ("a:{x}", "b:a", None),
            ("a:{x}:{y}", "a:b:c:d", Some(&["b", "c:d"])),
            ("a:{x}:{y}", "a:b", None),
            ("a:{x}:z", "a:b:z:z", Some(&["b:z"])),
            ("a:{x}:z", "a:z", None),
            ("{x}:{y}:{z}", ":::", Some(&["", "", ":"])),
            ("{x}{y}-", "ab-c-", Some(&["", "ab-c"])),
            ("a*[{x}]?", "a*[q]?", Some(&["q"])),
            ("a*[{x}]?", "ab[q]c", None),
            ("fixed", "fixed", Some(&[])),
            ("fixed", "fixe", None),
        ];
        for (template, name, expected) in cases {
            assert_eq!(read(&form(template, None), name).as_deref(), *expected, "{template} {name}");
        }
    }

    #[test]
    fn the_key_of_a_record_stands_for_names_of_its_class() {
        let cases: &[(&str, &str, &str, Option<&[&str]>)] = &[
            ("{@key}:idx", "user:*", "user:7:idx", Some(&[])),
            ("{@key}:idx", "user:*", "order:7:idx", None),
            ("i:{@key}:{x}", "u:*", "i:u:1:2", Some(&["2"])),
            ("i:{@key}:{x}", "u:?", "i:u:1:2", Some(&["2"])),
            ("i:{@key}:{x}", "u:?", "i:u:12:2", None),
            ("i:{x}:{@key}", "u:[0-9]*", "i:a:u:7:u:8", Some(&["a"])),
        ];
        for (template, class, name, expected) in cases {
            assert_eq!(read(&form(template, Some(class)), name).as_deref(), *expected, "{template} {class} {name}");
        }
        let one = form("{@key}:idx", Some("user:*"));
        assert_eq!((one.glob().to_string().as_str(), one.literals()), ("user:*:idx", 9));
        assert!(form("{x}", None).is_any() && form("{@key}", Some("*")).is_any() && !one.is_any());
        let families = [
            ("discord:projects:all", "discord:projects:all"),
            ("a:{b}", "a:*"),
            ("{a}{b}:{c}", "*:*"),
            ("a*[{b}?\\", r"a\*\[*\?\\"),
            ("{{a}}:{b}", "{a}:*"),
        ];
        for (template, pattern) in families {
            assert_eq!(form(template, None).glob().to_string(), pattern, "{template}");
        }
        assert_eq!(form("ab:{c}:{{", None).literals(), 5);
    }
}

//! From the name of a key back to the fields that a template was filled in with.

use crate::model::spec::{Part, Template};

/// What stands in the place of each `{…}` of a template in a name that it could have given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unified<'n> {
    /// In the order of the template.
    pub values: Vec<(Part, &'n [u8])>,
    /// There is no other way to cut the name.
    pub unique: bool,
}

/// Cuts a name along a template; `None` if the template cannot give it.
pub fn unify<'n>(template: &Template, name: &'n [u8]) -> Option<Unified<'n>> {
    let mut parts = template.parts.as_slice();
    let mut rest = name;
    if let [Part::Literal(literal), after @ ..] = parts {
        rest = rest.strip_prefix(literal.as_slice())?;
        parts = after;
    }
    if let [before @ .., Part::Literal(literal)] = parts {
        rest = rest.strip_suffix(literal.as_slice())?;
        parts = before;
    }
    let mut unified = Unified { values: Vec::new(), unique: true };
    while let [part, after @ ..] = parts {
        let value;
        (value, rest, parts) = match after {
            [] => (rest, &[][..], after),
            [Part::Literal(literal), after @ ..] => {
                let at = memchr::memmem::find(rest, literal)?;
                let (value, behind) = rest.split_at_checked(at)?;
                let next = behind.get(literal.len()..)?;
                // A literal that comes again, perhaps overlapping, could have been the one that was meant.
                unified.unique &= memchr::memmem::find(behind.get(1..)?, literal).is_none();
                (value, next, after)
            }
            // Two fields side by side: nothing says where one ends.
            _ => {
                unified.unique = false;
                (&[][..], rest, after)
            }
        };
        unified.values.push((part.clone(), value));
    }
    rest.is_empty().then_some(unified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Spec;

    fn template(key: &str) -> Template {
        let text = format!(
            "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
             from = \"r\"\nkey = \"{key}\"\nmember = \"{{@key}}\"\n"
        );
        let spec = Spec::parse(&text, "test").unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        spec.indexes[0].key.clone()
    }

    #[test]
    fn names_are_cut_along_the_template() {
        type Expected<'e> = Option<(&'e [&'e str], bool)>;
        let facts: [(&str, &str, Expected); 11] = [
            ("i:{a}", "i:x", Some((&["x"], true))),
            ("i:{a}", "i:", Some((&[""], true))),
            ("i:{a}", "i", None),
            ("i:{a}:z", "i:x:z", Some((&["x"], true))),
            ("i:{a}:z", "i:z", None),
            ("i:{a}:{b}", "i:x:y", Some((&["x", "y"], true))),
            // a could be "x" with b = "y:z", or "x:y" with b = "z".
            ("i:{a}:{b}", "i:x:y:z", Some((&["x", "y:z"], false))),
            ("i:{a}:{b}", "i::", Some((&["", ""], true))),
            // It could be cut at either of the last two.
            ("i:{a}:{b}", "i:::", Some((&["", ":"], false))),
            ("i:all", "i:all", Some((&[], true))),
            ("i:all", "i:all2", None),
        ];
        for (key, name, expected) in facts {
            let template = template(key);
            let found = unify(&template, name.as_bytes());
            let found = found.map(|found| {
                let values: Vec<&str> = found.values.iter().map(|(_, v)| std::str::from_utf8(v).unwrap()).collect();
                (values, found.unique)
            });
            let expected = expected.map(|(values, unique)| (values.to_vec(), unique));
            assert_eq!(found, expected, "{key} {name}");
        }
    }
}

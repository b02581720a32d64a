//! JSON as the contract wants it read: numbers as written, and of fields with the same name the last.

pub enum Json {
    Null,
    /// A number, `true` or `false`.
    Literal(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// None if `serde_json` finds anything wrong with the text.
    pub fn parse(bytes: &[u8]) -> Option<Json> {
        let text = std::str::from_utf8(bytes).ok()?;
        serde_json::from_str::<serde_json::Value>(text).ok()?;
        let mut rest = text;
        let json = value(&mut rest);
        assert!(rest.trim().is_empty(), "{rest}");
        Some(json)
    }

    pub fn field(&self, name: &str) -> Option<&Json> {
        let Json::Object(fields) = self else { return None };
        fields.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Whether any string in it, names included, is this.
    pub fn names(&self, wanted: &[u8]) -> bool {
        match self {
            Json::Null | Json::Literal(_) => false,
            Json::Text(text) => text.as_bytes() == wanted,
            Json::Array(items) => items.iter().any(|item| item.names(wanted)),
            Json::Object(fields) => fields.iter().any(|(name, value)| name.as_bytes() == wanted || value.names(wanted)),
        }
    }
}

/// Reads a value from text that is known to be right.
fn value(rest: &mut &str) -> Json {
    *rest = rest.trim_start();
    let json = match rest.as_bytes()[0] {
        b'{' => {
            let mut fields = Vec::new();
            inside(rest, '}', |rest| {
                let name = string(rest);
                *rest = rest.trim_start().strip_prefix(':').expect("a colon");
                fields.push((name, value(rest)));
            });
            Json::Object(fields)
        }
        b'[' => {
            let mut items = Vec::new();
            inside(rest, ']', |rest| items.push(value(rest)));
            Json::Array(items)
        }
        b'"' => Json::Text(string(rest)),
        _ => {
            let end = rest.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            if word == "null" { Json::Null } else { Json::Literal(word.to_owned()) }
        }
    };
    *rest = rest.trim_start();
    json
}

fn inside(rest: &mut &str, close: char, mut each: impl FnMut(&mut &str)) {
    *rest = rest[1..].trim_start();
    while !rest.starts_with(close) {
        each(rest);
        *rest = rest.trim_start();
        *rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    *rest = &rest[1..];
}

fn string(rest: &mut &str) -> String {
    let bytes = rest.as_bytes();
    let mut end = 1;
    while bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    let (own, after) = rest.split_at(end + 1);
    *rest = after;
    serde_json::from_str(own).expect("a string")
}

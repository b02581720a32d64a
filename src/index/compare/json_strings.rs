//! All strings of a JSON document, names included.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Calls `each` with every string in `text`, its escapes undone. False if `text` is no JSON, or nests too deeply.
pub fn strings(text: &[u8], each: &mut dyn FnMut(&[u8])) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(text);
    Strings(each).deserialize(&mut reader).is_ok() && reader.end().is_ok()
}

struct Strings<'f>(&'f mut dyn FnMut(&[u8]));

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        (self.0)(text.as_bytes());
        Ok(())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Strings(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Strings(&mut *self.0))?.is_some() {
            map.next_value_seed(Strings(&mut *self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::strings;

    #[test]
    fn names_and_values_at_any_depth() {
        let mut found = Vec::new();
        let text = br#"{"a":[1,-2.5,null,true,{"\u0062":"c\n"}],"a":"d"}"#;
        assert!(strings(text, &mut |string| found.push(String::from_utf8(string.to_vec()).unwrap())));
        assert_eq!(found, ["a", "b", "c\n", "a", "d"]);
        assert!(!strings(b"[1", &mut |_| ()));
        assert!(!strings(b"1 2", &mut |_| ()));
    }
}

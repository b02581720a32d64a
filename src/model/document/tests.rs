//! Facts about documents, and serde_json as the judge of what is one.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::model::spec::Step;

/// A path as a spec writes it, without quotes.
fn path(text: &str) -> Path {
    let mut steps = Vec::new();
    for name in text.split('.') {
        let plain = name.trim_end_matches("[]");
        steps.push(Step::Name(plain.as_bytes().to_vec()));
        steps.extend((0..(name.len() - plain.len()) / 2).map(|_| Step::Each));
    }
    Path { steps }
}

fn extractor(paths: &[&str]) -> Extractor {
    Extractor::new(&paths.iter().map(|text| path(text)).collect::<Vec<_>>())
}

fn show(slot: Slot<'_>) -> String {
    match slot {
        Slot::Absent => "absent".to_owned(),
        Slot::Null => "null".to_owned(),
        Slot::Text(bytes) => format!("'{}'", String::from_utf8_lossy(bytes)),
        Slot::Literal(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Slot::Composite => "composite".to_owned(),
    }
}

/// All values at a path: `value`, or `position:value` for those in arrays.
fn values(slots: &Slots<'_>, path: usize) -> String {
    let one = |(positions, slot): (&[u32], Slot<'_>)| {
        let mut text = String::new();
        for position in positions {
            text += &if *position == u32::MAX { "?:".to_owned() } else { format!("{position}:") };
        }
        text + &show(slot)
    };
    slots.elements(path).map(one).collect::<Vec<_>>().join(" ")
}

fn json(paths: &[&str], text: &str) -> String {
    let mut extractor = extractor(paths);
    let mut read = || match extractor.json(text.as_bytes()) {
        Ok(slots) => (0..paths.len()).map(|path| values(&slots, path)).collect::<Vec<_>>().join(" | "),
        Err(error) => error.to_string(),
    };
    let first = read();
    // Its shape may be known by now.
    assert_eq!(read(), first);
    first
}

/// Feeds a document to [`Events`], in the order and with the duplicates of the text: values without any structure error.
fn feed(events: &mut Events<'_>, value: &Json) {
    match value {
        Json::Null => events.null(),
        Json::Bool(true) => events.literal(b"true"),
        Json::Bool(false) => events.literal(b"false"),
        Json::Number(number) => events.literal(number.to_string().as_bytes()),
        Json::String(text) => events.text(text.as_bytes()),
        Json::Array(elements) => {
            events.start_array();
            elements.iter().for_each(|element| feed(events, element));
            events.end();
        }
        Json::Object(fields) => {
            events.start_object();
            for (name, value) in fields {
                events.key(name.as_bytes());
                feed(events, value);
            }
            events.end();
        }
    }
}

macro_rules! facts {
    ($($name:ident: $paths:expr, $text:expr => $expected:expr;)*) => {
        $(#[test] fn $name() { assert_eq!(json(&$paths, $text), $expected); })*
    };
}

facts! {
    a_string: ["id"], r#"{"id":"x"}"# => "'x'";
    absent: ["id"], r#"{"other":"x"}"# => "";
    null: ["id"], r#"{"id":null}"# => "null";
    numbers_stay_as_written: ["a", "b", "c", "d"], r#"{"a":42,"b":4.50,"c":-0,"d":1E+2}"# => "42 | 4.50 | -0 | 1E+2";
    a_huge_number: ["a"], r#"{"a":1e999,"b":123456789012345678901234567890}"# => "1e999";
    booleans: ["a", "b"], r#"{"a":true,"b":false}"# => "true | false";
    object_for_scalar: ["a"], r#"{"a":{"b":1}}"# => "composite";
    array_for_scalar: ["a"], r#"{"a":[]}"# => "composite";
    nested: ["a.b"], r#"{"a":{"x":1,"b":"y"}}"# => "'y'";
    name_inside_scalar: ["a.b"], r#"{"a":7}"# => "";
    name_inside_null: ["a.b"], r#"{"a":null}"# => "";
    name_inside_array: ["a.b"], r#"{"a":[{"b":1}]}"# => "composite";
    decoy_deeper: ["id"], r#"{"x":{"id":1},"y":[{"id":2}],"id":3}"# => "3";
    decoy_in_a_string: ["id"], r#"{"x":"\"id\":\"no\",","id":"yes"}"# => "'yes'";
    decoy_by_prefix: ["id"], r#"{"id2":1,"i":2,"ID":3}"# => "";
    decoy_shallower: ["a.b"], r#"{"b":1,"a":{"b":2}}"# => "2";
    escaped_name: ["projectId"], r#"{"project\u0049d":"x"}"# => "'x'";
    escaped_name_decoy: ["id"], r#"{"i\u0064\u0000":1}"# => "";
    escapes: ["a"], r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00"}"# => "'\"\\/\u{8}\u{c}\n\r\té€😀'";
    escaped_nul: ["a"], r#"{"a":"x\u0000y"}"# => "'x\0y'";
    utf8: ["é"], r#"{"é":"ü"}"# => "'ü'";
    empty_string: ["a"], r#"{"a":""}"# => "''";
    empty_object: ["a"], " {} " => "";
    white_space: ["a", "b"], "\r\n{ \"a\" :\t1 , \"b\" : [ ] }\n" => "1 | composite";
    last_wins: ["a"], r#"{"a":1,"a":2}"# => "2";
    last_wins_escaped: ["a"], r#"{"a":1,"\u0061":2}"# => "2";
    last_wins_null: ["a"], r#"{"a":1,"a":null}"# => "null";
    last_wins_over_composite: ["a"], r#"{"a":{},"a":1}"# => "1";
    last_wins_composite: ["a"], r#"{"a":1,"a":{}}"# => "composite";
    last_wins_with_its_subtree: ["a.b", "a.c"], r#"{"a":{"b":1,"c":2},"a":{"c":3}}"# => " | 3";
    last_wins_scalar_over_subtree: ["a.b"], r#"{"a":{"b":1},"a":5}"# => "";
    last_wins_over_an_array: ["a.b"], r#"{"a":[],"a":{"b":1}}"# => "1";
    last_wins_inside: ["a.b"], r#"{"a":{"b":1,"b":2}}"# => "2";
    last_wins_array: ["t[]"], r#"{"t":[1,2,3],"t":[4]}"# => "0:4";
    last_wins_array_empty: ["t[]"], r#"{"t":[1],"t":[]}"# => "";
    last_wins_array_scalar: ["t[]"], r#"{"t":[1],"t":null}"# => "";
    last_wins_in_one_element: ["i[].a"], r#"{"i":[{"a":1},{"a":2,"a":3},{"a":4}]}"# => "0:1 1:3 2:4";
    last_wins_in_one_element_nested: ["i[].t[]"], r#"{"i":[{"t":[1,2]},{"t":[3,4],"t":[5]}]}"# => "0:0:1 0:1:2 1:0:5";
    last_wins_in_one_element_composite: ["i[].t[]"], r#"{"i":[{"t":1,"t":[2]}]}"# => "0:0:2";
    elements: ["t[]"], r#"{"t":["a",1,null,true]}"# => "0:'a' 1:1 2:null 3:true";
    elements_of_elements: ["m[][]"], r#"{"m":[[1],[],[2,3]]}"# => "0:0:1 2:0:2 2:1:3";
    elements_none: ["t[]"], r#"{"t":[]}"# => "";
    elements_of_null: ["t[]"], r#"{"t":null}"# => "";
    elements_of_scalar: ["t[]"], r#"{"t":"a"}"# => "?:composite";
    elements_of_object: ["t[]"], r#"{"t":{"a":1}}"# => "?:composite";
    elements_composite: ["t[]"], r#"{"t":[1,[2],{}]}"# => "0:1 1:composite 2:composite";
    elements_one_short: ["m[][]"], r#"{"m":[[1],2,null]}"# => "0:0:1 1:?:composite";
    fields_of_elements: ["i[].id", "i[].ts"], r#"{"i":[{"id":1,"ts":2},{"ts":3},{"id":4}]}"# => "0:1 2:4 | 0:2 1:3";
    fields_of_scalar_elements: ["i[].id"], r#"{"i":[1,null,{"id":2},[3]]}"# => "2:2 3:composite";
    a_path_and_one_below: ["a", "a.b"], r#"{"a":{"b":1}}"# => "composite | 1";
    top_level_array: ["a", "t[]"], r#"[{"a":1}]"# => "not an object at byte 0";
    top_level_scalar: ["a"], " 5" => "not an object at byte 1";
    top_level_null: ["a"], "null" => "not an object at byte 0";
    top_level_true: [], "true" => "not an object at byte 0";
    encoded_twice: ["a"], r#""{\"a\":1}""# => "not an object at byte 0";
    white_space_before: ["a"], "\t\r\n {\"a\":1}" => "1";
    cut: ["a"], r#"{"a":1"# => "the text ends too early at byte 6";
    cut_in_a_string: ["a"], r#"{"a":1,"b":"xyz"# => "the text ends too early at byte 15";
    empty_text: ["a"], "" => "the text ends too early at byte 0";
    trailing: ["a"], r#"{"a":1} x"# => "something follows the document at byte 8";
    trailing_comma: ["a"], r#"{"a":1,}"# => "expected a field name in quotes at byte 7";
    trailing_comma_in_a_skipped_array: ["a"], r#"{"b":[1,]}"# => "expected a value at byte 8";
    raw_control_character: ["a"], "{\"a\":\"x\ty\"}" => "a control character in a string at byte 7";
    half_a_pair: ["a"], r#"{"a":"\ud83d"}"# => "not an escape at byte 6";
    half_a_pair_unwanted: ["a"], r#"{"b":"\ude00"}"# => "not an escape at byte 6";
    wrong_pair: ["a"], r#"{"a":"\ud83d\u0041"}"# => "not an escape at byte 6";
    leading_zero: ["a"], r#"{"b":01}"# => "expected , or } in an object at byte 6";
    wrong_close: ["a"], r#"{"b":[1}}"# => "expected , or ] in an array at byte 7";
    byte_order_mark: ["a"], "\u{feff}{}" => "expected a value at byte 0";
}

#[test]
fn not_utf8() {
    let error = extractor(&["a"]).json(b"{\"a\":\"x\xff\"}").unwrap_err();
    assert_eq!((error.at, error.reason), (7, "not UTF-8"));
}

#[test]
fn every_string_length_ends_where_it_should() {
    // Around the block sizes of the scanner, with each byte that ends a plain stretch.
    for length in 0..100 {
        for (inner, outer) in [("", ""), ("\\n", "\n"), ("é", "é"), ("\\\"", "\"")] {
            let plain = "x".repeat(length);
            let text = format!("{{\"b\":\"{plain}{inner}{plain}\",\"a\":\"{plain}{inner}\"}}");
            let mut extractor = extractor(&["a"]);
            let slots = extractor.json(text.as_bytes()).unwrap();
            assert_eq!(slots.get(0), Slot::Text(format!("{plain}{outer}").as_bytes()), "{text}");
        }
        let control = format!("{{\"b\":\"{}\u{1f}\"}}", "x".repeat(length));
        assert_eq!(extractor(&["a"]).json(control.as_bytes()).unwrap_err().at, 6 + length);
    }
}

#[test]
fn depth() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    // 128 levels are read and 129 are not, whether they are skipped or walked, from arrays or objects.
    for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("{\"a\":", "}")] {
        let mut extractor = extractor(&["a.a.a"]);
        assert!(extractor.read(nested(open, close, 128).as_bytes()).is_ok(), "{open}");
        let error = extractor.read(nested(open, close, 129).as_bytes()).unwrap_err();
        assert_eq!((error.at, error.reason), (open.len() * 128, "nested too deeply"), "{open}");
    }
    let error = extractor(&["a[][]"]).json("[".repeat(1 << 20).as_bytes()).unwrap_err();
    assert_eq!(error.reason, "nested too deeply");
}

#[test]
fn too_many_values() {
    let text = |count: usize| format!(r#"{{"t":[{}1]}}"#, "1,".repeat(count - 1));
    let mut extractor = extractor(&["t[]"]);
    assert_eq!(extractor.json(text(4_194_304).as_bytes()).unwrap().len(0), 4_194_304);
    assert_eq!(extractor.json(text(4_194_305).as_bytes()).unwrap_err().reason, "too many elements");
    // Elements that are not wanted are not kept, and not counted.
    let unwanted = text(4_194_305).replace("\"t\"", "\"u\"");
    assert_eq!(extractor.json(unwanted.as_bytes()).unwrap().len(0), 0);
}

#[test]
fn hashes() {
    let mut extractor = extractor(&["a.b", "tags[]", "id", "none", "i[].x"]);
    let fields: [(&[u8], &[u8]); 5] =
        [(b"id", b"\xff\0"), (b"a.b", b"2"), (b"a", b"3"), (b"tags", b"[1]"), (b"i.x", b"4")];
    let slots = extractor.hash(fields);
    assert_eq!(slots.get(2), Slot::Text(b"\xff\0"));
    assert_eq!((0..5).map(|path| values(&slots, path)).collect::<Vec<_>>()[0], "'2'");
    assert_eq!(values(&slots, 1), "?:composite");
    assert_eq!((slots.get(3), values(&slots, 4).as_str()), (Slot::Absent, ""));
    let hash = extractor.hash_fields();
    assert!(hash.wants(b"a.b") && !hash.wants(b"a"));
}

#[test]
fn nothing_stays_for_the_next_document() {
    let mut extractor = extractor(&["a", "t[]"]);
    assert!(extractor.json(br#"{"a":"\n","t":[1,2]}"#).is_ok());
    assert!(extractor.json(br#"{"a":1,"t":[3,{"#).is_err());
    let slots = extractor.json(b"{}").unwrap();
    assert_eq!((slots.get(0), slots.len(1)), (Slot::Absent, 0));
}

#[test]
fn events_that_make_no_sense() {
    type Feed = fn(&mut Events<'_>);
    let cases: [(Feed, &str); 8] = [
        (|_| {}, "the document has no end"),
        (|e| e.key(b"a"), "a field name outside an object"),
        (|e| e.end(), "an end where none is expected"),
        (|e| [e.null(), e.null()].iter().for_each(drop), "a value where none is expected"),
        (|e| [e.start_object(), e.null()].iter().for_each(drop), "a value where none is expected"),
        (|e| [e.start_object(), e.key(b"a"), e.end()].iter().for_each(drop), "an end where none is expected"),
        (
            |e| [e.start_object(), e.key(b"a"), e.key(b"a")].iter().for_each(drop),
            "a field name where a value is expected",
        ),
        (|e| (0..129).for_each(|_| e.start_array()), "nested too deeply"),
    ];
    for (feed, reason) in cases {
        let mut extractor = extractor(&["a", "t[]"]);
        let mut events = extractor.events();
        feed(&mut events);
        assert_eq!(events.finish().unwrap_err().reason, reason);
    }
}

/// Any JSON value with few names, so that paths meet it.
fn any_json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[a-b\"\\\\\n\u{1}é😀/]{0,12}".prop_map(Json::from),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::hash_map("[abt\n]{1}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// The rules of paths, walked on a tree.
fn walk(value: &Json, steps: &[Step], positions: &str, arrays: usize, out: &mut Vec<String>) {
    match (value, steps.split_first()) {
        (Json::Null, None) => out.push(format!("{positions}null")),
        (Json::String(text), None) => out.push(format!("{positions}'{text}'")),
        (Json::Object(_) | Json::Array(_), None) => out.push(format!("{positions}composite")),
        (scalar, None) => out.push(format!("{positions}{scalar}")),
        (Json::Null, Some(_)) => {}
        (Json::Array(elements), Some((Step::Each, rest))) => {
            for (at, element) in elements.iter().enumerate() {
                walk(element, rest, &format!("{positions}{at}:"), arrays - 1, out);
            }
        }
        (Json::Object(fields), Some((Step::Name(name), rest))) => {
            if let Some(value) = fields.get(std::str::from_utf8(name).unwrap()) {
                walk(value, rest, positions, arrays, out);
            }
        }
        (_, Some((Step::Each, _))) | (Json::Array(_), Some(_)) => {
            out.push(format!("{positions}{}composite", "?:".repeat(arrays)));
        }
        (_, Some((Step::Name(_), _))) => {}
    }
}

const PATHS: &[&str] = &["a", "b", "a.b", "t[]", "t[].a", "t[].a.b", "t[].t[]", "t[][]", "a.t[].b", "a.a.a", "\n"];

/// The walk's answer for every path.
fn expected(value: &Json) -> Vec<String> {
    let walked = |text: &&str| {
        let path = path(text);
        let mut out = Vec::new();
        walk(value, &path.steps, "", path.arrays(), &mut out);
        out.join(" ")
    };
    PATHS.iter().map(walked).collect()
}

/// Holds our yes or no against serde_json's, and what we take for a record's against what it takes for an object. True if
/// both say yes.
fn same_verdict(text: &[u8]) -> Result<bool, TestCaseError> {
    let mut extractor = extractor(PATHS);
    let ours = extractor.read(text).map_err(|error| error.to_string());
    let theirs = serde_json::from_slice::<Json>(text).map_err(|error| error.to_string());
    prop_assert!(
        ours.is_err() || theirs.is_err() || extractor.json(text).is_ok() == theirs.as_ref().is_ok_and(Json::is_object)
    );
    if let Err(error) = &theirs {
        // It evaluates numbers, which we do not; it counts one level less.
        prop_assume!(!error.starts_with("number out of range") && !error.starts_with("recursion limit"));
    }
    prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?} {}", ours, theirs, String::from_utf8_lossy(text));
    Ok(ours.is_ok())
}

proptest! {
    #[test]
    fn extracts_what_a_walk_finds(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut extractor = extractor(PATHS);
        if !value.is_object() {
            prop_assert_eq!(extractor.json(text.as_bytes()).unwrap_err().reason, "not an object");
            let mut events = extractor.events();
            feed(&mut events, &value);
            prop_assert_eq!(events.finish().unwrap_err().reason, "not an object");
            return Ok(());
        }
        let slots = extractor.json(text.as_bytes()).unwrap();
        let found: Vec<String> = (0..PATHS.len()).map(|path| values(&slots, path)).collect();
        prop_assert_eq!(&found, &expected(&value), "{}", text);
        let mut events = extractor.events();
        feed(&mut events, &value);
        let slots = events.finish().unwrap();
        let found: Vec<String> = (0..PATHS.len()).map(|path| values(&slots, path)).collect();
        prop_assert_eq!(&found, &expected(&value), "{}", text);
    }

    #[test]
    fn accepts_what_serde_json_accepts(text in prop::collection::vec(any::<u8>(), 0..40)) {
        same_verdict(&text)?;
    }

    #[test]
    fn accepts_what_serde_json_accepts_of_json_bytes(text in "[\\[\\]{}:,\"ab\\\\u0d8eE+.\\- \n-]{0,24}") {
        same_verdict(text.as_bytes())?;
    }

    /// Any place of a block of 64 bytes, and the end of a text of several.
    #[test]
    fn accepts_what_serde_json_accepts_in_any_block(
        before in 0..70_usize,
        text in "[ab\\\\\"\\\\nu0\u{1}é]{0,12}",
        after in 0..140_usize,
    ) {
        let (before, after) = (" ".repeat(before), "x".repeat(after));
        same_verdict(format!("{before}[\"{text}{after}\"]").as_bytes())?;
        same_verdict(format!("{before}{{\"a\":\"{after}{text}\"}}").as_bytes())?;
    }

    #[test]
    fn accepts_what_serde_json_accepts_of_numbers(text in "-?[0-9eE+.\\-]{1,8}") {
        same_verdict(text.as_bytes())?;
        same_verdict(format!("{{\"a\":{text}}}").as_bytes())?;
    }

    #[test]
    fn accepts_what_serde_json_accepts_of_escapes(text in "(\\\\u[dD][89a-fA-F][0-9a-g]{2}|\\\\[a-z\"/]|x){0,5}") {
        same_verdict(format!("{{\"a\":\"{text}\"}}").as_bytes())?;
        same_verdict(format!("{{\"{text}\":1}}").as_bytes())?;
    }

    #[test]
    fn accepts_what_serde_json_accepts_of_damaged_json(
        value in any_json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        for (at, byte, kind) in changes {
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ if text.len() > 1 => drop(text.remove(at)),
                _ => {}
            }
        }
        same_verdict(&text)?;
        text.truncate(cut.index(text.len()));
        same_verdict(&text)?;
    }
}

/// Documents of few shapes, with few names at changing places, some of them damaged.
fn similar_documents() -> impl Strategy<Value = Vec<String>> {
    let leaf = prop_oneof![
        Just("null"),
        Just("true"),
        Just("0"),
        Just("17"),
        Just("-0.50"),
        Just("01"),
        Just("1e05"),
        Just("\"\""),
        Just("\"text\""),
        Just("\"a\\nb\""),
        Just("\"\\u0069d\""),
        Just("[]"),
        Just("[1,\"id\"]"),
        Just("{\"id\":3}"),
        Just("x"),
    ];
    let name =
        prop_oneof![Just("id"), Just("a"), Just("zz"), Just("b"), Just("i\\u0064"), Just("longer than the others")];
    let flat = prop::collection::vec((name.clone(), leaf), 0..4).prop_map(|fields| {
        let fields: Vec<_> = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    });
    let nested = (name, flat.clone(), flat.clone()).prop_map(|(name, inner, outer)| {
        outer.replacen('{', &format!("{{\"{name}\":{inner}{}", if outer == "{}" { "" } else { "," }), 1)
    });
    prop::collection::vec(prop_oneof![flat, nested], 1..40)
}

proptest! {
    #[test]
    fn known_shapes_change_nothing(documents in similar_documents()) {
        let paths = ["id", "a.b", "zz", "a.id"];
        let result = |extractor: &mut Extractor, text: &str| match extractor.json(text.as_bytes()) {
            Ok(slots) => (0..paths.len()).map(|path| values(&slots, path)).collect::<Vec<_>>().join(" | "),
            Err(error) => error.to_string(),
        };
        let mut known = extractor(&paths);
        for text in documents.iter().chain(&documents) {
            prop_assert_eq!(result(&mut known, text), result(&mut extractor(&paths), text), "{}", text);
        }
    }
}

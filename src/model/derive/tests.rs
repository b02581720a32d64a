//! Facts about what records imply, and a slow walk over the same arrays as a second opinion.

use proptest::prelude::*;

use super::*;
use crate::model::document::Extractor;
use crate::model::spec::Spec;

fn spec(index: &str) -> Spec {
    let text = format!(
        "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\nfrom = \"r\"\naccept = [\"no-literal\"]\n{index}\n"
    );
    Spec::parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

/// What an index says about a record `r:1`: `key member score requires…`, one after the other, or why not.
fn derive(index: &str, document: &str) -> String {
    let spec = spec(index);
    let class = &spec.records[0];
    let mut extractor = Extractor::of(class);
    let slots = extractor.json(document.as_bytes()).unwrap();
    let mut deriver = Deriver::new(class, &spec.indexes[0]);
    let mut out = Vec::new();
    let result = deriver.derive(b"r:1", &slots, |number, implied| {
        assert_eq!(usize::try_from(number).unwrap(), out.len());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut line = format!("{} {}", text(implied.key), text(implied.member));
        if spec.indexes[0].score.is_some() {
            line += &format!(" {}", score_text(implied.score));
        }
        for key in implied.require() {
            line += &format!(" <{}>", text(key));
        }
        out.push(line);
    });
    match result {
        Ok(count) => {
            assert_eq!(usize::try_from(count).unwrap(), out.len());
            out.join(", ")
        }
        Err(reason) => {
            assert!(out.is_empty(), "an undecidable record gave {out:?}");
            reason.message(class)
        }
    }
}

const PLAIN: &str = r#"key = "k:{p}"
member = "{@key}""#;
const REQUIRED: &str = r#"key = "k:{p}"
member = "{@key}"
require = [{ record = "r", key = "{q}" }, { record = "r", key = "r:{p}" }]"#;
const TAGS: &str = r#"key = "t:{tags[]}"
member = "{@key}""#;
const STEP: &str = r#"type = "zset"
key = "k"
member = "{i[].id}"
score = "{i[].at}""#;
const PRODUCT: &str = r#"key = "{a[]}"
member = "{b[]}""#;
const INNER: &str = r#"key = "{i[].n}"
member = "{i[].t[]}""#;
const SIDE_BY_SIDE: &str = r#"key = "{i[].x[]}"
member = "{i[].y[]}""#;
const SCORED: &str = r#"type = "zset"
key = "k"
member = "{@key}"
score = "{at}""#;

macro_rules! facts {
    ($($name:ident: $index:expr, $document:expr => $expected:expr;)*) => {
        $(#[test] fn $name() { assert_eq!(derive($index, $document), $expected); })*
    };
}

facts! {
    a_text: PLAIN, r#"{"p":"x y"}"# => "k:x y r:1";
    a_number_as_written: PLAIN, r#"{"p":4.50}"# => "k:4.50 r:1";
    a_boolean: PLAIN, r#"{"p":false}"# => "k:false r:1";
    an_empty_text: PLAIN, r#"{"p":""}"# => "k: r:1";
    nothing: PLAIN, r#"{}"# => "";
    a_null: PLAIN, r#"{"p":null}"# => "";
    an_object: PLAIN, r#"{"p":{}}"# => "p is an object or an array";
    no_field_at_all: "key = \"all\"\nmember = \"{@key}\"", "{}" => "all r:1";
    a_field_twice: "key = \"{p}-{p}\"\nmember = \"{@key}{{{p}}}\"", r#"{"p":"x"}"# => "x-x r:1{x}";
    required: REQUIRED, r#"{"p":1,"q":"z"}"# => "k:1 r:1 <z> <r:1>";
    required_null: REQUIRED, r#"{"p":1}"# => "";
    required_composite: REQUIRED, r#"{"p":1,"q":[]}"# => "q is an object or an array";
    composite_beside_null: REQUIRED, r#"{"p":null,"q":[]}"# => "q is an object or an array";
    each_tag: TAGS, r#"{"tags":["a","b",null,"a",7]}"# => "t:a r:1, t:b r:1, t:a r:1, t:7 r:1";
    no_tags: TAGS, r#"{"tags":[]}"# => "";
    null_tags: TAGS, r#"{"tags":null}"# => "";
    only_null_tags: TAGS, r#"{"tags":[null]}"# => "";
    tags_that_are_none: TAGS, r#"{"tags":"a"}"# => "tags[] is not an array of single values";
    a_tag_that_is_none: TAGS, r#"{"tags":["a",["b"]]}"# => "tags[] is not an array of single values";
    same_element: STEP, r#"{"i":[{"id":"a","at":1},{"id":"b"},{"at":3},{"id":"d","at":4}]}"# => "k a 1, k d 4";
    late_bad_score: STEP, r#"{"i":[{"id":"a","at":1},{"id":"b","at":"x"}]}"# =>
        "the score is neither a finite number nor an RFC 3339 time";
    bad_score_of_no_entry: STEP, r#"{"i":[{"id":"a","at":1},{"at":"x"}]}"# => "k a 1";
    each_with_each: PRODUCT, r#"{"a":[1,2],"b":["x","y"]}"# => "1 x, 1 y, 2 x, 2 y";
    each_with_none: PRODUCT, r#"{"a":[1,2],"b":[]}"# => "";
    outer_and_inner: INNER, r#"{"i":[{"n":1,"t":["a","b"]},{"n":2},{"t":["c"]},{"n":3,"t":["d"]}]}"# => "1 a, 1 b, 3 d";
    inner_product: SIDE_BY_SIDE, r#"{"i":[{"x":[1,2],"y":[3,4]},{"x":[5],"y":[]},{"x":[6],"y":[7]}]}"# =>
        "1 3, 1 4, 2 3, 2 4, 6 7";
    array_and_scalar: "key = \"{p}\"\nmember = \"{t[]}\"", r#"{"p":"x","t":[1,2]}"# => "x 1, x 2";
    array_and_null: "key = \"{p}\"\nmember = \"{t[]}\"", r#"{"p":null,"t":[1,2]}"# => "";
    array_and_composite: "key = \"{p}\"\nmember = \"{t[]}\"", r#"{"p":{},"t":[]}"# => "p is an object or an array";
    a_score: SCORED, r#"{"at":1.50}"# => "k r:1 1.5";
    a_score_as_text: SCORED, r#"{"at":"-3e2"}"# => "k r:1 -300";
    a_score_as_time: SCORED, r#"{"at":"2025-01-06T17:45:00.123456Z"}"# => "k r:1 1736185500123";
    no_score: SCORED, r#"{"at":null}"# => "";
    a_score_too_large: SCORED, r#"{"at":1e309}"# => "the score is neither a finite number nor an RFC 3339 time";
    a_score_that_is_none: SCORED, r#"{"at":true}"# => "the score is neither a finite number nor an RFC 3339 time";
    an_empty_score: SCORED, r#"{"at":""}"# => "the score is neither a finite number nor an RFC 3339 time";
    a_score_put_together: "type = \"zset\"\nkey = \"k\"\nmember = \"{@key}\"\nscore = \"{d}T{t}Z\"",
        r#"{"d":"1970-01-01","t":"00:00:02"}"# => "k r:1 2000";
    a_nested_field: "key = \"{a.b}\"\nmember = \"{@key}\"", r#"{"a":{"b":"x"},"b":"y"}"# => "x r:1";
}

#[test]
fn the_preset() {
    let spec = Spec::preset("discord-analytics").unwrap();
    let message = &spec.records[1];
    let mut extractor = Extractor::of(message);
    let document = br#"{"id":"message:discord:P:1","projectId":"P","userId":"u","channelId":"c"}"#;
    let slots = extractor.json(document).unwrap();
    let mut seen = Vec::new();
    for index in spec.indexes_from(1) {
        let mut deriver = Deriver::new(message, index);
        let count = deriver.derive(b"message:discord:P:1", &slots, |_, implied| {
            seen.push((
                implied.key.to_vec(),
                implied.member.to_vec(),
                implied.require().map(<[u8]>::to_vec).collect::<Vec<_>>(),
            ));
        });
        // The two retired indexes want nothing of any record.
        assert_eq!(count, Ok(u32::from(index.policy == Policy::Maintain)), "{}", index.name);
    }
    let key = b"discord:messages:project:P".to_vec();
    assert_eq!(seen, [(key, b"message:discord:P:1".to_vec(), vec![b"P".to_vec()])]);
}

#[test]
fn too_many() {
    let ones = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    let document = |a, b| format!(r#"{{"a":{},"b":{}}}"#, ones(a), ones(b));
    let spec = spec(PRODUCT);
    let class = &spec.records[0];
    let mut extractor = Extractor::of(class);
    let mut deriver = Deriver::new(class, &spec.indexes[0]);
    let text = document(1024, 1024);
    let slots = extractor.json(text.as_bytes()).unwrap();
    let mut count = 0_u32;
    assert_eq!(deriver.derive(b"r", &slots, |_, _| count += 1), Ok(MAX_MEMBERSHIPS));
    assert_eq!(count, 1_048_576);
    let text = document(1025, 1024);
    let slots = extractor.json(text.as_bytes()).unwrap();
    let result = deriver.derive(b"r", &slots, |_, _| panic!("an entry of an undecidable record"));
    assert_eq!(result, Err(Undecidable::TooMany));
}

#[test]
fn combinations_that_lead_nowhere_end() {
    // Ten thousand times ten thousand pairs inside one element, none of which finds a third.
    let many = "1,".repeat(9_999) + "1";
    let document = format!(r#"{{"i":[{{"x":[{many}],"y":[{many}]}},{{"z":[1]}}]}}"#);
    let index = "key = \"{i[].x[]}:{i[].y[]}\"\nmember = \"{i[].z[]}\"";
    assert_eq!(derive(index, &document), "it implies more than 1048576 memberships");
}

/// The loops written out: for each `i`, each `x` in it, each `t` beside.
fn loops(items: &[(Option<u8>, Vec<u8>)], tags: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    for (n, xs) in items {
        let Some(n) = n else { continue };
        for x in xs {
            for tag in tags {
                out.push(format!("{n}:{tag} {x}"));
            }
        }
    }
    out.sort();
    out
}

proptest! {
    #[test]
    fn as_written_loops(
        items in prop::collection::vec((prop::option::of(0_u8..5), prop::collection::vec(0_u8..5, 0..4)), 0..5),
        tags in prop::collection::vec(0_u8..5, 0..4),
    ) {
        let item = |(n, xs): &(Option<u8>, Vec<u8>)| format!("{{\"x\":{xs:?},\"n\":{}}}", n.map_or("null".to_owned(), |n| n.to_string()));
        let list = items.iter().map(item).collect::<Vec<_>>().join(",");
        let document = format!("{{\"i\":[{list}],\"t\":{tags:?}}}");
        let found = derive("key = \"{i[].n}:{t[]}\"\nmember = \"{i[].x[]}\"", &document);
        let mut found: Vec<String> = found.split(", ").filter(|line| !line.is_empty()).map(str::to_owned).collect();
        found.sort();
        prop_assert_eq!(found, loops(&items, &tags), "{}", document);
    }
}

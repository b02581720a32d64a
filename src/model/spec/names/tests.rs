//! Names held against facts worked out by hand from the language, and against what built them.

use proptest::prelude::*;

use super::capture::{Captured, Captures, Text, Texts};
use super::form::{Form, bound};
use super::matcher::Reading;
use super::parse::{Fault, Field, Part, Rules, literal};
use super::pattern::Pattern;
use super::template::Template;

/// A template of an index with `exists`, which declares its captures.
fn template(text: &str) -> Result<(Template, Captures), Fault> {
    let mut captures = Captures::default();
    let rules = Rules { captures: &mut captures, declares: true, record_key: false, only_builds: false, bind: None };
    Template::parse(text, rules).map(|template| (template, captures))
}

/// A template with fields, of an index made from records whose key captures `id`.
fn with_fields(text: &str) -> Result<Template, Fault> {
    let mut captures = Captures::default();
    Pattern::record("r:{@id}", &mut captures)?;
    let mut bind = |_: Field| Part::Field(0);
    let rules =
        Rules { captures: &mut captures, declares: false, record_key: true, only_builds: false, bind: Some(&mut bind) };
    Template::parse(text, rules)
}

/// What the captures of a name stand for, by name.
fn read(text: &str, name: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let (template, captures) = template(text).expect("a template");
    let form = Form::new(&template.parts, &captures, None);
    let (mut captured, texts) = (Captured::default(), Texts::of_key(name));
    let fits = form.capture(Text::Key, &texts, &mut Reading::default(), &mut captured);
    assert_eq!(fits, form.has(name), "{text}");
    fits.then(|| {
        let of = |number| {
            let value = captured.get(number, &texts).expect("read");
            (captures.name(number).expect("declared").to_owned(), value.to_vec())
        };
        (0..captures.len()).map(of).collect()
    })
}

#[test]
fn a_name_is_read_as_the_language_says() {
    let uuid = "0f8fad5b-d9cb-469f-A165-70867728950e";
    let with_uuid = format!("s:{uuid}:x");
    let cases: &[(&str, &str, Option<&[&str]>)] = &[
        ("a:{@x}", "a:b", Some(&["b"])),
        ("a:{@x}", "a:", None),
        ("a:{@x}", "a:b:c", None),
        ("a:{@x*}", "a:b:c", Some(&["b:c"])),
        ("a:{@x*}", "a:", None),
        // The first part as short as can be, then the second.
        ("{@x*}:{@y*}", "a:b:c", Some(&["a", "b:c"])),
        ("{@x*}:{@y}", "a:b:c", Some(&["a:b", "c"])),
        ("{@x*}:{@y*}", ":::", Some(&[":", ":"])),
        ("{@x*}:{@y*}", "::", None),
        ("{@p*}tag:{@t*}:entries", "tag:tag:a:entries", Some(&["tag:", "a"])),
        ("n{@d:digits}{{{@h:hex}}}", "n12{aF}", Some(&["12", "aF"])),
        ("n{@d:digits}", "n1a", None),
        ("n{@h:hex}-", "nfg-", None),
        ("s:{@u:uuid}:{@r}", &with_uuid, Some(&[uuid, "x"])),
        ("s:{@u:uuid}", "s:0f8fad5bxd9cb-469f-A165-70867728950e", None),
        // Of a capture that occurs twice the first is read; in that reading the others must be equal.
        ("{@x}:{@x}", "ab:ab", Some(&["ab"])),
        ("{@x}:{@x}", "ab:ac", None),
        ("{@x*}:{@x}", "a:a:a", None),
        ("{@x*}-{@x*}", "a-b-a-b", None),
        (r"\x00{@x}\\", "\0a\\", Some(&["a"])),
        ("é{@x}", "éü", Some(&["ü"])),
        ("{@x}.msgs", "a.msgs.msgs", Some(&["a.msgs"])),
        ("{@x*}b{@y*}b", "abbb", Some(&["a", "b"])),
    ];
    for (text, name, expected) in cases {
        let found = read(text, name.as_bytes());
        let found = found.map(|found| found.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
        let expected = expected.map(|values| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text} {name:?}");
    }
    assert_eq!(read(r"\xac\xed{@x}", b"\xac\xed\xff"), Some(vec![("x".to_owned(), vec![0xff])]));
}

#[test]
fn a_capture_of_the_key_is_text_in_a_member() {
    let (key, mut captures) = template("tag:{@p*}:x").expect("a template");
    let rules = Rules { captures: &mut captures, declares: true, record_key: false, only_builds: false, bind: None };
    let member = Template::parse("{@p*}:{@rest*}", rules).expect("a template");
    let (mut captured, mut reading) = (Captured::default(), Reading::default());
    let texts = Texts { key: b"tag:a:b:x", member: b"a:b:c", value: b"" };
    assert!(Form::new(&key.parts, &captures, None).capture(Text::Key, &texts, &mut reading, &mut captured));
    // As it stands there the first part would be `a`.
    let parts = bound(&member.parts, &captured, &texts);
    assert!(Form::new(&parts, &captures, None).capture(Text::Member, &texts, &mut reading, &mut captured));
    assert_eq!(captured.get(1, &texts), Some(&b"c"[..]));
    let texts = Texts { member: b"a:c", ..texts };
    assert!(!Form::new(&parts, &captures, None).read(texts.member, &mut reading));
}

#[test]
fn patterns() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("user:*", &["user:", "user:1"], &["user", "users:1"]),
        ("user:{@id:digits}", &["user:12"], &["user:", "user:1a", "user:1:2"]),
        ("u?er[0-9]*", &["user1", "uxer22"], &["user", "uer1"]),
        (r"a\*\?\[\\{{}}*", &[r"a*?[\{}", r"a*?[\{}x"], &[r"axx[\{}"]),
        ("a[^b]{@x}", &["acd"], &["abd", "ac"]),
        (r"a[\x00-\x1f\]]b", &["a\u{1}b", "a]b"], &["axb"]),
        ("a*:{@x}", &["a:b", "axy:z:b"], &["a:", "b:c"]),
    ];
    for (text, yes, no) in cases {
        let pattern =
            Pattern::record(text, &mut Captures::default()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        for key in *yes {
            assert!(pattern.matches(key.as_bytes()), "{text} {key:?}");
        }
        for key in *no {
            assert!(!pattern.matches(key.as_bytes()), "{text} {key:?}");
        }
    }
    // In `not` a capture is a wildcard of its kind, whatever its name.
    let not = Pattern::not("a:{@x}:{@x}").expect("a pattern");
    assert!(not.matches(b"a:b:c") && !not.matches(b"a:b:c:d"));
}

#[test]
fn faults_say_where_and_what() {
    let cases = [
        ("", 0..0, "empty", "write a name"),
        ("ab{c", 2..4, "never closed", "{{"),
        ("ab}c", 2..3, "closes nothing", "}}"),
        ("x:{}", 3..4, "no field", "{field}"),
        ("x:{a[1]}", 4..5, "expected []", "[] stands for"),
        ("a:{b}{c}", 2..8, "nothing between them", "put text between"),
        ("a:{@id}{b}", 2..10, "nothing between them", "put text between"),
        ("a:{@idd}", 3..7, "never declared", "{@id}"),
        ("a:{@id:digits}", 3..13, "another kind", "{@id}"),
        ("a:{@id|lower}", 6..12, "filters are for fields", "stand as they are"),
        ("a:{b|lowr}", 5..9, "no filter", "lower, upper"),
        ("a:{b|split}", 5..10, "no text", "split:,"),
        ("a:{b|split:}", 5..11, "no text", "split:,"),
        (r"a\n", 1..3, "means nothing", r"\\"),
        (r"a\x4", 1..3, "two hexadecimal digits", r"\x00"),
        (r"a\*", 1..3, "not needed", "without"),
        (r"a\", 1..2, "escapes nothing", r"\\"),
    ];
    for (text, at, message, help) in cases {
        let fault = with_fields(text).expect_err(text);
        assert_eq!(fault.at, at, "{text}: {fault:?}");
        assert!(fault.message.contains(message) && fault.help.contains(help), "{text}: {fault:?}");
    }
    for (text, message) in [
        ("a:{b}", "a pattern has no fields"),
        ("a:{@x:int}", "no kind"),
        ("a:{@}", "missing"),
        ("a:{@a.b}", "cannot stand"),
        ("a:{@key}", "no capture can be called"),
        ("a[b", "never closed"),
        ("a[]", "no character"),
        ("a*{@x}", "nothing between them"),
    ] {
        let fault = Pattern::record(text, &mut Captures::default()).expect_err(text);
        assert!(fault.message.contains(message), "{text}: {fault:?}");
    }
}

/// Each takes a moment: no name is read more than a few times over.
#[test]
fn hostile_names_and_patterns_are_read_in_time() {
    let long = 1 << 20;
    let names = [vec![b'a'; long], vec![b':'; long], b"a:".repeat(long / 2), b"0-".repeat(long / 2)];
    let many = (0..60).map(|n| format!("{{@x{n}*}}:")).collect::<String>();
    let plain = (0..60).map(|n| format!("{{@x{n}}}:")).collect::<String>();
    let dashes = (0..60).map(|n| format!("{{@x{n}:digits}}-")).collect::<String>();
    let mixed = (0..60).map(|n| format!("{{@x{n}*}}a{{@y{n}}}:")).take(30).collect::<String>();
    let began = std::time::Instant::now();
    for text in ["{@a*}aa{@b*}aaa{@c*}b", "{@a*}:a:{@b}:a{@c*}b", &many, &plain, &dashes, &mixed] {
        let (template, captures) = template(text).expect("a template");
        let form = Form::new(&template.parts, &captures, None);
        for name in &names {
            form.read(name, &mut Reading::default());
        }
    }
    let stars = Pattern::record(&("a*?b".repeat(200) + "{@x}"), &mut Captures::default()).expect("a pattern");
    for name in &names {
        stars.matches(name);
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn bytes_are_written_so_that_they_stand_for_themselves() {
    let all: Vec<u8> = (0..=255).collect();
    for pattern in [false, true] {
        let text = literal(&all, pattern);
        let parts = if pattern {
            Pattern::record(&text, &mut Captures::default()).expect("a pattern").parts
        } else {
            template(&text).expect("a template").0.parts
        };
        assert_eq!(parts, [Part::Literal(all.clone())]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What a template builds has its form. Where each capture is one without `*` that ends at a byte which it cannot
    /// contain, the same captures are read.
    #[test]
    fn what_a_template_builds_is_read_back(
        parts in prop::collection::vec((0_usize..4, "[ab1]{0,2}"), 1..5),
        values in prop::collection::vec(("[ab1]{1,3}", "[0-9]{1,3}", "[0-9a-f]{1,3}", "[ab1:]{1,4}"), 5),
        open in any::<bool>(),
    ) {
        let mut text = String::from("k:");
        let mut wanted: Vec<String> = Vec::new();
        for ((number, (kind, between)), values) in parts.iter().enumerate().zip(&values) {
            let (suffix, value) = match kind {
                0 => ("", &values.0),
                1 => (":digits", &values.1),
                2 => (":hex", &values.2),
                _ if open => ("*", &values.3),
                _ => ("", &values.0),
            };
            text.push_str(&format!("{{@c{number}{suffix}}}:{between}"));
            // What follows a capture begins with a byte that none but `*` can contain.
            wanted.push(value.clone());
        }
        let (template, captures) = template(&text).expect("a template");
        let joined: Vec<u8> = wanted.concat().into_bytes();
        let (mut captured, mut at) = (Captured::default(), 0);
        for (number, value) in wanted.iter().enumerate() {
            captured.set(number, Text::Value, at..at + value.len());
            at += value.len();
        }
        let texts = Texts { value: &joined, ..Texts::default() };
        let mut name = Vec::new();
        prop_assert!(template.fill(&captured, &texts, &mut name));
        let form = Form::new(&template.parts, &captures, None);
        prop_assert!(form.has(&name), "{text} {:?}", String::from_utf8_lossy(&name));
        if !open {
            let found: Vec<String> = read(&text, &name)
                .expect("it has the form")
                .into_iter()
                .map(|(_, value)| String::from_utf8(value).expect("text"))
                .collect();
            prop_assert_eq!(found, wanted);
        }
    }

    /// A class written as a glob is the same class.
    #[test]
    fn a_class_is_the_same_as_a_glob(bytes in prop::collection::vec(any::<u8>(), 1..6), negated in any::<bool>(), key in any::<u8>()) {
        let inner: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let text = format!("[{}{inner}]", if negated { "^" } else { "" });
        let pattern = Pattern::record(&text, &mut Captures::default()).expect("a pattern");
        prop_assert_eq!(pattern.matches(&[key]), bytes.contains(&key) != negated, "{} {}", text, pattern.glob());
    }
}

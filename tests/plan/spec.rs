//! What a spec says, and what it says about a spec that is wrong.

use rdb_reindex::model::spec::{DEFAULT_PRESET, IndexType, MAX_SPEC_BYTES, PRESETS, Part, Policy, Spec, SpecErrors};

/// A spec that is right, to be made wrong in one place.
const GOOD: &str = r#"version = 1

[[record]]
name = "project"
key = "project:*"

[[record]]
name = "message"
key = "message:*"
db = 3

[[index]]
name = "by project"
policy = "maintain"
from = "message"
key = "index:{projectId}:{a.b}"
member = "{@key}"
require = [{ record = "project", key = "{projectId}" }]

[[index]]
name = "timeline"
policy = "report"
type = "zset"
from = "message"
key = "timeline:{channel}"
member = "{a.b}"
score = "{at}"

[[index]]
name = "old"
policy = "retire"
db = 7
key = "old:{whatever}"
"#;

/// The errors of `GOOD` with one piece of text replaced, as `line:column message (help)`.
fn wrong(good: &str, bad: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(good).count(), 1, "{good:?} must be in the spec once");
    errors(&GOOD.replace(good, bad))
}

fn errors(text: &str) -> Vec<String> {
    lines(&Spec::parse(text, "my.toml").map(|_| ()).unwrap_err())
}

fn lines(errors: &SpecErrors) -> Vec<String> {
    let line = |error: &rdb_reindex::model::spec::SpecError| {
        let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}:{} {}{help}", error.line, error.column, error.message)
    };
    errors.errors().iter().map(line).collect()
}

#[test]
fn a_spec() {
    let spec = Spec::parse(GOOD, "my.toml").unwrap();
    assert_eq!((spec.name.as_str(), spec.text.as_str()), ("my.toml", GOOD));
    let [project, message] = spec.records.as_slice() else { panic!("two record classes") };
    assert_eq!((project.name.as_str(), project.db, project.paths.len()), ("project", 0, 0));
    assert!(message.key.matches(b"message:1") && !message.key.matches(b"project:1"));
    // In the order of use, each once; the retired index's field is none of them.
    let paths: Vec<String> = message.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["projectId", "a.b", "channel", "at"]);

    let [by_project, timeline, old] = spec.indexes.as_slice() else { panic!("three indexes") };
    assert_eq!((by_project.policy, by_project.kind, by_project.from), (Policy::Maintain, IndexType::Set, Some(1)));
    assert_eq!(by_project.db, 3);
    assert_eq!(by_project.family.glob().to_string(), "index:*:*");
    assert!(by_project.member.is_record_key() && by_project.score.is_none());
    assert_eq!(by_project.require.len(), 1);
    assert_eq!((by_project.require[0].record, by_project.require[0].key.parts.as_slice()), (0, &[Part::Field(0)][..]));

    assert_eq!((timeline.policy, timeline.kind), (Policy::Report, IndexType::Zset));
    assert_eq!(timeline.member.parts, [Part::Field(1)]);
    assert!(!timeline.member.is_record_key());
    assert_eq!(timeline.score.as_ref().unwrap().parts, [Part::Field(3)]);

    assert_eq!((old.policy, old.from, old.db), (Policy::Retire, None, 7));
    assert_eq!(old.key.parts, [Part::Literal(b"old:".to_vec()), Part::Wildcard]);
    assert!(old.member.is_record_key());
    assert_eq!(spec.indexes_from(1).count(), 2);
}

#[test]
fn presets() {
    for (name, text) in PRESETS {
        let spec = Spec::parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(Spec::preset(name).unwrap().text, spec.text);
    }
    assert!(Spec::preset("none").is_none());

    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let rows: Vec<_> = spec
        .indexes
        .iter()
        .map(|i| {
            (i.name.as_str(), i.policy.as_str(), i.kind.as_str(), i.from, i.family.glob().to_string(), i.require.len())
        })
        .collect();
    let family = |name: &str| format!("discord:messages:{name}:*");
    assert_eq!(
        rows,
        [
            ("project", "maintain", "set", Some(1), family("project"), 1),
            ("projects", "maintain", "set", Some(0), "discord:projects:all".to_owned(), 0),
            ("user", "retire", "set", Some(1), family("user"), 0),
            ("channel", "retire", "set", Some(1), family("channel"), 0),
        ]
    );
    let classes: Vec<_> =
        spec.records.iter().map(|r| (r.name.as_str(), r.key.glob().to_string(), r.paths.len())).collect();
    let expected = [("project", "project:discord:*".to_owned(), 0), ("message", "message:discord:*".to_owned(), 1)];
    assert_eq!(classes, expected);
}

macro_rules! wrong {
    ($($name:ident: $good:expr, $bad:expr => [$($error:expr),+];)*) => {
        $(#[test] fn $name() { assert_eq!(wrong($good, $bad), [$($error),+]); })*
    };
}

wrong! {
    no_version: "version = 1\n", "" => ["1:1 version is missing (write version = 1 in the first line)"];
    other_version: "version = 1", "version = 2" =>
        ["1:11 this version of the spec format is not known (the version is 1: version = 1)"];
    version_as_text: "version = 1", "version = \"1\"" =>
        ["1:11 this version of the spec format is not known (the version is 1: version = 1)"];
    unknown_top_key: "version = 1", "version = 1\nversions = 1" =>
        ["2:1 a spec has no \"versions\" (did you mean \"version\"?)"];
    unknown_record_key: "db = 3", "database = 3" =>
        ["10:1 a record class has no \"database\" (a record class has name, key, db, type, not, exists)"];
    unknown_index_key: "member = \"{@key}\"", "membr = \"{@key}\"" => [
        "12:1 member is missing (add what an index key holds for a record, as in member = \"{@key}\")",
        "17:1 an index has no \"membr\" (did you mean \"member\"?)"
    ];
    unknown_require_key: "[{ record", "[{ db = 1, record" =>
        ["18:14 a required record has no \"db\" (a required record has record, key)"];
    unknown_policy: "\"maintain\"", "\"mantain\"" => ["14:10 \"mantain\" is not a policy (did you mean \"maintain\"?)"];
    far_policy: "\"maintain\"", "\"destroy\"" =>
        ["14:10 \"destroy\" is not a policy (expected one of maintain, prune, retire, report)"];
    no_policy: "policy = \"maintain\"\n", "" =>
        ["12:1 policy is missing (write policy = \"maintain\", \"prune\", \"retire\" or \"report\")"];
    unknown_type: "\"zset\"", "\"stream\"" =>
        ["23:8 \"stream\" is not a type (expected one of set, zset, hash, list, string, any)"];
    a_list_from_records: "\"zset\"", "\"list\"" => [
        "23:8 a list is not made from records (write type = \"set\", \"zset\", \"hash\" or \"string\"; the others can be \
         pruned or retired)",
        "27:9 a list has no scores (write type = \"zset\", or remove this line)"
    ];
    from_is_no_class: "from = \"message\"\nkey = \"index", "from = \"mesage\"\nkey = \"index" =>
        ["15:8 no record class is called \"mesage\" (did you mean \"message\"?)"];
    no_from: "from = \"message\"\nkey = \"index", "key = \"index" =>
        ["12:1 from is missing (write from = \"…\": the record classes are project, message)"];
    require_is_no_class: "record = \"project\"", "record = \"user\"" =>
        ["18:23 no record class is called \"user\" (the record classes are project, message)"];
    require_is_no_list: "[{ record = \"project\", key = \"{projectId}\" }]", "\"project\"" =>
        ["18:11 require is a list of tables, not a string (write require = [{ record = \"…\", key = \"…\" }])"];
    unclosed_field: "{a.b}\"\nmember = \"{@key}", "{a.b\"\nmember = \"{@key}" =>
        ["16:26 this { is never closed (close it with }, or write {{ for a literal brace)"];
    stray_brace: "timeline:{channel}", "timeline:channel}" =>
        ["25:24 this } closes nothing (write }} for a literal brace)"];
    bad_path: "timeline:{channel}", "timeline:{channel[0]}" =>
        ["25:25 expected [] ([] stands for every element of an array; one element by its number cannot be asked for)"];
    empty_template: "\"{@key}\"\nrequire", "\"\"\nrequire" =>
        ["17:10 the template is empty (write a name, with {field} where a record's value belongs)"];
    bad_glob: "\"message:*\"", "\"message:[ab\"" =>
        ["9:16 this [ is never closed (close it with ], or write \\[ for the character itself)"];
    empty_glob: "\"message:*\"", "\"\"" =>
        ["9:7 an empty pattern matches only the empty key (write the keys' common part and * for the rest)"];
    score_on_a_set: "type = \"zset\"", "type = \"set\"" =>
        ["27:9 a set has no scores (write type = \"zset\", or remove this line)"];
    score_on_a_set_by_default: "type = \"zset\"\n", "" =>
        ["26:9 a set has no scores (write type = \"zset\", or remove this line)"];
    zset_without_score: "score = \"{at}\"\n", "" =>
        ["20:1 a zset needs a score (write score = \"{field}\": a number, or an RFC 3339 time taken as Unix milliseconds)"];
    same_record_name: "name = \"message\"", "name = \"project\"" => [
        "8:8 there is another record class called \"project\" (give each its own name)",
        "15:8 no record class is called \"message\" (the record classes are project, project)",
        "24:8 no record class is called \"message\" (the record classes are project, project)"
    ];
    same_index_name: "name = \"timeline\"", "name = \"by project\"" =>
        ["21:8 there is another index called \"by project\" (give each its own name)"];
    same_family: "\"timeline:{channel}\"", "\"index:{channel}:{x}\"" =>
        ["25:7 the same keys as index \"by project\": each would undo the other (several maintained indexes of one type may share their keys; remove one of these)"];
    same_records: "\"message:*\"\ndb = 3", "\"project:*\"" =>
        ["9:7 the same keys as record class \"project\" (a key belongs to one class; remove one of the two)"];
    negative_db: "db = 3", "db = -3" => ["10:6 db is not a database number (write a number from 0 on, as in db = 0)"];
    db_beside_from: "from = \"message\"\nkey = \"index", "from = \"message\"\ndb = 4\nkey = \"index" =>
        ["16:6 the index is in db 4, its records are in db 3 (an index is in the database of its records; remove this line)"];
    number_for_text: "name = \"timeline\"", "name = 5" =>
        ["21:8 name is a string, not an integer (write it in quotes: name = \"…\")"];
    table_for_list: "[[record]]\nname = \"project\"\nkey = \"project:*\"\n\n[[record]]", "[record]" => [
        "3:1 record is a list of tables, not a table (write [[record]])",
        "11:8 no record class is called \"message\" (add a [[record]] of that name)",
        "14:23 no record class is called \"project\" (add a [[record]] of that name)",
        "20:8 no record class is called \"message\" (add a [[record]] of that name)"
    ];
    // A string with escapes in it is marked as a whole.
    escaped_template: "\"timeline:{channel}\"", "\"\\u0074imeline:{channel\"" =>
        ["25:7 this { is never closed (close it with }, or write {{ for a literal brace)"];
    wide_characters_before: "\"timeline:{channel}\"", "\"zeit–ü:{channel\"" =>
        ["25:15 this { is never closed (close it with }, or write {{ for a literal brace)"];
}

#[test]
fn all_at_once() {
    let text = GOOD.replace("\"maintain\"", "\"keep\"").replace("db = 3", "db = \"3\"").replace("{at}", "{at");
    let places: Vec<(usize, usize)> =
        Spec::parse(&text, "my.toml").unwrap_err().errors().iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(10, 6), (14, 10), (27, 10)]);
}

#[test]
fn nothing_in_it() {
    assert_eq!(errors("")[0], "1:1 version is missing (write version = 1 in the first line)");
    let only_version = errors("version = 1\n");
    assert!(only_version[0].starts_with("1:1 the spec names no index"), "{only_version:?}");
}

#[test]
fn toml_syntax() {
    for (bad, line, column) in [("key = = 1", 2, 7), ("name = \"a", 2, 8), ("[[record]", 2, 1), ("version = 2", 2, 1)] {
        let text = format!("version = 1\n{bad}\n");
        let errors = Spec::parse(&text, "my.toml").unwrap_err();
        let error = &errors.errors()[0];
        assert_eq!(error.line, line, "{bad}: {}", errors);
        assert!(error.column >= column, "{bad}: {}", errors);
    }
}

#[test]
fn hostile_files() {
    let large = vec![b'#'; MAX_SPEC_BYTES + 1];
    let error = Spec::from_bytes(&large, "big.toml").unwrap_err();
    assert!(error.to_string().contains("at most 1048576"), "{error}");
    let error = Spec::from_bytes(b"version = 1\nx\xff", "bin.toml").unwrap_err();
    assert_eq!(lines(&error), ["2:2 not UTF-8 from byte 13 on (save the file as UTF-8)"]);
    let deep = format!("version = 1\nx = {}", "[".repeat(100_000));
    assert!(Spec::parse(&deep, "deep.toml").is_err());
    let deep = format!("version = 1\nx{} = 1", ".x".repeat(100_000));
    assert!(Spec::parse(&deep, "deep.toml").is_err());
    // One mistake a line, many times: each is found, and not all are shown.
    let many = (0..1000).fold(String::from("version = 1\n"), |text, n| text + &format!("k{n} = 1\n"));
    let error = Spec::parse(&many, "many.toml").unwrap_err();
    assert!(error.errors().len() >= 1000);
    assert!(error.to_string().ends_with("more errors are not shown; fix these first"));
}

#[test]
fn limits() {
    // Each limit is met, and passed by one.
    let fields = |count: usize| GOOD.replace("timeline:{channel}", &vec!["{x}"; count].join(":"));
    assert!(Spec::parse(&fields(64), "").is_ok());
    assert!(errors(&fields(65))[0].contains("more than 64 variable parts"));
    let one = "{ record = \"project\", key = \"{projectId}\" }";
    let required = |count: usize| GOOD.replace(one, &[one].repeat(count).join(", "));
    assert_eq!(Spec::parse(&required(16), "").unwrap().indexes[0].require.len(), 16);
    assert_eq!(errors(&required(17)), ["12:1 too many required records (an index has at most 16)"]);
    let steps = |count: usize| GOOD.replace("{channel}", &format!("{{{}}}", vec!["x"; count].join(".")));
    assert!(Spec::parse(&steps(64), "").is_ok());
    assert!(errors(&steps(65))[0].contains("more than 64 steps"));
}

#[test]
fn as_shown() {
    let text = GOOD.replace("\"maintain\"", "\"mantain\"");
    let shown = Spec::parse(&text, "my.toml").unwrap_err();
    let expected = r#"error: "mantain" is not a policy
  --> my.toml:14:10
   |
14 | policy = "mantain"
   |          ^^^^^^^^^
   |
help: did you mean "maintain"?"#;
    assert_eq!(shown.to_string(), expected);
    assert!(shown.render(true).contains("\u{1b}["));
    assert!(!shown.to_string().contains('\u{1b}'));
    // What a file holds cannot drive the terminal.
    let text = GOOD.replace("\"maintain\"", "\"\\u001b[2J\"");
    assert!(!Spec::parse(&text, "my.toml").unwrap_err().to_string().contains('\u{1b}'));
}

//! The same for the rest of the language: random rules about entries, and random indexes of every kind, over random states.

use super::agree::{CAPS, agree_on_dump};
use crate::support::dump_writer::DumpBuilder;
use rdb_reindex::bundle::manifest::Caps;
use rdb_reindex::model::spec::Spec;

/// 2025-01-06T17:45:00Z.
const NOW: u64 = 1_736_185_500;
const NOW_MS: i64 = 1_736_185_500_000;

/// As in `agree`: what fails can be repeated by its number.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len() as u64) as usize]
    }
}

const NAMES: [&str; 24] = [
    "j:1", "j:2", "j:3", "j:10", "j:1:L", "j:2:L", "j:3:L", "t:a", "t:b", "t:1", "q:a", "q:1", "q:a:b", "h:1", "h:a",
    "p:1", "p:2", "p:a", "a", "1", "t", "q:1:x", "u:1", "u:2",
];
const ENTRIES: [&str; 14] = ["1", "2", "3", "10", "a", "b", "j:1", "j:2", "j:9", "1:L", "a:b", "x", "u:1", ""];
const DOCUMENTS: [&str; 9] = [
    r#"{"g":"a","n":1,"s":"open"}"#,
    r#"{"g":"b","n":2,"s":"done","t":"A,b,,a"}"#,
    r#"{"g":"a","n":1.5}"#,
    r#"{"g":["a"],"n":{},"s":[1]}"#,
    r#"{"g":"1","s":7,"t":" One  two"}"#,
    "{",
    "[]",
    "x",
    r#"{"g":null,"s":true}"#,
];

fn value(b: &mut DumpBuilder, random: &mut Random, key: &str) {
    if random.below(6) == 0 {
        b.expire_ms([NOW_MS + 60_000, NOW_MS - 1000, 5000][random.below(3) as usize]);
    }
    let mut some: Vec<&str> = ENTRIES.iter().copied().filter(|_| random.below(3) == 0).collect();
    if some.is_empty() {
        some.push("1");
    }
    match random.below(7) {
        0 | 1 => b.set(key, &some),
        2 => b.zset(key, &some.iter().zip(0..).map(|(member, n)| (*member, f64::from(n % 2))).collect::<Vec<_>>()),
        3 => {
            some.push(random.one_of(&ENTRIES));
            b.list(key, &some)
        }
        4 => {
            let fields: Vec<(&str, &str)> =
                some.iter().map(|field| (*field, random.one_of(&ENTRIES))).chain([("g", "a"), ("s", "open")]).collect();
            b.hash(key, &fields)
        }
        5 => b.string(key, random.one_of(&ENTRIES)),
        _ => b.string(key, random.one_of(&DOCUMENTS)),
    };
}

fn dump(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut b = DumpBuilder::new(10);
    b.server_aux(NOW);
    for db in 0..2 {
        b.select_db(db);
        for name in NAMES {
            if random.below(3) > 0 {
                value(&mut b, &mut random, name);
            }
        }
    }
    b.finish()
}

/// A spec of some prune rules, and of some indexes made from records, that reads without an error.
fn spec(random: &mut Random) -> String {
    loop {
        let mut text = String::from("version = 1\n");
        if random.below(2) == 0 {
            text.push_str("accept = [\"no-literal\"]\n");
        }
        let mut classes = Vec::new();
        for name in ["c0", "c1"] {
            let key = random.one_of(&["j:{@id}", "u:{@id:digits}", "t:*", "j:{@id*}", "q:?", "{@a}:{@b}"]);
            let more =
                random.one_of(&["", "type = \"hash\"\n", "type = \"set\"\n", "type = \"string\"\n", "not = \"*:L\"\n"]);
            let exists = if key.contains("{@id") { random.one_of(&["", "", "exists = \"p:{@id}\"\n"]) } else { "" };
            text.push_str(&format!("[[record]]\nname = \"{name}\"\nkey = \"{key}\"\n{more}{exists}"));
            classes.push((name, key.contains("{@id"), more.contains("set")));
        }
        for number in 0..1 + random.below(4) {
            text.push_str(&format!("[[index]]\nname = \"i{number}\"\n"));
            if random.below(3) > 0 {
                rule(&mut text, random);
            } else {
                let class = classes[random.below(2) as usize];
                made(&mut text, random, class);
            }
        }
        if Spec::parse(&text, "random").is_ok() {
            return text;
        }
    }
}

fn rule(text: &mut String, random: &mut Random) {
    let policy = random.one_of(&["prune", "prune", "prune", "report"]);
    let kind = random.one_of(&["set", "zset", "hash", "list", "string", "any"]);
    let key = random.one_of(&["q:{@k}", "t:{@k*}", "{@k*}", "h:{@k}", "p:{@k:digits}", "{@k}:{@l}", "j:{@k}:L", "q:a"]);
    let bound = key.contains("{@k");
    let entry = random.one_of(&["{@m}", "{@m*}", "j:{@m}", "{@m:digits}", "{@m}:{@n}", "{@m*}:L"]);
    let mut names = vec!["j:{@m}", "{@m}", "{@m}:L", "p:{@m}"];
    if bound {
        names.extend(["j:{@k}", "{@k}:{@m}", "t:{@k}"]);
    }
    if kind == "any" {
        names = if bound { vec!["j:{@k}", "t:{@k}", "p:{@k}", "{@k}"] } else { vec!["j:1"] };
    }
    text.push_str(&format!("policy = \"{policy}\"\ntype = \"{kind}\"\nkey = \"{key}\"\n"));
    match kind {
        "any" => {}
        "string" => text.push_str(&format!("value = \"{entry}\"\n")),
        "hash" => match random.below(3) {
            0 => text.push_str(&format!("value = \"{entry}\"\n")),
            1 => text.push_str(&format!("member = \"{entry}\"\n")),
            _ => text.push_str(&format!("member = \"{entry}\"\nvalue = \"{{@v*}}\"\n")),
        },
        _ => text.push_str(&format!("member = \"{entry}\"\n")),
    }
    if random.below(4) == 0 {
        text.push_str(&format!("not = [\"{}\"]\n", random.one_of(&["*:a", "q:1", "{@x}:1", "t*"])));
    }
    let name = random.one_of(&names);
    let exists = match random.below(6) {
        0 => format!("[\"{name}\", \"{}\"]", random.one_of(&names)),
        1 => format!("{{ key = \"{name}\", where = {{ g = [\"a\", \"1\"], s = true }} }}"),
        2 => format!("{{ key = \"{name}\", where = {{ s = \"open\", t = false }} }}"),
        3 if kind != "any" => {
            format!("{{ key = \"h:1\", field = \"{{@{}}}\" }}", if entry.contains("{@m") { "m" } else { "k" })
        }
        _ => format!("\"{name}\""),
    };
    text.push_str(&format!("exists = {exists}\n"));
}

fn made(text: &mut String, random: &mut Random, (class, has_id, is_set): (&str, bool, bool)) {
    let policy = random.one_of(&["maintain", "maintain", "report"]);
    let kind = random.one_of(&["set", "set", "zset", "hash", "string"]);
    let field =
        if is_set { "{@members[]}" } else { random.one_of(&["{g}", "{n}", "{t|split:,}", "{t|words}", "{g|lower}"]) };
    let own = if has_id { random.one_of(&["{@id}", "{@key}"]) } else { "{@key}" };
    let key = match random.below(4) {
        0 => "q:all".to_owned(),
        1 => format!("t:{field}"),
        2 => format!("x:{own}"),
        _ => format!("p:{field}"),
    };
    text.push_str(&format!("policy = \"{policy}\"\ntype = \"{kind}\"\nfrom = \"{class}\"\nkey = \"{key}\"\n"));
    match kind {
        "zset" => {
            text.push_str(&format!("member = \"{own}\"\nscore = \"{}\"\n", if is_set { "{@members[]}" } else { "{n}" }))
        }
        "hash" => text.push_str(&format!("member = \"{field}\"\nvalue = \"{own}\"\n")),
        "string" => text.push_str(&format!("value = \"{own}\"\n")),
        _ if random.below(4) == 0 => text.push_str(&format!("member = [\"{own}\", \"j:{field}\"]\n")),
        _ => text.push_str(&format!("member = \"{own}\"\n")),
    }
    if !is_set && random.below(3) == 0 {
        text.push_str(random.one_of(&[
            "when = { s = \"open\" }\n",
            "when = { n = true }\n",
            "when = { g = [\"a\", 1] }\n",
        ]));
    }
}

#[test]
fn on_random_rules_and_states() {
    let n = std::env::var("RDB_REINDEX_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(600);
    let narrow = Caps { max_args: 5, max_command_bytes: 256 };
    let mut commands = 0;
    for seed in 1..=n {
        let text = spec(&mut Random(seed));
        let caps = if seed % 3 == 0 { narrow } else { CAPS };
        let found = std::panic::catch_unwind(|| agree_on_dump(&dump(seed), &text, seed, caps));
        match found {
            Ok(more) => commands += more,
            Err(cause) => {
                eprintln!("seed {seed}:\n{text}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    assert!(commands > n / 3, "{commands} commands");
}

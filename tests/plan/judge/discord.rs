//! The Discord bot's database at its worst, for the preset.

use super::hostile::{BYTES, TEXTS, cut, object, quote};
use super::oracle::{Class, Policy, Rule, Spec};
use super::random::Random;

/// One command.
pub type Command = Vec<Vec<u8>>;

pub fn command<T: AsRef<[u8]>>(args: &[T]) -> Command {
    args.iter().map(|arg| arg.as_ref().to_vec()).collect()
}

/// `args` of a command that begins with `head`.
pub fn with(head: &[&[u8]], args: impl IntoIterator<Item = Vec<u8>>) -> Command {
    head.iter().map(|arg| arg.to_vec()).chain(args).collect()
}

/// What the preset `discord-analytics` says.
pub fn preset() -> Spec {
    let class = |name, prefix| Class { name, prefix, db: 0 };
    let rule = |name, policy, from, key| Rule {
        name,
        policy,
        zset: false,
        from,
        key,
        member: "{@key}",
        score: "",
        require: Vec::new(),
    };
    let mut rules = vec![
        rule("project", Policy::Maintain, "message", "discord:messages:project:{projectId}"),
        rule("projects", Policy::Maintain, "project", "discord:projects:all"),
        rule("user", Policy::Retire, "message", "discord:messages:user:{userId}"),
        rule("channel", Policy::Retire, "message", "discord:messages:channel:{channelId}"),
    ];
    rules[0].require = vec![("project", "{projectId}")];
    Spec { classes: vec![class("project", "project:discord:"), class("message", "message:discord:")], rules }
}

/// How a record is kept.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    RedisJson,
    Text,
    Hash,
    Mixed,
}

/// Fills a server for the preset.
pub fn fill(random: &mut Random, form: Form, sizes: &[usize]) -> Vec<Command> {
    let mut out: Vec<Command> = Vec::new();
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut projects: Vec<Vec<u8>> = Vec::new();

    // Projects: hostile names, all types of records; some cannot be decoded, and exist all the same.
    for text in TEXTS {
        projects.push(format!("project:discord:{text}").into_bytes());
    }
    for bytes in BYTES {
        projects.push([b"project:discord:", *bytes].concat());
    }
    for (n, project) in projects.iter().enumerate() {
        match n % 13 {
            5 => continue, // its messages are orphans
            7 => out.push(command(&[b"SET", project.as_slice(), b"{\"cut\":"])),
            9 => out.push(command(&[b"RPUSH", project.as_slice(), b"a list"])),
            11 => out.push(command(&[b"SADD", project.as_slice(), b"a set"])),
            12 => {
                out.push(command(&[b"SET", project.as_slice(), b"{}"]));
                out.push(command(&[b"PEXPIRE", project.as_slice(), b"1"]));
            }
            _ => out.push(record(random, form, project, &[("name", Some("p"))])),
        }
    }

    // Messages: of those projects, of none, and of odd ones.
    for n in 0..400 {
        let key: Vec<u8> = match n % 5 {
            0 => [b"message:discord:", random.pick(TEXTS).as_bytes(), format!(":{n}").as_bytes()].concat(),
            1 => [b"message:discord:", *random.pick(BYTES), format!(":{n}").as_bytes()].concat(),
            _ => format!("message:discord:{n}").into_bytes(),
        };
        let project = random.pick(&projects).clone();
        messages.push(key.clone());
        match random.below(12) {
            0 => {
                let text = cut(random, "{\"projectId\":\"project:discord:42\",\"userId\":\"u\",\"content\":\"…\"}");
                out.push(command(&[b"SET", key.as_slice(), &text]));
            }
            1 => out.push(match random.below(5) {
                0 => command(&[b"RPUSH", key.as_slice(), b"project:discord:42"]),
                1 => command(&[b"SADD", key.as_slice(), b"projectId", b"project:discord:42"]),
                2 => command(&[b"ZADD", key.as_slice(), b"1", b"projectId"]),
                3 => command(&[b"XADD", key.as_slice(), b"1-1", b"projectId", b"project:discord:42"]),
                _ => command(&[b"SET", key.as_slice(), b"\xff\xfe{}"]),
            }),
            2 => {
                let values = [
                    "null",
                    "{\"a\":1}",
                    "[\"project:discord:42\"]",
                    "true",
                    "42",
                    "4.50",
                    "1e3",
                    "-0",
                    "12345678901234567890",
                ];
                let value = (*random.pick(&values)).to_owned();
                let document = object(random, &[("projectId", value)]);
                let json = form == Form::RedisJson || (form == Form::Mixed && random.one_in(2));
                out.push(if json {
                    command(&[b"JSON.SET", key.as_slice(), b"$", document.as_bytes()])
                } else {
                    command(&[b"SET", key.as_slice(), document.as_bytes()])
                });
            }
            3 => out.push(record(random, form, &key, &[("userId", Some("u"))])),
            4 if form != Form::RedisJson => out.push(command(&[&b"HSET"[..], key.as_slice(), b"projectId", &project])),
            _ => {
                let text = String::from_utf8(project.clone()).unwrap_or_else(|_| "project:discord:42".to_owned());
                out.push(record(random, form, &key, &[("projectId", Some(&text)), ("userId", Some("u"))]));
            }
        }
        if random.one_in(25) {
            out.push(command(&[&b"PEXPIRE"[..], &key, b"1"]));
        } else if random.one_in(25) {
            out.push(command(&[&b"PEXPIRE"[..], &key, b"86400000"]));
        }
    }

    // Index keys: of the projects and of nothing, of all types, with members that are right, gone, moved, undecidable.
    let mut ids = projects.clone();
    ids.extend(TEXTS.iter().map(|text| text.as_bytes().to_vec()));
    ids.extend(BYTES.iter().map(|bytes| bytes.to_vec()));
    for id in &ids {
        if random.one_in(3) {
            continue;
        }
        let key = [b"discord:messages:project:", id.as_slice()].concat();
        let members = if random.one_in(4) { &projects } else { &messages };
        out.extend(index_key(random, &key, members));
    }
    let mut registry: Vec<Vec<u8>> = projects.iter().filter(|_| random.one_in(2)).cloned().collect();
    registry.extend([b"undefined".to_vec(), b"".to_vec(), b"42".to_vec(), messages[3].clone()]);
    // Records that cannot be decoded hold what names them, in the index of another class too.
    registry.extend((0..40).map(|_| random.pick(&messages).clone()));
    out.push(with(&[b"SADD", b"discord:projects:all"], registry));
    for text in TEXTS {
        for family in ["user", "channel"] {
            let key = format!("discord:messages:{family}:{text}").into_bytes();
            out.extend(index_key(random, &key, &messages));
        }
    }

    // Sets of all sizes: what is missing, what is stale, and what goes as a whole.
    for &n in sizes {
        let project = format!("project:discord:size {n}");
        out.push(command(&["SET", &project, "{}"]));
        let names =
            |kind: &str| (0..n).map(|at| format!("message:discord:{kind}:{n}:{at}").into_bytes()).collect::<Vec<_>>();
        for name in names("missing") {
            let document = format!("{{\"projectId\":\"{project}\"}}");
            out.push(command(&[b"SET", name.as_slice(), document.as_bytes()]));
        }
        let other = format!("project:discord:stale {n}");
        out.push(command(&["SET", &other, "{}"]));
        out.push(command(&["HSET", &format!("message:discord:right {n}"), "projectId", &other]));
        let stale = [names("gone"), vec![format!("message:discord:right {n}").into_bytes()]].concat();
        for chunk in stale.chunks(5000) {
            out.push(with(&[b"SADD", format!("discord:messages:project:{other}").as_bytes()], chunk.to_vec()));
        }
        let wrong = format!("discord:messages:project:wrong {n}");
        for chunk in names("gone").chunks(5000) {
            out.push(with(&[b"SADD", wrong.as_bytes()], chunk.to_vec()));
        }
        let numbers = (0..n).map(|at| (at * 7).to_string().into_bytes());
        out.push(with(&[b"SADD", format!("discord:messages:project:numbers {n}").as_bytes()], numbers));
    }
    out.extend(neighbours());
    out
}

/// A record with these text fields, of a form that may be chosen at random.
pub fn record(random: &mut Random, form: Form, key: &[u8], fields: &[(&str, Option<&str>)]) -> Command {
    let form = if form == Form::Mixed { *random.pick(&[Form::RedisJson, Form::Text, Form::Hash]) } else { form };
    if form == Form::Hash {
        let mut args = vec![b"HSET".to_vec(), key.to_vec(), b"projectid".to_vec(), b"decoy".to_vec()];
        for (name, value) in fields {
            args.extend(value.map(|value| [name.as_bytes().to_vec(), value.as_bytes().to_vec()]).into_iter().flatten());
        }
        return args;
    }
    let fields: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (*name, value.map_or("null".to_owned(), |value| quote(random, value))))
        .collect();
    let document = object(random, &fields);
    if form == Form::RedisJson {
        command(&[b"JSON.SET", key, b"$", document.as_bytes()])
    } else {
        command(&[b"SET", key, document.as_bytes()])
    }
}

/// Makes a key in an index's family: mostly a set, else anything.
pub fn index_key(random: &mut Random, key: &[u8], members: &[Vec<u8>]) -> Vec<Command> {
    let count = 1 + random.below(12);
    let mut some: Vec<Vec<u8>> = (0..count).map(|_| random.pick(members).clone()).collect();
    some.push(random.pick(TEXTS).as_bytes().to_vec());
    some.push(random.pick(BYTES).to_vec());
    some.push(b"message:discord:gone".to_vec());
    let flat = |some: &[Vec<u8>]| some.iter().flat_map(|one| [one.clone(), b"v".to_vec()]).collect::<Vec<_>>();
    let mut out = vec![
        command(&[b"UNLINK", key]),
        match random.below(20) {
            0 => with(&[b"RPUSH", key], some),
            1 => with(&[b"HSET", key], flat(&some)),
            2 => command(&[b"SET", key, &some[0]]),
            3 => {
                let scores =
                    ["1", "-0", "0", "inf", "-inf", "1.5", "1e300", "5e-324", "9007199254740993", "-2.25", "0.1"];
                let scored = some
                    .into_iter()
                    .flat_map(|one| [random.pick(&scores).as_bytes().to_vec(), one])
                    .collect::<Vec<_>>();
                with(&[b"ZADD", key], scored)
            }
            4 => with(&[b"XADD", key, b"1736180000000-0"], flat(&some)),
            5 => {
                let named = members.iter().find_map(|member| std::str::from_utf8(member).ok()).unwrap_or("x");
                let named = if random.one_in(2) { quote(random, named) } else { "1".to_owned() };
                let document = object(random, &[("members", format!("[{named},1.50,12345678901234567890,1e30]"))]);
                command(&[b"JSON.SET", key, b"$", document.as_bytes()])
            }
            6 => with(&[b"SADD", key], (0..60).map(|n| (n * n * 31 - 400).to_string().into_bytes())),
            7 => command(&[b"SET", key, &b"long ".repeat(3000)]),
            _ => with(&[b"SADD", key], some),
        },
    ];
    if random.one_in(6) {
        out.push(command(&[b"PEXPIRE", key, b"86400000"]));
    } else if random.one_in(8) {
        out.push(command(&[b"PEXPIRE", key, b"1"]));
    }
    out
}

/// What no plan may touch.
fn neighbours() -> Vec<Command> {
    let mut out = vec![
        command(&["SADD", "discord:messages:projects", "message:discord:1"]),
        command(&["SADD", "discord:messages:project", "message:discord:1"]),
        command(&["SADD", "Discord:messages:project:x", "message:discord:1"]),
        command(&["SADD", "discord:projects:all:old", "x"]),
        command(&["SADD", "xdiscord:projects:all", "x"]),
        command(&["SADD", "discord:messages:project\0", "x"]),
        command(&["SET", "backup:discord:messages:project:x", "x", "PX", "86400000"]),
        command(&["HSET", "discord:health:status", "a", "b"]),
        command(&["XADD", "points:events", "1-1", "a", "b"]),
        command(&["ZADD", "discord:messages:timeline:42", "1", "message:discord:1"]),
        command(&["XGROUP", "CREATE", "discord:messages:user:grouped", "g", "0", "MKSTREAM"]),
        command(&["XADD", "discord:messages:user:grouped", "5-5", "f", "v"]),
        command(&["XREADGROUP", "GROUP", "g", "consumer", "STREAMS", "discord:messages:user:grouped", ">"]),
        command(&["XADD", "discord:messages:user:grouped", "6-0", "f", "v"]),
        command(&["XDEL", "discord:messages:user:grouped", "6-0"]),
    ];
    // The same names in another database are nobody's.
    out.push(command(&["SELECT", "1"]));
    out.push(command(&["SADD", "discord:messages:project:x", "gone"]));
    out.push(command(&["SADD", "discord:messages:user:x", "gone"]));
    out.push(command(&["SET", "message:discord:1", "{\"projectId\":\"project:discord:42\"}"]));
    out.push(command(&["SET", "project:discord:5", "{}"]));
    out.push(command(&["SELECT", "0"]));
    out
}

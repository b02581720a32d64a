//! A shop's database and a spec that uses everything a spec can say.

use super::discord::{Command, Form, command, index_key, record, with};
use super::hostile::{BYTES, TEXTS, cut, object, quote};
use super::oracle::{Class, Policy, Rule, Spec};
use super::random::Random;

/// Records in `db`: orders, and the customers they need.
pub fn spec(db: u64) -> Spec {
    let rule = |name, policy, key, member| Rule {
        name,
        policy,
        zset: false,
        from: "order",
        key,
        member,
        score: "",
        require: Vec::new(),
    };
    let zset = |score, rule: Rule| Rule { zset: true, score, ..rule };
    let require = |require: &[(&'static str, &'static str)], rule: Rule| Rule { require: require.to_vec(), ..rule };
    use Policy::{Maintain, Report, Retire};
    let rules = vec![
        // Literal glob characters and braces in the names of keys.
        rule("status", Maintain, "by[status]*:{{{status}}}?", "{@key}"),
        require(&[("customer", "c:{buyer.id}")], rule("buyer", Maintain, "buyer:{buyer.id}:orders", "{@key}")),
        zset("{at}", rule("time", Maintain, "time:{status}", "{@key}")),
        zset("{total.sum}", rule("sums", Maintain, "all-sums", "{@key}")),
        rule("tags", Maintain, "tag:{tags[]}", "{@key}"),
        zset("{items[].n}", rule("items", Maintain, "item:{items[].id}", "{@key}/{items[].pos}")),
        require(
            &[("customer", "c:{buyer.id}"), ("order", "o:{after}")],
            rule("after", Maintain, "after:{after}", "{no}"),
        ),
        rule("reported", Report, "rep:{status}", "{@key}"),
        zset("{no}", rule("reported-too", Report, "repz:{status}", "{@key}")),
        rule("old", Retire, "old:{anything}:x", "{@key}"),
        zset("", rule("older", Retire, "older:{a}:{b}", "{@key}")),
    ];
    Spec {
        classes: vec![Class { name: "customer", prefix: "c:", db }, Class { name: "order", prefix: "o:", db }],
        rules,
    }
}

/// Numbers as people and machines write them.
const NUMBERS: &[&str] = &["42", "4.50", "1e3", "-7", "0", "1.25", "12345678901234", "1E2", "0.5", "1736180000123"];
const TIMES: &[&str] =
    &["2025-01-06T17:45:00Z", "2024-02-29T23:59:59.250Z", "2000-01-01T00:00:00.007Z", "1970-01-01T00:00:00Z"];

/// Fills a server. With `undecidable` some orders cannot be decoded, or have objects and odd values where single ones are
/// due; then nothing is removed where members are not the keys of orders.
pub fn fill(random: &mut Random, db: u64, form: Form, undecidable: bool) -> Vec<Command> {
    let mut out = vec![command(&["SELECT", &db.to_string()])];
    let mut orders: Vec<Vec<u8>> = Vec::new();
    for (n, text) in TEXTS.iter().enumerate().filter(|(n, _)| n % 3 > 0) {
        let key = format!("c:{text}").into_bytes();
        out.push(if n % 5 == 0 { command(&[b"RPUSH", key.as_slice(), b"x"]) } else { record(random, form, &key, &[]) });
    }
    for n in 0..250 {
        let key = match n % 4 {
            0 => [b"o:", random.pick(TEXTS).as_bytes(), n.to_string().as_bytes()].concat(),
            1 => [b"o:", *random.pick(BYTES), n.to_string().as_bytes()].concat(),
            _ => format!("o:{n}").into_bytes(),
        };
        orders.push(key.clone());
        let document = order(random, n, undecidable);
        out.push(if undecidable && random.one_in(30) {
            command(&[b"SET".to_vec(), key.clone(), cut(random, &document)])
        } else if undecidable && random.one_in(40) {
            command(&[b"SADD", key.as_slice(), b"o:1"])
        } else {
            match form {
                Form::RedisJson => command(&[b"JSON.SET", key.as_slice(), b"$", document.as_bytes()]),
                Form::Text => command(&[b"SET", key.as_slice(), document.as_bytes()]),
                Form::Hash => hash(random, n, &key),
                Form::Mixed => match random.below(3) {
                    0 => command(&[b"JSON.SET", key.as_slice(), b"$", document.as_bytes()]),
                    1 => command(&[b"SET", key.as_slice(), document.as_bytes()]),
                    _ => hash(random, n, &key),
                },
            }
        });
        if random.one_in(30) {
            out.push(command(&[&b"PEXPIRE"[..], &key, b"1"]));
        }
    }

    // Index keys, with members of every kind and scores that are right, wrong and strange.
    for text in TEXTS.iter().chain(NUMBERS) {
        let names = [
            format!("by[status]*:{{{text}}}?"),
            format!("buyer:{text}:orders"),
            format!("tag:{text}"),
            format!("after:{text}"),
            format!("rep:{text}"),
            format!("old:{text}:x"),
        ];
        for name in names {
            if random.one_in(2) {
                out.extend(index_key(random, name.as_bytes(), &orders));
            }
        }
        for name in
            [format!("time:{text}"), format!("item:{text}"), format!("repz:{text}"), format!("older:{text}:{text}")]
        {
            if random.one_in(2) {
                out.extend(if random.one_in(8) {
                    index_key(random, name.as_bytes(), &orders)
                } else {
                    zset(random, name.as_bytes(), &orders)
                });
            }
        }
        // Nearly the names of index keys.
        out.push(command(&["SADD", &format!("bys:{{{text}}}?"), "o:1"]));
        out.push(command(&["SADD", &format!("buyer:{text}:order"), "o:1"]));
        out.push(command(&["SADD", &format!("old:{text}:y"), "o:1"]));
    }
    out.extend(zset(random, b"all-sums", &orders));
    // A key of numbers only: the server keeps it as an intset.
    let numbers = NUMBERS.iter().filter(|n| n.parse::<i64>().is_ok()).map(|n| n.as_bytes().to_vec());
    out.push(command(&["UNLINK", "after:42"]));
    out.push(with(&[b"SADD", b"after:42"], numbers));
    out.push(command(&["SELECT", "0"]));
    if db != 0 {
        // The same names elsewhere.
        out.push(command(&["SADD", "tag:a", "gone"]));
        out.push(command(&["SADD", "old:1:x", "gone"]));
        out.push(command(&["SET", "o:1", "{\"tags\":[\"z\"]}"]));
    }
    out
}

fn zset(random: &mut Random, key: &[u8], members: &[Vec<u8>]) -> Vec<Command> {
    let scores =
        ["1", "1736185500000", "0", "inf", "-inf", "1.5", "42", "4.5", "1000", "-7", "12345678901234", "0.1", "1e300"];
    let some = (0..1 + random.below(30)).flat_map(|_| {
        let member = random.pick(members).clone();
        let member = if random.one_in(2) { [member, b"/1".to_vec()].concat() } else { member };
        [random.pick(&scores).as_bytes().to_vec(), member]
    });
    let some: Vec<Vec<u8>> = some.collect();
    let mut out = vec![command(&[b"UNLINK", key]), with(&[b"ZADD", key], some)];
    if random.one_in(8) {
        out.push(command(&[b"PEXPIRE", key, b"86400000"]));
    }
    out
}

fn text(random: &mut Random) -> String {
    let text = *random.pick(TEXTS);
    quote(random, text)
}

/// A value for a field: mostly one that can be used.
fn value(random: &mut Random, undecidable: bool) -> String {
    match random.below(14) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        2 | 3 => (*random.pick(NUMBERS)).to_owned(),
        4 if undecidable && random.one_in(6) => "{\"x\":1}".to_owned(),
        5 if undecidable && random.one_in(6) => "[\"x\"]".to_owned(),
        _ => text(random),
    }
}

fn order(random: &mut Random, n: usize, undecidable: bool) -> String {
    let mut fields: Vec<(&str, String)> = Vec::new();
    if !random.one_in(10) {
        fields.push(("status", value(random, undecidable)));
    }
    match random.below(12) {
        0 => {}
        1 => fields.push(("buyer", "null".to_owned())),
        2 => fields.push(("buyer", "\"flat\"".to_owned())),
        3 if undecidable => fields.push(("buyer", "[{\"id\":\"x\"}]".to_owned())),
        _ => {
            let id = value(random, undecidable);
            fields.push(("buyer", object(random, &[("id", id)])));
        }
    }
    let at = match random.below(10) {
        0 => "null".to_owned(),
        1 | 2 => (*random.pick(NUMBERS)).to_owned(),
        3 => format!("\"{}\"", random.pick(NUMBERS)),
        4 if undecidable => "\"yesterday\"".to_owned(),
        _ => format!("\"{}\"", random.pick(TIMES)),
    };
    fields.push(("at", at));
    let sum = (*random.pick(NUMBERS)).to_owned();
    fields.push(("total", object(random, &[("sum", sum)])));
    let some: Vec<String> = (0..random.below(5)).map(|_| value(random, undecidable)).collect();
    match random.below(10) {
        0 => fields.push(("tags", "null".to_owned())),
        1 if undecidable => fields.push(("tags", "\"flat\"".to_owned())),
        2 => {}
        _ => fields.push(("tags", format!("[{}]", some.join(", ")))),
    }
    let items: Vec<String> = (0..random.below(4))
        .map(|pos| {
            let (id, n) = (value(random, undecidable), (*random.pick(NUMBERS)).to_owned());
            let pos = format!("\"{pos}\"");
            match random.below(8) {
                0 => object(random, &[("id", id)]),
                1 => "null".to_owned(),
                2 => "17".to_owned(),
                _ => object(random, &[("id", id), ("n", n), ("pos", pos)]),
            }
        })
        .collect();
    fields.push(("items", format!("[{}]", items.join(" , "))));
    let after = text(random);
    fields.push(("after", if random.one_in(3) { format!("\"{}\"", random.below(250)) } else { after }));
    fields.push(("no", if n.is_multiple_of(3) { format!("{n}") } else { format!("\"{n}\"") }));
    object(random, &fields)
}

/// The same as a hash, where a dot is part of a field's name.
fn hash(random: &mut Random, n: usize, key: &[u8]) -> Command {
    let mut args = vec![b"HSET".to_vec(), key.to_vec()];
    let mut add = |name: &str, value: &[u8]| args.extend([name.as_bytes().to_vec(), value.to_vec()]);
    add("status", random.pick(TEXTS).as_bytes());
    add("buyer.id", random.pick(TEXTS).as_bytes());
    add("buyer", b"{\"id\":\"decoy\"}");
    add("at", random.pick(TIMES).as_bytes());
    add("total.sum", random.pick(NUMBERS).as_bytes());
    add("tag", random.pick(TEXTS).as_bytes());
    add("after", random.pick(TEXTS).as_bytes());
    add("no", n.to_string().as_bytes());
    args
}

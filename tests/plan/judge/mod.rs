//! `plan` judged from outside: real servers full of hostile data, and an independent reading of the contract.
//!
//! Nothing in here uses the library.

use crate::support;

mod checks;
mod custom;
mod discord;
mod hostile;
mod implied;
mod json;
mod memberships;
mod oracle;
pub mod random;
mod reasons;
mod round;
mod state;
mod wire;

use discord::Form;
use random::Random;

/// Other data at every value of `RDB_REINDEX_JUDGE_SEED`.
fn random(seed: u64) -> Random {
    let more = std::env::var("RDB_REINDEX_JUDGE_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    Random::new(seed + 1000 * more.unwrap_or(0))
}

fn preset(seed: u64, form: Form, sizes: &[usize], more: &[&str]) {
    let Some((server, mut wire)) = round::server() else { return };
    wire.run(&discord::fill(&mut random(seed), form, sizes));
    round::judge(&server, &mut wire, &discord::preset(), true, more);
}

#[test]
fn mixed_records() {
    preset(1, Form::Mixed, &[1, 128, 129], &[]);
}

#[test]
fn redis_json_records() {
    preset(2, Form::RedisJson, &[512, 513], &[]);
}

#[test]
fn json_string_records() {
    preset(3, Form::Text, &[998, 999, 20_000], &[]);
}

#[test]
fn hash_records() {
    preset(4, Form::Hash, &[1], &["--threads", "1", "--no-mmap"]);
}

#[test]
fn small_caps() {
    preset(5, Form::Mixed, &[1, 2, 3, 129], &["--max-args", "4"]);
    preset(6, Form::Mixed, &[129], &["--max-command-bytes", "256", "--threads", "8"]);
    preset(7, Form::Mixed, &[999], &["--max-args", "7", "--max-command-bytes", "777"]);
}

fn custom(seed: u64, db: u64, form: Form, undecidable: bool, more: &[&str]) {
    let Some((server, mut wire)) = round::server() else { return };
    wire.run(&custom::fill(&mut random(seed), db, form, undecidable));
    round::judge(&server, &mut wire, &custom::spec(db), false, more);
}

#[test]
fn every_kind_of_index() {
    custom(11, 0, Form::Mixed, false, &[]);
    custom(12, 0, Form::RedisJson, false, &[]);
    custom(13, 0, Form::Text, false, &["--max-args", "5"]);
    custom(14, 0, Form::Hash, false, &["--max-command-bytes", "300"]);
}

#[test]
fn undecidable_records() {
    custom(21, 0, Form::Mixed, true, &[]);
    custom(22, 0, Form::RedisJson, true, &[]);
    custom(23, 0, Form::Text, true, &[]);
}

#[test]
fn another_database() {
    custom(31, 3, Form::Mixed, false, &[]);
    custom(32, 2, Form::Mixed, true, &["--max-args", "6"]);
}

/// Names so long that bytes, not arguments, fill a command, and some that fill one alone.
#[test]
fn long_names() {
    let Some((server, mut wire)) = round::server() else { return };
    let mut commands = Vec::new();
    let long = |text: &str, n: usize| format!("{text}{}", "x".repeat(n));
    let project = long("project:discord:", 3000);
    commands.push(discord::command(&["SET", &project, "{}"]));
    for n in 0..60 {
        let document = format!("{{\"projectId\":\"{project}\"}}");
        commands.push(discord::command(&["SET", &long(&format!("message:discord:{n}:"), 1000 * n), &document]));
        let gone = long(&format!("message:discord:gone {n}:"), 1000 * (60 - n));
        commands.push(discord::command(&["SADD", &format!("discord:messages:project:{project}"), &gone]));
        commands.push(discord::command(&["SADD", &long(&format!("discord:messages:user:{n}:"), 700 * n), "x"]));
    }
    wire.run(&commands);
    for caps in [&[][..], &["--max-command-bytes", "5000"], &["--max-command-bytes", "256", "--max-args", "4"]] {
        round::judge(&server, &mut wire, &discord::preset(), true, caps);
        wire.run(&[discord::command(&["FLUSHALL"])]);
        wire.run(&commands);
    }
}

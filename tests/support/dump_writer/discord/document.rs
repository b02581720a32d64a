//! A message's fields, as a document or as a hash.

use super::super::DumpBuilder;
use super::ids::{self, mix};
use super::{Owner, Records, Shape};

/// A field's value.
pub enum Value<'a> {
    Null,
    Bool(bool),
    Text(&'a [u8]),
    /// JSON text of a number, an array or an object.
    Json(&'a [u8]),
}

const WORDS: &str = "the bot is down again who changed config did anyone check logs please ship it tomorrow nice work \
    thanks meeting moved three release notes are ready can you review my patch users report slow queries index rebuild \
    took an hour dashboard shows zero messages why agreed merged reverted hotfix deploy staging production window \
    closing early friday afternoon database export snapshot membership backfill cursor pagination latency percentile \
    retry budget exceeded webhook signature mismatch rotate secret quarterly roadmap estimate onboarding checklist \
    channel permission moderator announcement giveaway leaderboard seasonal emoji sticker attachment thumbnail preview \
    bandwidth region frankfurt singapore oregon failover replica lagging behind primary threshold alert muted";

/// Contents that a careless reader of documents stumbles over.
const ODD: [&str; 10] = [
    "she said \"ship it\" and left",
    "C:\\temp\\new\tand a tab",
    "two\nlines\r\nand a third",
    "🚀🚀 done 🎉 naïve café, 東京 \u{2028} \u{7f}",
    "look: {\"projectId\":\"project:discord:AAAAAAAAAAAAAAAAAAAAA\",\"userId\":null}",
    "\"projectId\":\"project:discord:decoy_in_the_text__\",",
    "ends with a backslash \\",
    "\u{1}control\u{1f}",
    "</script><b>bold</b> & co",
    "",
];

impl Shape {
    /// A message's document, compact, as RedisJSON keeps it.
    pub fn document(&self, message: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(1400);
        self.put_document(&mut out, message);
        out
    }

    /// A message's fields as a hash has them.
    pub fn fields(&self, message: u64) -> Vec<(&'static str, Vec<u8>)> {
        let mut fields = Vec::with_capacity(20);
        self.visit(message, |name, value| match value {
            Value::Null => {}
            Value::Bool(value) => fields.push((name, value.to_string().into_bytes())),
            Value::Text(text) | Value::Json(text) => fields.push((name, text.to_vec())),
        });
        fields
    }

    /// Writes a message's record.
    pub(super) fn put_message(&self, out: &mut DumpBuilder, scratch: &mut Scratch, message: u64) {
        scratch.key.clear();
        self.put_message_key(&mut scratch.key, message);
        if self.options.records == Records::Hash {
            out.hash(&scratch.key, &self.fields(message));
            return;
        }
        scratch.text.clear();
        self.put_document(&mut scratch.text, message);
        match self.options.records {
            Records::Json => out.json(&scratch.key, &scratch.text),
            Records::String | Records::Hash => out.string(&scratch.key, &scratch.text),
        };
    }

    fn put_document(&self, out: &mut Vec<u8>, message: u64) {
        out.push(b'{');
        self.visit(message, |name, value| {
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            match value {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
                Value::Text(text) => put_json_text(out, text),
                Value::Json(text) => out.extend_from_slice(text),
            }
        });
        out.push(b'}');
    }

    /// Calls `field` for each field, in the document's order. Every 16th document begins with its content.
    fn visit(&self, message: u64, mut field: impl FnMut(&'static str, Value<'_>)) {
        let noise = mix(self.options.seed ^ 8, message);
        let (user, channel) = (self.user_id(self.user_of(message)), self.channel_id(self.channel_of(message)));
        let mut text = Vec::with_capacity(600);
        let content_first = noise.is_multiple_of(16);
        if content_first {
            put_content(&mut text, noise);
            field("content", Value::Text(&text));
        }
        let mut decimal = |field: &mut dyn FnMut(&'static str, Value<'_>), name, n: u64| {
            text.clear();
            ids::put_decimal(&mut text, n);
            field(name, Value::Text(&text));
        };
        field("id", Value::Text(&self.message_key(message)));
        decimal(&mut field, "messageId", self.snowflake(message, false));
        match self.owner(message) {
            Owner::Project(p) => field("projectId", Value::Text(&self.project_key(p))),
            Owner::Null => field("projectId", Value::Null),
            Owner::Absent => {}
            Owner::Empty => field("projectId", Value::Text(b"")),
            Owner::Deleted => field("projectId", Value::Text(&self.deleted_project_key())),
            Owner::Bare => field("projectId", Value::Text(self.nano(0).as_bytes())),
        }
        decimal(&mut field, "serverId", 1_100_000_000_000_000_000 + noise % 4);
        field("serverName", Value::Text(b"Community"));
        decimal(&mut field, "channelId", channel);
        let channels: [&[u8]; 4] = [b"general", b"support", "オフトピック".as_bytes(), b"announcements-and-news"];
        field("channelName", Value::Text(channels[(channel % 4) as usize]));
        decimal(&mut field, "userId", user);
        field("username", Value::Text(format!("user_{:05}", user % 100_000).as_bytes()));
        let avatar = if user.is_multiple_of(6) {
            format!("https://cdn.example.invalid/avatars/{user}/{:016x}.webp", mix(8, user))
        } else {
            format!("https://cdn.example.invalid/embed/avatars/{}.png", user % 5)
        };
        field("userAvatar", Value::Text(avatar.as_bytes()));
        text.clear();
        if !content_first {
            put_content(&mut text, noise);
            field("content", Value::Text(&text));
        }
        let ms = self.time_ms(message);
        field("timestamp", Value::Text(rfc3339(ms).as_bytes()));
        let attached = [0, 0, 0, 7][(noise >> 4 & 3) as usize];
        field("hasAttachments", Value::Bool(attached > 0));
        let id = self.snowflake(message, false);
        text.clear();
        for n in 0..attached {
            let name = ["image", "screenshot", "log"][(noise % 3) as usize];
            let path = format!("example.invalid/attachments/{channel}/{id}/{name}_{n}.png");
            let attachment = format!(
                "{}{{\"url\":\"https://cdn.{path}\",\"proxyUrl\":\"https://media.{path}\",\"projectId\":\"none\",\"size\":{}}}",
                if n == 0 { '[' } else { ',' },
                (noise >> n) % 8_000_000
            );
            text.extend_from_slice(attachment.as_bytes());
        }
        text.extend_from_slice(if attached > 0 { b"]" } else { b"[]" });
        field("attachments", Value::Json(&text));
        if noise.is_multiple_of(4) {
            let reply = self.snowflake(message / 2, false).to_string();
            field("replyToId", Value::Text(reply.as_bytes()));
        } else {
            field("replyToId", Value::Null);
        }
        if noise.is_multiple_of(25) {
            field(
                "reference",
                Value::Json(br#"{"projectId":"project:discord:nested_decoy_nested_d","more":[{"projectId":null}]}"#),
            );
        }
        if noise % 5 < 2 {
            let (score, confidence) = (noise % 2001, mix(11, noise) % 1001);
            let sentiment = format!(
                "{{\"score\":{}.{:03},\"confidence\":0.{confidence:03}1,\"analyzedAt\":\"{}\"}}",
                score / 1000,
                score % 1000 / 10 * 10 + 1,
                rfc3339(ms + 3_600_000)
            );
            field("sentiment", Value::Json(sentiment.as_bytes()));
        }
    }
}

/// Buffers that a worker keeps from one key to the next.
#[derive(Default)]
pub struct Scratch {
    pub key: Vec<u8>,
    pub text: Vec<u8>,
}

/// Some words, now and then with something odd before them.
fn put_content(out: &mut Vec<u8>, noise: u64) {
    if noise.is_multiple_of(20) {
        out.extend_from_slice(ODD[(noise / 20 % ODD.len() as u64) as usize].as_bytes());
    }
    // People repeat themselves: a message draws on a stretch of the words only, which is what makes it compress.
    let target = 10 + (noise >> 8) % 150;
    let stretch = (noise >> 17) % (WORDS.len() as u64 - 200);
    let mut state = noise;
    while (out.len() as u64) < target {
        if !out.is_empty() {
            out.push(b' ');
        }
        state = mix(12, state);
        // Two words, from the first blank behind a random place in the stretch.
        let rest = &WORDS.as_bytes()[(stretch + state % 160) as usize..];
        let mut words = rest.split(|&byte| byte == b' ').skip(1).filter(|word| !word.is_empty());
        out.extend_from_slice(words.next().unwrap_or(b"well"));
        out.push(b' ');
        out.extend_from_slice(words.next().unwrap_or(b"then"));
    }
}

/// Writes a JSON string with the escapes that RedisJSON writes: short ones, `\u00xx` for other controls, UTF-8 as it is.
fn put_json_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&text[plain..at]);
        if short.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(short);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}

/// A time as the application writes it, `2025-01-06T17:45:00.123Z`.
fn rfc3339(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    // The civil date of a day: years begin in March, 146,097 days are an era of 400 years.
    let from_march = days + 719_468;
    let (era, day) = (from_march / 146_097, from_march % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, early) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + early;
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

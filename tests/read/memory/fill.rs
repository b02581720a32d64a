//! Keys of all types, in all encodings, of many sizes.

use redis::Connection;

use crate::support::server::{Server, query};

/// Texts of so many bytes, different ones.
pub fn text(n: u64, len: usize) -> String {
    let number = n.to_string();
    format!("{}{number}", "m".repeat(len.saturating_sub(number.len())))
}

/// Words that compress as prose does.
fn prose(n: u64, len: usize) -> String {
    let words = ["index", "of", "the", "record", "message", "channel", "a", "user", "and", "server", "was", "made"];
    let mut text = String::new();
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(words[(state >> 33) as usize % words.len()]);
        text.push(' ');
    }
    text.truncate(len);
    text
}

struct Filler(Connection);

impl Filler {
    fn run(&mut self, command: &str, key: String, elements: Vec<String>) {
        for some in elements.chunks(1000) {
            let args: Vec<String> = [command.to_owned(), key.clone()].into_iter().chain(some.to_vec()).collect();
            query::<redis::Value>(&mut self.0, &args);
        }
    }

    fn one(&mut self, args: &[&str]) {
        query::<redis::Value>(&mut self.0, args);
    }

    fn strings(&mut self) {
        for n in 0..40_u64 {
            self.one(&["SET", &format!("count:{n}"), &(n * n * 977).to_string()]);
            self.one(&["SET", &format!("large:count:{n}"), &(n + 1_700_000_000_000).to_string()]);
            self.one(&["SET", &text(n, 12 + n as usize * 2), &text(n, 1 + n as usize)]);
        }
        for len in [45, 60, 100, 200, 300, 1000, 5000, 70_000] {
            for n in 0..5 {
                self.one(&["SET", &format!("note:{len}:{n}"), &prose(n, len)]);
                self.one(&["SET", &format!("blob:{len}:{n}"), &text(n, len)]);
            }
        }
    }

    fn lists(&mut self) {
        for count in [1, 3, 20, 100, 700, 5000] {
            for len in [5, 20, 60, 300] {
                self.run("RPUSH", format!("list:{len}:{count}"), (0..count).map(|n| prose(n, len)).collect());
            }
            self.run("RPUSH", format!("list:numbers:{count}"), (0..count).map(|n| (n * 7919).to_string()).collect());
        }
        self.run("RPUSH", "list:of-large".to_owned(), (0..20).map(|n| prose(n, 10_000)).collect());
    }

    fn collections(&mut self) {
        for count in [1, 2, 5, 16, 100, 129, 511, 700, 5000] {
            for (name, step) in [("small", 1), ("middle", 70_001), ("large", 5_000_000_000_u64)] {
                let numbers = (0..count).map(|n| (n * step).to_string()).collect();
                self.run("SADD", format!("numbers:{name}:{count}"), numbers);
            }
            for len in [4, 8, 20, 30, 36, 50, 64, 73, 130, 500] {
                self.run("SADD", format!("set:{len}:{count}"), (0..count).map(|n| text(n, len)).collect());
                let scored = |n: u64| [(1_700_000_000_000 + n * 1001).to_string(), text(n, len)];
                self.run("ZADD", format!("zset:{len}:{count}"), (0..count).flat_map(scored).collect());
                let field = |n: u64| [text(n, len), format!("value-{n}")];
                self.run("HSET", format!("hash:{len}:{count}"), (0..count).flat_map(field).collect());
                let value = |n: u64| [format!("f{n}"), prose(n, len)];
                self.run("HSET", format!("hash:values:{len}:{count}"), (0..count).flat_map(value).collect());
            }
            let odd = |n: u64| [format!("{}", n as f64 / 8.0 - 1.0), text(n, 12)];
            self.run("ZADD", format!("zset:odd:{count}"), (0..count).flat_map(odd).collect());
        }
    }

    /// Records as applications keep them: fields of all lengths, some of them long.
    fn records(&mut self) {
        for n in 0..60_u64 {
            let mut fields = vec!["id".to_owned(), n.to_string(), "title".to_owned(), prose(n, 15 + n as usize % 40)];
            fields.extend([
                "body".to_owned(),
                prose(n, 70 + 45 * n as usize),
                "at".to_owned(),
                "2025-01-06".to_owned(),
            ]);
            for more in 0..n % 17 {
                fields.extend([format!("attribute:{more}"), prose(n * more, (n * more % 61) as usize)]);
            }
            self.run("HSET", format!("record:{n}"), fields);
            let lengths = (0..150).map(|at| prose(n * 1000 + at, 4 + (at * n % 90) as usize) + &at.to_string());
            self.run("SADD", format!("mixed:{n}"), lengths.collect());
        }
    }

    fn streams(&mut self) {
        for count in [1, 10, 90, 150, 1000, 4000] {
            for len in [8, 40] {
                let key = format!("stream:{len}:{count}");
                let mut pipe = redis::pipe();
                for n in 0..count {
                    let id = format!("{}-{}", 1_700_000_000_000_u64 + n * 37, n % 2);
                    pipe.cmd("XADD").arg(&key).arg(id).arg("kind").arg("event").arg("body").arg(prose(n, len)).ignore();
                }
                pipe.query::<()>(&mut self.0).expect("entries");
                if len == 40 {
                    self.one(&["XGROUP", "CREATE", &key, "workers", "0"]);
                    self.one(&["XREADGROUP", "GROUP", "workers", "one", "COUNT", "40", "STREAMS", &key, ">"]);
                    self.one(&["XREADGROUP", "GROUP", "workers", "two", "COUNT", "3000", "STREAMS", &key, ">"]);
                    self.one(&["XGROUP", "CREATE", &key, "readers", "$"]);
                }
            }
        }
    }
}

/// Documents as applications keep them: flat and nested, with texts, numbers and lists.
pub fn documents(server: &Server) {
    let mut connection = server.connection();
    let mut set = |key: String, document: serde_json::Value| {
        query::<redis::Value>(&mut connection, &["JSON.SET", &key, "$", &document.to_string()]);
    };
    for n in 0..50_u64 {
        set(format!("doc:tiny:{n}"), serde_json::json!({ "id": n }));
        set(
            format!("doc:user:{n}"),
            serde_json::json!({
                "id": format!("0b7e{n:04}-77aa-4b1c-9d1e-000000000000"), "name": prose(n, 14), "age": n, "active": n % 2 == 0,
                "email": format!("user{n}@example.com"), "created": "2025-01-06T17:45:00.000Z", "score": n as f64 / 7.0,
            }),
        );
        set(
            format!("doc:message:{n}"),
            serde_json::json!({
                "id": (1_325_000_000_000_000_000_u64 + n).to_string(), "content": prose(n, 20 + 12 * n as usize),
                "author": { "id": (n * 7919).to_string(), "name": prose(n, 9), "bot": false },
                "timestamp": 1_736_185_500_000_u64 + n, "reactions": [], "attachments": [{ "url": prose(n, 60), "size": n }],
            }),
        );
        let points: Vec<f64> = (0..n * 5).map(|at| at as f64 / 3.0).collect();
        set(format!("doc:points:{n}"), serde_json::json!({ "points": points }));
        let rows: Vec<_> =
            (0..n).map(|at| serde_json::json!({ "sku": format!("A-{at}"), "qty": at, "price": 995 })).collect();
        set(format!("doc:order:{n}"), serde_json::json!({ "order": n, "rows": rows, "total": n * 995 }));
        let tags: Vec<String> = (0..n % 7).map(|at| prose(at, 6)).collect();
        set(format!("doc:tags:{n}"), serde_json::json!({ "tags": tags, "title": prose(n, 40) }));
    }
}

/// Fills a server.
pub fn fill(server: &Server) {
    let mut filler = Filler(server.connection());
    filler.strings();
    filler.lists();
    filler.collections();
    filler.records();
    filler.streams();
}

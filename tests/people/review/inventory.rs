//! `inventory --format html`.

use super::browser::{Found, open};
use super::{Work, fixture, hostile, hostile_names, plain, start};

const MOST: usize = 2_000_000;

fn page(work: &Work, args: &[&str]) -> String {
    String::from_utf8(work.run(&[&["inventory", "--format", "html"], args].concat())).expect("UTF-8")
}

/// The numbers are those of fixtures/README.md.
#[test]
fn the_fixture_on_a_page() {
    let work = Work::new();
    let path = fixture();
    let html = page(&work, &[path.to_str().expect("a name")]);
    let text = plain(&html);
    for part in [
        "29,695 keys, and 2 indexes are not as they should be; the spec retires 2",
        "Taken 2026-11-23 13:36:47 UTC",
        "0062dc44a99fc245; checksum right",
        "2,001 keys: 3 right, 1,998 wrong",
        "2,040 keys: 2,040 retired",
        // 2 of 4 projects are there, and 4 members are no projects.
        "6 members: 2 right, 4 wrong, 2 missing",
        "discord:messages:project:* index project 2,001",
        "message:discord:* record message 19,485",
        // 25 wrong keys, 10 of user and channel, and the heartbeat; all of them years ahead.
        "36 of 29,695 keys with an expiry",
        "had expired 0",
        "cannot be told 0",
        // The largest key is the index of the first project, with 1,991 members.
        "discord:messages:project:project:discord:bU5oBuc5W-FkXBygJf7mu set 1,991",
        "35 records with a field that names no index key",
        "rdb-reindex plan",
    ] {
        assert!(text.contains(part), "{part:?} is not there");
    }
    // What takes the memory, by the JSON of the inventory.
    let json = work.run(&["inventory", "--format", "json", path.to_str().expect("a name")]);
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let percent = |prefix: &str| {
        let families = json["families"].as_array().expect("rows").iter();
        let named = families.filter(|family| family["pattern"].as_str().is_some_and(|name| name.starts_with(prefix)));
        let sum: u64 = named.map(|family| family["memory"].as_u64().expect("a number")).sum();
        100.0 * sum as f64 / json["memory"].as_f64().expect("a number")
    };
    let share = format!("message:discord:*: {:.1}% of the memory", percent("message:discord:"));
    assert!(text.contains(&share), "{share:?} is not there");
    assert_eq!(html, page(&work, &[path.to_str().expect("a name"), "--threads", "1"]), "whatever the threads");
    work.write("page.html", html);
    let Some(found) = open(&work.path("page.html"), &[]) else { return };
    assert!(found.age.as_ref().is_some_and(|age| age.ends_with("before you opened this page)")));
    assert_eq!(found.cut, [""; 0], "a table is cut");
    assert!(found.phone.height < 6_000, "{} pixels to scroll on a phone", found.phone.height);
    entered(&found);
    // Among what begins with `message` are two keys that are not messages.
    let share = percent("message");
    assert_eq!(found.maps[0].words, format!("message: — {share:.1}% · 12.7 MB"));
    assert!((found.maps[0].before - share).abs() < 0.01, "{}", found.maps[0].before);
}

/// The map was entered and left by keyboard, is a picture and lists without a script, and on paper twice.
fn entered(found: &Found) {
    assert_eq!(found.maps.len(), 1);
    for map in &found.maps {
        assert_eq!((map.inside.as_str(), map.told.as_str()), ("100%", map.words.as_str()));
        assert!(
            map.before < 100.0 && (map.before - map.after).abs() < 1e-9 && map.back,
            "{}: {}",
            map.words,
            map.after
        );
        assert_eq!(map.ring, "5px");
    }
    assert!(found.without_script.outline && found.without_script.map);
    assert_eq!(found.print.maps, 2);
}

/// What the spec retires does not look like what is wrong, and lifted brakes come before the others.
#[test]
fn decisions_and_mistakes_look_different() {
    let work = Work::new();
    let spec = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"old\"\npolicy = \"retire\"\n\
                key = \"old:{x}\"\n[[index]]\nname = \"one\"\npolicy = \"maintain\"\nfrom = \"r\"\nkey = \"one\"\n\
                member = \"{@key}\"\naccept = [\"foreign-members\"]\n[[index]]\nname = \"by\"\npolicy = \"maintain\"\n\
                from = \"r\"\nkey = \"by:{f}\"\nmember = \"{@key}\"\n";
    work.write("spec.toml", spec);
    let mut dump = start();
    dump.json("r:1", r#"{"f":"x"}"#).set("one", &["r:1", "strange"]).set("by:x", &["r:1"]).set("by:y", &["r:1"]);
    dump.set("old:a", &["r:1"]).set("old:b", &["r:1"]).list("by:z", &["r:1"]);
    let file = work.write("dump.rdb", dump.finish());
    for html in [work.review(&file, &["--spec", "spec.toml"]), page(&work, &["dump.rdb", "--spec", "spec.toml"])] {
        let card = |name: &str| {
            let article =
                html.split("<article").skip(1).find(|part| part.contains(&format!(">{name}</code>"))).expect(name);
            article.split("</article>").next().expect("an end").to_owned()
        };
        let old = card("old");
        assert!(old.contains("class=\"s-retired\"") && !old.contains("s-wrong"), "{old}");
        assert!(card("by").contains("s-wrong") && !card("by").contains("s-retired"));
        // One key needs no bar, but its two members have one.
        assert!(!card("one").contains("key: 1 right\""), "{}", card("one"));
        assert!(plain(&html).contains("1 key: 1 right"));
        let text = plain(&html);
        let lifted = text.find("1 brake was lifted").expect("the lifted one");
        let kept = text.find("Brakes: what may be a mistake").expect("the other");
        let cards = text.find("In short").expect("the cards");
        assert!(lifted < kept && kept < cards);
    }
}

/// Cards with long names and lines for a spec fit, and say what the table says.
#[test]
fn advice_on_a_page() {
    let work = Work::new();
    let path = fixture();
    let html = page(&work, &[path.to_str().expect("a name"), "--advise"]);
    let text = plain(&html);
    for part in [
        "user could go; the spec retires it already",
        "channel could go; the spec retires it already",
        "6,049 keys of 3 families become 3",
        "Only if nobody reads these keys",
        "key = \"discord:messages:user:{userId}\"",
    ] {
        assert!(text.contains(part), "{part:?} is not there");
    }
    assert!(!plain(&page(&work, &[path.to_str().expect("a name")])).contains("could go"));
    work.write("page.html", html);
    open(&work.path("page.html"), &[]);
}

/// Worked out by hand from the dump here.
#[test]
fn expiries_and_largest_keys() {
    let work = Work::new();
    let mut dump = start();
    dump.compression(false);
    // The dump is of 1,736,185,500 s; an expiry of 60,000 ms is before 2009 and in doubt.
    let now = 1_736_185_500_000;
    for (at, expiry) in
        [now - 1, now, now + 1, now + 59_999, now + 3_600_000, now + 3_600_001, 60_000].iter().enumerate()
    {
        dump.expire_ms(*expiry).string(format!("k{at}"), "x");
    }
    for n in 0..60_usize {
        // One more member is always more in memory.
        let members: Vec<String> = (0..100 + n).map(|member| format!("m{member:03}")).collect();
        dump.set(format!("big{n:02}"), &members);
    }
    let file = work.write("dump.rdb", dump.finish());
    let text = plain(&page(&work, &[file.to_str().expect("a name")]));
    for part in [
        "7 of 67 keys with an expiry",
        "had expired 2",
        "up to a minute 2",
        "up to 10 minutes 0",
        "up to an hour 1",
        "up to 6 hours 1",
        "cannot be told 1",
        // 50 of 60: from big59 down to big10.
        "big59 set 159",
        "big10 set 110",
    ] {
        assert!(text.contains(part), "{part:?} is not there");
    }
    assert!(!text.contains("big09 set"));
    let (first, last) = (text.find("big59 set").expect("there"), text.find("big10 set").expect("there"));
    assert!(first < last, "the largest first");
}

/// Users in sets, which no preset knows, and a registry that one does.
#[test]
fn a_dump_that_no_spec_describes_on_a_page() {
    let work = Work::new();
    let mut dump = start();
    for user in 0..30 {
        let user = format!("user:{user}");
        dump.hash(&user, &[("country", "DE")]).set(format!("users:{user}"), &[&user]);
    }
    dump.hash("rq:job:a", &[("status", "finished"), ("origin", "mail")]).zset("rq:finished:mail", &[("a", 1.0)]);
    work.write("my <app>.rdb", dump.finish());
    let html = page(&work, &["my <app>.rdb"]);
    assert!(!html.to_lowercase().contains("discord"));
    for part in ["Index health", "#health", "id=\"health\"", "t-index\"/>", "rdb-reindex plan"] {
        assert!(!html.contains(part), "{part}");
    }
    let text = plain(&html);
    for part in [
        "62 keys; no spec was used, so no index is judged",
        "user:* 30 30 2.6 kB 890 B",
        "This looks for indexes in the data, and proposes a spec: rdb-reindex infer 'my <app>.rdb'",
        "The preset `rq` describes 1 of 62 keys: rdb-reindex inventory 'my <app>.rdb' --preset rq",
    ] {
        assert!(text.contains(part), "{part:?} is not there: {text}");
    }
    work.write("page.html", html);
    open(&work.path("page.html"), &[]);
}

#[test]
fn hostile_names_on_the_page_of_an_inventory() {
    let work = Work::new();
    hostile(&work);
    let html = page(&work, &["dump.rdb", "--spec", "spec.toml"]);
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains("<img") && !html.contains("<!--") && !html.contains("<i>") && !html.contains("<b>"));
    let text = plain(&html);
    // In the map they are in titles, too.
    assert!(html.contains("<svg class=\"icicle\""));
    // Names of indexes have what a spec allows; the largest keys have them as they are.
    for (_, seen) in hostile_names() {
        assert!(text.contains(seen), "{seen:?} is not there");
    }
    work.write("page.html", html);
    open(&work.path("page.html"), &[]);
}

#[test]
fn families_and_indexes_without_number() {
    let work = Work::new();
    let mut spec = String::from("version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n");
    let mut dump = start();
    let long = "\"\u{3042}".repeat(100);
    for n in 0..2000 {
        spec.push_str(&format!(
            "[[index]]\nname = \"{n}{}\"\npolicy = \"maintain\"\nfrom = \"r\"\nkey = \"i{n}:{{f}}\"\nmember = \"{{@key}}\"\n",
            long.replace('"', "&")
        ));
        dump.set(format!("i{n}:{long}"), &["r:1"]);
        dump.string(format!("{}{n}:{}", "\u{202e}'".repeat(9), n % 7), "x");
    }
    work.write("spec.toml", &spec);
    work.write("dump.rdb", dump.finish());
    let html = page(&work, &["dump.rdb", "--spec", "spec.toml"]);
    assert!(html.len() < MOST, "{} bytes", html.len());
    assert!(plain(&html).contains("more indexes: --format json has them all."));
}

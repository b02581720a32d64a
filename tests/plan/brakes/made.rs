//! Hashes, strings and several members, made from records.

use super::{Desk, dump};

const RECORD: &str = "version = 1\n[[record]]\nname = \"user\"\nkey = \"user:{@id:digits}\"\n";

fn index(more: &str) -> String {
    format!("{RECORD}[[index]]\nname = \"i\"\npolicy = \"maintain\"\nfrom = \"user\"\n{more}\n")
}

#[test]
fn a_hash_of_values() {
    let mut dump = dump();
    dump.hash("user:1", &[("mail", "A@x")]).hash("user:2", &[("mail", "b@x")]).hash("user:3", &[("name", "no mail")]);
    dump.hash("by", &[("a@x", "1"), ("b@x", "9"), ("gone@x", "4")]);
    let text = index("type = \"hash\"\nkey = \"by\"\nmember = \"{mail|lower}\"\nvalue = \"{@id}\"");
    Desk::new(&dump, &text).plan(&[]).does(&["HSET by b@x 2", "HDEL by gone@x"]);
    // Fields that have not the form are somebody else's; two records that claim one field are left alone.
    let mut two = super::dump();
    two.hash("user:1", &[("m", "a")]).hash("user:2", &[("m", "a")]).hash("user:3", &[("m", "c")]);
    two.hash("by", &[("u:a", "7"), ("version", "3"), ("u:x", "1")]);
    let text =
        index("type = \"hash\"\nkey = \"by\"\nmember = \"u:{m}\"\nvalue = \"{@id}\"\naccept = [\"foreign-members\"]");
    Desk::new(&two, &text).plan(&[]).does(&["HSET by u:c 3", "HDEL by u:x"]);
}

#[test]
fn a_pointer() {
    let mut dump = dump();
    dump.hash("user:1", &[("m", "a")]).hash("user:2", &[("m", "b")]).hash("user:3", &[("m", "c")]);
    dump.hash("user:4", &[("m", "d")]).hash("user:5", &[("m", "d")]);
    dump.string("p:a", "user:1").expire_ms(4_102_444_800_000).string("p:b", "user:9").string("p:x", "user:1");
    dump.string("p:d", "user:4");
    let text = index("type = \"string\"\nkey = \"p:{m}\"\nvalue = \"{@key}\"");
    Desk::new(&dump, &text).plan(&[]).does(&["UNLINK p:x", "SET p:b user:2 XX KEEPTTL GET", "SET p:c user:3 NX"]);
}

#[test]
fn several_members_filters_and_when() {
    let mut dump = dump();
    dump.hash("user:1", &[("a", "x"), ("b", "Y"), ("state", "open")]).hash("user:2", &[("a", "z"), ("b", "z")]);
    dump.set("all", &["i:x", "i:q"]);
    let text = index("key = \"all\"\nmember = [\"i:{a}\", \"j:{b|lower}\"]");
    Desk::new(&dump, &text).plan(&[]).does(&["SADD all i:z j:y j:z", "SREM all i:q"]);
    let text = index("key = \"all\"\nmember = \"i:{a}\"\nwhen = { state = [\"open\", \"new\"] }");
    Desk::new(&dump, &text).plan(&[]).does(&["SREM all i:q"]);
    let mut tags = super::dump();
    tags.string("user:1", "{\"t\":\"a,b,,c\",\"n\":\"One  two\"}")
        .set("t:a", &["1"])
        .set("t:d", &["1"])
        .set("n:one", &["1"]);
    let text = index("key = \"t:{t|split:,}\"\nmember = \"{@id}\"");
    Desk::new(&tags, &text).plan(&[]).does(&["UNLINK t:d", "SADD t:b 1", "SADD t:c 1"]);
    let text = index("key = \"n:{n|words}\"\nmember = \"{@id}\"");
    Desk::new(&tags, &text).plan(&[]).does(&["SADD n:two 1"]);
}

#[test]
fn several_indexes_make_one_key() {
    let mut dump = dump();
    dump.hash("user:1", &[("a", "x"), ("b", "y")]).hash("user:2", &[("a", "z"), ("b", "y")]);
    dump.set("s:all", &["x", "q"]);
    let one = |name: &str, field: &str| {
        format!(
            "[[index]]\nname = \"{name}\"\npolicy = \"maintain\"\nfrom = \"user\"\nkey = \"s:all\"\nmember = \"{{{field}}}\"\n"
        )
    };
    let text = format!("{RECORD}{}{}", one("a", "a"), one("b", "b"));
    Desk::new(&dump, &text).plan(&[]).does(&["SADD s:all y z", "SREM s:all q"]);
}

#[test]
fn an_undecidable_record_holds_the_entries_that_make_up_its_name() {
    let mut dump = dump();
    dump.string("user:1", "{\"g\":\"a\"}").string("user:2", "broken");
    dump.set("g:a", &["1", "2", "3"]).set("g:b", &["2"]).set("g:c", &["3"]);
    let text = index("key = \"g:{g}\"\nmember = \"{@id}\"");
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&["UNLINK g:c", "SREM g:a 3"]);
    // Where the name of the record does not follow, all of the index stays.
    let text = index("key = \"g:{g}\"\nmember = \"{g}\"").replace("user:{@id:digits}", "user:*");
    Desk::new(&dump, &text).plan(&[]).does(&["SADD g:a a"]);
}

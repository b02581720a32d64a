//! Caches with tags, and sessions.

use super::{dump, repairs};

const SHA: &str = "61280d8c9fb615bca4b4ad181ed035e2ecc20a71";

#[test]
fn laravel_8() {
    let tag = "5f0b1b7c5e1c4123456789";
    let item = |prefix: &str, name: &str| format!("{prefix}{SHA}:{name}");
    let mut dump = dump();
    // Without any prefix, with that of the store, with that of the connection, which names in the sets lack.
    for (store, connection) in [("", ""), ("laravel_cache:", ""), ("laravel_cache:", "laravel_database_")] {
        dump.string(item(&format!("{connection}{store}"), "here"), "s:1:\"x\";");
        let names = [item(store, "here"), item(store, "gone"), "other".to_owned()];
        dump.set(format!("{connection}{store}{tag}:standard_ref"), &names);
        dump.set(format!("{connection}{store}{tag}:forever_ref"), &[item(store, "here"), item(store, "away")]);
        dump.string(format!("{connection}{store}tag:people:key"), tag);
    }
    // Names that lack a prefix nobody knows; an id that is none; another type.
    dump.set(format!("mine_laravel_cache:{tag}:standard_ref"), &[item("laravel_cache:", "gone")]);
    dump.set("laravel_cache:people:standard_ref", &[item("laravel_cache:", "gone")]);
    dump.zset(format!("laravel_cache:{tag}0:standard_ref"), &[(item("laravel_cache:", "gone"), 1.0)]);
    let expected = [
        format!("SREM {tag}:forever_ref {SHA}:away"),
        format!("SREM {tag}:standard_ref {SHA}:gone"),
        format!("SREM laravel_cache:{tag}:forever_ref laravel_cache:{SHA}:away"),
        format!("SREM laravel_cache:{tag}:standard_ref laravel_cache:{SHA}:gone"),
        format!("SREM laravel_database_laravel_cache:{tag}:forever_ref laravel_cache:{SHA}:away"),
        format!("SREM laravel_database_laravel_cache:{tag}:standard_ref laravel_cache:{SHA}:gone"),
    ];
    repairs("laravel-8", &dump, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn laravel_10() {
    let entry = |name: &str| format!("{SHA}:{name}");
    let mut dump = dump();
    let prefixes = ["", "laravel_cache:", "laravel_database_laravel_cache:", "shop_cache_", "shop-cache-", "pricetag:"];
    for prefix in prefixes {
        dump.string(format!("{prefix}{}", entry("here")), "s:1:\"x\";").string(format!("{prefix}plain"), "i:1;");
        let entries = [(entry("here"), -1.0), (entry("gone"), -1.0), (entry("soon"), 4e9), ("other".to_owned(), -1.0)];
        dump.zset(format!("{prefix}tag:people:entries"), &entries);
    }
    // A tag with a colon; a set; a prefix that ends with none of the three.
    dump.zset("laravel_cache:tag:team:1:entries", &[(entry("here"), 1.0), (entry("gone"), 2.0)]);
    dump.set("laravel_cache:tag:list:entries", &[entry("gone")]).zset("shoptag:a:entries", &[(entry("gone"), 1.0)]);
    let mut expected: Vec<String> =
        prefixes.iter().map(|prefix| format!("ZREM {prefix}tag:people:entries {0}:gone {0}:soon", SHA)).collect();
    expected.push(format!("ZREM laravel_cache:tag:team:1:entries {SHA}:gone"));
    repairs("laravel-10", &dump, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn symfony_cache() {
    let mut dump = dump();
    dump.string("app:here", "\u{9d}").string("here", "x").string("Ab1-cd:v1:here", "x");
    dump.set("app:\0tags\0news", &["app:here", "app:gone", "other:gone"]);
    dump.set("app:\u{1}tags\u{1}news", &["app:here", "app:gone"]);
    dump.set("Ab1-cd:v1:\u{1}tags\u{1}a", &["Ab1-cd:v1:here", "Ab1-cd:v1:gone"]);
    dump.set("\0tags\0news", &["here", "gone"]).set("\u{1}tags\u{1}news", &["here", "gone"]);
    // The client puts "client_" before every key; members lack it.
    dump.set("client_app:\0tags\0x", &["app:here2"]).set("app:tags:news", &["app:gone"]);
    let expected = [
        r"SREM app:\x00tags\x00news app:gone",
        r"SREM app:\x01tags\x01news app:gone",
        r"SREM Ab1-cd:v1:\x01tags\x01a Ab1-cd:v1:gone",
        r"SREM \x00tags\x00news gone",
        r"SREM \x01tags\x01news gone",
    ];
    repairs("symfony-cache", &dump, &expected);
}

#[test]
fn spring_session() {
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let java = |text: String| [&b"\xac\xed\x00\x05t\x00"[..], &[text.len() as u8], text.as_bytes()].concat();
    let index = "org.springframework.session.FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME";
    let mut dump = dump();
    for namespace in ["spring:session", "shop"] {
        dump.hash(format!("{namespace}:sessions:{}", id(1)), &[("creationTime", "x")]);
        dump.string(format!("{namespace}:sessions:expires:{}", id(1)), "");
        dump.set(format!("{namespace}:index:{index}:eve"), &[java(id(1)), java(id(2)), java("custom".to_owned())]);
        let expires = |n| java(format!("expires:{}", id(n)));
        dump.set(format!("{namespace}:expirations:1890000000000"), &[expires(1), expires(2)]);
    }
    dump.set(format!("spring:session:index:{index}:json"), &[format!("\"{}\"", id(1)), format!("\"{}\"", id(2))]);
    dump.set(format!("spring:session:index:{index}:text"), &[id(1), id(2)]);
    // The reactive repository's, and another index.
    dump.set(format!("spring:session:sessions:index:{index}:eve"), &[id(1), id(2)]);
    dump.set(format!("spring:session:sessions:{}:idx", id(2)), &["x"]);
    dump.zset("spring:session:sessions:expirations", &[(id(2), 1.0)]).set("spring:session:index:OTHER:eve", &[id(2)]);
    let principal = format!(r"\xac\xed\x00\x05t\x00${}", id(2));
    let expires = format!(r"\xac\xed\x00\x05t\x00,expires:{}", id(2));
    let expected = [
        format!("SREM spring:session:index:{index}:eve {principal}"),
        format!("SREM shop:index:{index}:eve {principal}"),
        format!("SREM spring:session:expirations:1890000000000 {expires}"),
        format!("SREM shop:expirations:1890000000000 {expires}"),
        format!("SREM spring:session:index:{index}:json \\\"{}\\\"", id(2)),
        format!("SREM spring:session:index:{index}:text {}", id(2)),
    ];
    repairs("spring-session", &dump, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn spring_cache() {
    let mut dump = dump();
    dump.string("k1", "x").zset("users~keys", &[("k1", 0.0), ("k2", 0.0)]).string("users~lock", "1");
    dump.zset("users", &[("k2", 0.0)]).set("roles~keys", &["k2"]).zset("a~keys:b", &[("k2", 0.0)]);
    repairs("spring-cache", &dump, &["ZREM users~keys k2"]);
}

#[test]
fn cacheops() {
    let mut dump = dump();
    dump.string("q:1", "pickle").set("conj:post:id=1&draft=False", &["q:1", "q:2", "as:3"]).set("conj:post:", &["q:2"]);
    dump.set("schemes:post", &["id,draft", "q:2"]).string("conj:post:id=9", "stamp");
    dump.string("site1q:1", "pickle").set("site1conj:post:id=1", &["site1q:1", "site1q:2"]);
    let expected =
        ["SREM conj:post:id=1&draft=False as:3 q:2", "UNLINK conj:post:", "SREM site1conj:post:id=1 site1q:2"];
    repairs("cacheops", &dump, &expected);
}

#[test]
fn nextjs_cache_handler() {
    let mut dump = dump();
    for prefix in ["", "next:", "build_", "build-"] {
        dump.string(format!("{prefix}/blog"), "{}").string(format!("{prefix}0a1b"), "{}");
        let tags = [("/blog", "[\"a\"]"), ("/gone", "[\"a\"]"), ("0a1b", "[]"), ("0c1d", "[]")];
        dump.hash(format!("{prefix}__sharedTags__"), &tags);
        dump.hash(format!("{prefix}__sharedTagsTtl__"), &[("/blog", "1"), ("/gone", "2")]);
        dump.hash(format!("{prefix}__revalidated_tags__"), &[("/gone", "1")]);
    }
    dump.hash("next:tags", &[("/gone", "[]")]).hash("app__sharedTags__", &[("/gone", "[]")]);
    let mut expected = Vec::new();
    for prefix in ["", "next:", "build_", "build-"] {
        expected.push(format!("HDEL {prefix}__sharedTags__ /gone 0c1d"));
        expected.push(format!("HDEL {prefix}__sharedTagsTtl__ /gone"));
    }
    repairs("nextjs-cache-handler", &dump, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn magento() {
    let mut dump = dump();
    dump.string("69d:69d_a", "x").string("cache:regen_lock:69d_b", "1");
    dump.set("cache:id_tags:69d_a", &["T", "U"]).set("cache:id_tags:69d_b", &["T"]);
    dump.set("cache:all_ids", &["69d_a", "69d_b"]).set("cache:tags:69d_T", &["69d_a", "69d_b"]);
    dump.set("cache:tags:69d_U", &["69d_a"]).set("cache:id_tags:shop_x", &["T"]).set("cache:names", &["69d_b"]);
    let expected = ["UNLINK cache:id_tags:69d_b", "SREM cache:all_ids 69d_b", "SREM cache:tags:69d_T 69d_b"];
    repairs("magento", &dump, &expected);
}

#[test]
fn cm_cache_redis() {
    let mut dump = dump();
    dump.hash("zc:k:A", &[("d", "x"), ("t", "T,U")]).set("zc:ti:T", &["A", "B"]).set("zc:ti:V", &["B"]);
    dump.set("zc:ids", &["A", "B"]).set("zc:tags", &["T", "V"]).set("zc:other", &["B"]);
    let expected = ["SREM zc:ti:T B", "UNLINK zc:ti:V", "SREM zc:ids B", "SREM zc:tags V"];
    repairs("cm-cache-redis", &dump, &expected);
}

#[test]
fn typo3() {
    let mut dump = dump();
    dump.string("identData:a", "x").set("identTags:a", &["all", "page_1"]).set("identTags:b", &["all", "page_2"]);
    dump.set("tagIdents:all", &["a", "b"]).set("tagIdents:page_2", &["b"]).string("identData:untagged", "x");
    dump.set("idents", &["b"]).hash("tags", &[("b", "x")]);
    let expected = ["UNLINK identTags:b", "UNLINK tagIdents:page_2", "SADD tagIdents:page_1 a", "SREM tagIdents:all b"];
    // Deletions may be batched across keys.
    let batched = ["UNLINK identTags:b tagIdents:page_2", expected[2], expected[3]];
    repairs("typo3", &dump, &batched);
}

#[test]
fn neos() {
    let mut dump = dump();
    for application in ["", "0a1b:"] {
        let cache = format!("{application}Neos_Fusion_Content");
        dump.string(format!("{cache}:entry:a"), "x").set(format!("{cache}:tag:all"), &["a", "b"]);
        dump.set(format!("{cache}:tags:a"), &["all"]).set(format!("{cache}:tags:b"), &["all"]);
        dump.list(format!("{cache}:entries"), &["a", "b"]).string(format!("{cache}:frozen"), "1");
    }
    dump.set("posts:tag:redis", &["7"]).set("Blog:tags:9", &["x"]).list("Blog:entries", &["9"]);
    let expected = [
        "UNLINK 0a1b:Neos_Fusion_Content:tags:b Neos_Fusion_Content:tags:b",
        "SREM Neos_Fusion_Content:tag:all b",
        "SREM 0a1b:Neos_Fusion_Content:tag:all b",
        "LREM Neos_Fusion_Content:entries 0 b",
        "LREM 0a1b:Neos_Fusion_Content:entries 0 b",
    ];
    repairs("neos", &dump, &expected);
}

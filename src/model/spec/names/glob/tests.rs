//! Globs held against a slow matcher and against facts read off Redis' source.

use proptest::prelude::*;

use super::*;

/// The recursion of `stringmatchlen`, step by step and as slow as it is.
fn naive(mut pattern: &[u8], mut key: &[u8]) -> bool {
    while !pattern.is_empty() && !key.is_empty() {
        match pattern[0] {
            b'*' => {
                while pattern.len() > 1 && pattern[1] == b'*' {
                    pattern = &pattern[1..];
                }
                return pattern.len() == 1 || (0..key.len()).any(|at| naive(&pattern[1..], &key[at..]));
            }
            b'?' => {}
            b'[' => {
                pattern = &pattern[1..];
                let not = pattern.first() == Some(&b'^');
                if not {
                    pattern = &pattern[1..];
                }
                let c = key[0] as i8;
                let mut found = false;
                loop {
                    if pattern.len() >= 2 && pattern[0] == b'\\' {
                        pattern = &pattern[1..];
                        found |= pattern[0] == key[0];
                    } else if pattern.is_empty() || pattern[0] == b']' {
                        break;
                    } else if pattern.len() >= 3 && pattern[1] == b'-' {
                        let (a, b) = (pattern[0] as i8, pattern[2] as i8);
                        found |= c >= a.min(b) && c <= a.max(b);
                        pattern = &pattern[2..];
                    } else {
                        found |= pattern[0] == key[0];
                    }
                    pattern = &pattern[1..];
                }
                if found == not {
                    return false;
                }
            }
            _ => {
                if pattern[0] == b'\\' && pattern.len() >= 2 {
                    pattern = &pattern[1..];
                }
                if pattern[0] != key[0] {
                    return false;
                }
            }
        }
        pattern = pattern.get(1..).unwrap_or(&[]);
        key = &key[1..];
        if key.is_empty() {
            while pattern.first() == Some(&b'*') {
                pattern = &pattern[1..];
            }
        }
    }
    pattern.is_empty() && key.is_empty()
}

/// Pattern, keys that match, keys that do not: read off the source of `stringmatchlen`.
const FACTS: &[(&str, &[&str], &[&str])] = &[
    ("a", &["a"], &["", "A", "aa", "b"]),
    ("message:discord:*", &["message:discord:", "message:discord:1"], &["message:discord", "xmessage:discord:1"]),
    ("*", &["", "a", "*"], &[]),
    ("**", &["a", "ab"], &[""]),
    ("*?", &["a", "ab"], &[""]),
    ("?*", &["a", "ab"], &[""]),
    ("h?llo", &["hello", "h?llo"], &["hllo", "heello"]),
    ("h*llo", &["hllo", "heeeello"], &["hell", "xhllo"]),
    ("*a*b*", &["ab", "xaxbx"], &["ba", "a", ""]),
    ("*ab", &["ab", "aab", "abab"], &["aba", "b"]),
    ("a*a", &["aa", "aba"], &["a", ""]),
    ("[abc]x", &["ax", "cx"], &["dx", "x", "^x"]),
    ("[^abc]x", &["dx", "^x"], &["ax", "x"]),
    ("[a-c]", &["a", "b", "c"], &["d", "-"]),
    ("[c-a]", &["a", "b", "c"], &["d", "-"]),
    ("[-a]", &["-", "a"], &["b"]),
    ("[a-]", &["]", "^", "a"], &["-", "b"]),
    ("[a-", &["a", "-"], &["b"]),
    ("[ab", &["a", "b"], &["c", "[ab"]),
    ("[", &[], &["[", ""]),
    ("[^", &["a", "["], &["", "aa"]),
    ("[]", &[], &["[]", "]", ""]),
    ("[^]", &["a", "]"], &["", "ab"]),
    ("[]a", &[], &["a", "]a"]),
    (r"[\]]", &["]"], &["\\", "\\]"]),
    (r"[\", &["\\"], &["["]),
    (r"[a\-c]", &["a", "-", "c"], &["b", "\\"]),
    (r"\*", &["*"], &["a", "\\*", ""]),
    (r"\a\\", &["a\\"], &["a"]),
    (r"a\", &["a\\"], &["a"]),
    (r"*\", &["\\", "a\\"], &["a"]),
    ("a**b", &["ab", "axb"], &["a"]),
    ("]", &["]"], &["["]),
    ("*[ab]*c", &["ac", "xbxc"], &["xc", "ca"]),
];

#[test]
fn facts() {
    for (pattern, yes, no) in FACTS {
        let glob = Glob::new(pattern.as_bytes());
        for key in *yes {
            assert!(glob.matches(key.as_bytes()), "{pattern} should match {key:?}");
        }
        for key in *no {
            assert!(!glob.matches(key.as_bytes()), "{pattern} should not match {key:?}");
        }
    }
}

#[test]
fn signed_ranges() {
    // As signed bytes, 0xff is -1 and `a` is 97: the range holds 0xff, 0x00 to 0x61, and nothing between 0x62 and 0xfe.
    let glob = Glob::new(b"[a-\xff]");
    assert!(glob.matches(b"\xff") && glob.matches(b"\0") && glob.matches(b"A"));
    assert!(!glob.matches(b"b") && !glob.matches(b"\x80"));
}

#[test]
fn prefixes() {
    for (pattern, prefix) in [("abc*", "abc"), ("abc", "abc"), ("*", ""), (r"a\*b?", "a*b"), ("a[b]", "a")] {
        assert_eq!(Glob::new(pattern.as_bytes()).literal_prefix(), prefix.as_bytes(), "{pattern}");
    }
}

#[test]
fn escaped_bytes_match_themselves_only() {
    let mut pattern = Vec::new();
    Glob::escape(br"a*?[b]\^-", &mut pattern);
    let glob = Glob::new(&pattern);
    assert!(glob.matches(br"a*?[b]\^-"));
    assert!(!glob.matches(br"axx[b]\^-"));
}

#[test]
fn many_stars_are_fast() {
    // Exponential in a matcher that backtracks into every star; here a hundred scans of 10 KB.
    let pattern = "a*".repeat(100) + "b";
    assert!(!Glob::new(pattern.as_bytes()).matches("a".repeat(10_000).as_bytes()));
}

proptest! {
    #[test]
    fn as_the_naive_matcher(pattern in "[ab*?\\[\\]^\\\\-]{0,9}", key in "[ab*\\[\\]^\\\\-]{0,9}") {
        // The one pattern whose answer a server does not ask its matcher for.
        prop_assume!(!(pattern == "*" && key.is_empty()));
        prop_assert_eq!(Glob::new(pattern.as_bytes()).matches(key.as_bytes()), naive(pattern.as_bytes(), key.as_bytes()));
    }

    #[test]
    fn any_bytes(pattern in prop::collection::vec(any::<u8>(), 0..8), key in prop::collection::vec(any::<u8>(), 1..8)) {
        prop_assert_eq!(Glob::new(&pattern).matches(&key), naive(&pattern, &key));
    }
}

//! Which keys a command is about, as far as it is one that this program sends.

/// What a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// The cluster as a whole, or any node.
    NoKey,
    /// Keys, which must be in one slot.
    Keys(Vec<&'a [u8]>),
    /// Keys, each of which could have a command of its own: what all these answer adds up.
    Each(Vec<&'a [u8]>),
}

const WITHOUT: [&[u8]; 12] = [
    b"AUTH", b"CLIENT", b"CLUSTER", b"COMMAND", b"CONFIG", b"INFO", b"PING", b"ROLE", b"SCRIPT", b"SELECT", b"TIME",
    b"WAIT",
];

/// Says what a command is about.
pub fn about<'a>(args: &[&'a [u8]]) -> About<'a> {
    let rest = args.get(1..).unwrap_or_default();
    match args.first().copied().unwrap_or_default() {
        b"EXISTS" | b"UNLINK" | b"DEL" => About::Each(rest.to_vec()),
        b"EVAL" | b"EVALSHA" => {
            let number = rest.get(1).and_then(|number| std::str::from_utf8(number).ok()?.parse::<usize>().ok());
            let keys: Vec<&[u8]> = rest.iter().skip(2).take(number.unwrap_or_default()).copied().collect();
            if keys.is_empty() { About::NoKey } else { About::Keys(keys) }
        }
        name if WITHOUT.contains(&name) => About::NoKey,
        _ => About::Keys(rest.iter().take(1).copied().collect()),
    }
}

const READS: [&[u8]; 27] = [
    b"DUMP",
    b"EXISTS",
    b"GET",
    b"HEXISTS",
    b"HGET",
    b"HGETALL",
    b"HLEN",
    b"HMGET",
    b"HPEXPIRETIME",
    b"HSCAN",
    b"JSON.GET",
    b"LLEN",
    b"LPOS",
    b"LRANGE",
    b"PEXPIRETIME",
    b"PTTL",
    b"SCARD",
    b"SISMEMBER",
    b"SMISMEMBER",
    b"SSCAN",
    b"STRLEN",
    b"TYPE",
    b"XLEN",
    b"ZCARD",
    b"ZMSCORE",
    b"ZRANGE",
    b"ZSCORE",
];

/// Whether a command about keys may change them.
pub fn may_write(name: &[u8]) -> bool {
    !READS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_about_keys_or_not() {
        let of = |text: &'static str| {
            let args: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
            about(&args)
        };
        assert_eq!(of("SADD k m"), About::Keys(vec![b"k"]));
        assert_eq!(of("UNLINK a b"), About::Each(vec![b"a", b"b"]));
        assert_eq!(of("EVAL script 2 a b c"), About::Keys(vec![b"a", b"b"]));
        for text in ["EVAL script 0", "EVAL script 99999999999999999999 a", "PING", "INFO server"] {
            assert_eq!(of(text), About::NoKey, "{text}");
        }
        assert!(may_write(b"EVAL") && may_write(b"UNLINK") && !may_write(b"EXISTS"));
    }
}

//! Writes dumps as a server would, without one: small ones key by key, large ones of the Discord bot's shape.
//!
//! It shares no code with the parser it feeds. `tests/dump/writer.rs` loads what it writes into real servers.

pub mod discord;
pub mod encode;
pub mod lzf;
pub mod packed;

use encode::StringWriter;

/// The module id of `ReJSON-RL` without its encoding version: nine characters of six bits, then ten bits for the version.
const REJSON_ID: u64 = 0x45E2_5238_DF91_2C00;
const REJSON_ENCVER: u64 = 3;

/// A server's defaults: up to here a hash or sorted set is one listpack.
const LISTPACK_ENTRIES: usize = 128;
const LISTPACK_VALUE: usize = 64;
const INTSET_ENTRIES: usize = 512;
/// `list-max-listpack-size -2`.
const LIST_NODE_BYTES: usize = 8192;

/// Builds a dump record by record, in the order of the calls.
///
/// Collections get the encoding that a server of that version with default settings gives them; [`DumpBuilder::raw`]
/// writes any other. Nothing is checked: a broken dump can be built on purpose.
///
/// ```ignore
/// let dump = DumpBuilder::new(10).aux("redis-ver", "7.0.15").select_db(0).set("s", &["a", "b"]).finish();
/// ```
#[derive(Clone)]
pub struct DumpBuilder {
    out: Vec<u8>,
    strings: StringWriter,
    version: u32,
    upstash: bool,
}

impl DumpBuilder {
    /// A dump that starts with `REDIS` and this version.
    pub fn new(version: u32) -> Self {
        Self { out: format!("REDIS{version:04}").into_bytes(), ..Self::part(version) }
    }

    /// A dump that starts with `VALKEY` and this version.
    pub fn valkey(version: u32) -> Self {
        Self { out: format!("VALKEY{version:03}").into_bytes(), ..Self::part(version) }
    }

    /// Records only, without magic: for a writer that puts parts together. End it with [`DumpBuilder::take`].
    pub fn part(version: u32) -> Self {
        Self { out: Vec::new(), strings: StringWriter::new(), version, upstash: false }
    }

    /// As an export of Upstash is believed to be: strings as they are, no compact forms, counts in 64 bits. End it with
    /// [`DumpBuilder::finish_without_checksum`].
    pub fn upstash(&mut self, on: bool) -> &mut Self {
        self.upstash = on;
        self.strings.compress = !on;
        self.strings.integers = !on;
        self
    }

    /// `rdbcompression yes` (the default) or `no`.
    pub fn compression(&mut self, on: bool) -> &mut Self {
        self.strings.compress = on;
        self
    }

    /// AUX.
    pub fn aux(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.out.push(250);
        self.put(name);
        self.put(value)
    }

    /// The AUX fields of a Redis 7.0, with a fixed time so that equal calls give equal dumps.
    pub fn server_aux(&mut self, ctime: u64) -> &mut Self {
        self.aux("redis-ver", "7.0.15").aux("redis-bits", "64").aux("ctime", ctime.to_string());
        self.aux("used-mem", "1048576").aux("aof-base", "0")
    }

    /// FUNCTION2.
    pub fn function(&mut self, code: impl AsRef<[u8]>) -> &mut Self {
        self.out.push(245);
        self.put(code)
    }

    /// SELECTDB.
    pub fn select_db(&mut self, db: u64) -> &mut Self {
        self.out.push(254);
        self.len(db)
    }

    /// RESIZEDB, a hint.
    pub fn resize_db(&mut self, keys: u64, with_expiry: u64) -> &mut Self {
        self.out.push(251);
        self.count(keys).count(with_expiry)
    }

    /// EXPIRETIME_MS for the next key.
    pub fn expire_ms(&mut self, unix_ms: i64) -> &mut Self {
        self.out.push(252);
        self.out.extend_from_slice(&unix_ms.to_le_bytes());
        self
    }

    /// IDLE for the next key.
    pub fn idle(&mut self, seconds: u64) -> &mut Self {
        self.out.push(248);
        self.len(seconds)
    }

    /// FREQ for the next key.
    pub fn freq(&mut self, counter: u8) -> &mut Self {
        self.out.extend_from_slice(&[249, counter]);
        self
    }

    /// STRING.
    pub fn string(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.key(0, key);
        self.put(value)
    }

    /// A list: QUICKLIST_2 from version 10, LIST before.
    pub fn list<E: AsRef<[u8]>>(&mut self, key: impl AsRef<[u8]>, elements: &[E]) -> &mut Self {
        if self.version < 10 || self.upstash {
            return self.key(1, key).each(elements);
        }
        self.key(18, key);
        let mut nodes: Vec<Vec<&[u8]>> = Vec::new();
        let mut filled = 0;
        for element in elements.iter().map(AsRef::as_ref) {
            let size = element.len() + 8; // the server's own estimate of an entry's overhead
            match nodes.last_mut() {
                Some(node) if filled + size <= LIST_NODE_BYTES => node.push(element),
                _ => {
                    nodes.push(vec![element]);
                    filled = 0;
                }
            }
            filled += size;
        }
        self.len(nodes.len() as u64);
        for node in &nodes {
            self.len(2).put(packed::listpack(node));
        }
        self
    }

    /// A set: INTSET if it is small and all integers, SET_LISTPACK if small from version 11, else SET.
    pub fn set<M: AsRef<[u8]>>(&mut self, key: impl AsRef<[u8]>, members: &[M]) -> &mut Self {
        if self.upstash {
            return self.key(2, key).each(members);
        }
        if members.len() <= INTSET_ENTRIES
            && let Some(intset) = packed::intset(members)
        {
            return self.key(11, key).put(intset);
        }
        if self.version >= 11 && fits_listpack(members) {
            return self.key(20, key).put(packed::listpack(members));
        }
        self.key(2, key).each(members)
    }

    /// A sorted set: ZSET_LISTPACK if it is small, else ZSET_2 (ZSET before version 8). Sorts the members itself.
    pub fn zset<M: AsRef<[u8]>>(&mut self, key: impl AsRef<[u8]>, members: &[(M, f64)]) -> &mut Self {
        let mut sorted: Vec<(&[u8], f64)> = members.iter().map(|(member, score)| (member.as_ref(), *score)).collect();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(b.0)));
        let small = !self.upstash
            && sorted.len() <= LISTPACK_ENTRIES
            && sorted.iter().all(|(member, _)| member.len() <= LISTPACK_VALUE);
        if self.version >= 10 && small {
            let entries: Vec<Vec<u8>> =
                sorted.iter().flat_map(|(member, score)| [member.to_vec(), encode::score_text(*score)]).collect();
            return self.key(17, key).put(packed::listpack(&entries));
        }
        self.key(if self.version >= 8 { 5 } else { 3 }, key).count(sorted.len() as u64);
        for (member, score) in sorted.iter().rev() {
            self.put(member);
            if self.version >= 8 {
                self.out.extend_from_slice(&score.to_le_bytes());
            } else {
                let text = encode::score_text(*score);
                self.out.push(text.len() as u8);
                self.out.extend_from_slice(&text);
            }
        }
        self
    }

    /// A hash: HASH_LISTPACK if it is small (from version 10), else HASH.
    pub fn hash<F: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, key: impl AsRef<[u8]>, fields: &[(F, V)]) -> &mut Self {
        let flat: Vec<&[u8]> = fields.iter().flat_map(|(field, value)| [field.as_ref(), value.as_ref()]).collect();
        let small =
            !self.upstash && fields.len() <= LISTPACK_ENTRIES && flat.iter().all(|item| item.len() <= LISTPACK_VALUE);
        if self.version >= 10 && small {
            return self.key(16, key).put(packed::listpack(&flat));
        }
        self.key(4, key).count(fields.len() as u64);
        for item in &flat {
            self.put(item);
        }
        self
    }

    /// A RedisJSON document of encver 3; the text should be compact, as the module writes it.
    pub fn json(&mut self, key: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> &mut Self {
        self.key(7, key).len(REJSON_ID | REJSON_ENCVER);
        self.len(5).put(text).len(0)
    }

    /// A key of any type, with the value's bytes as they are.
    pub fn raw(&mut self, kind: u8, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.key(kind, key);
        self.bytes(value)
    }

    /// Type byte and name; what follows must be its value.
    pub fn key(&mut self, kind: u8, key: impl AsRef<[u8]>) -> &mut Self {
        self.out.push(kind);
        self.put(key)
    }

    /// A length.
    pub fn len(&mut self, n: u64) -> &mut Self {
        encode::len(&mut self.out, n);
        self
    }

    /// The number of elements of a collection.
    pub fn count(&mut self, n: u64) -> &mut Self {
        if self.upstash { self.bytes([0x81]).bytes(n.to_be_bytes()) } else { self.len(n) }
    }

    /// A string as a server writes it: as an integer, compressed, or as it is.
    pub fn put(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.strings.put(&mut self.out, text.as_ref());
        self
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.out.extend_from_slice(bytes.as_ref());
        self
    }

    /// How many bytes there are so far: the offset of what comes next.
    pub fn offset(&self) -> usize {
        self.out.len()
    }

    /// EOF, and the checksum that the version has.
    pub fn finish(&mut self) -> Vec<u8> {
        self.out.push(255);
        let mut out = self.take();
        if self.version >= 5 {
            let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &out);
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out
    }

    /// EOF, and a footer of zeros: a server with `rdbchecksum no`.
    pub fn finish_without_checksum(&mut self) -> Vec<u8> {
        self.out.push(255);
        self.out.extend_from_slice(&[0; 8]);
        self.take()
    }

    /// The bytes so far; the builder starts anew, without magic.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn each<E: AsRef<[u8]>>(&mut self, elements: &[E]) -> &mut Self {
        self.count(elements.len() as u64);
        for element in elements {
            self.put(element);
        }
        self
    }
}

fn fits_listpack<E: AsRef<[u8]>>(elements: &[E]) -> bool {
    elements.len() <= LISTPACK_ENTRIES && elements.iter().all(|element| element.as_ref().len() <= LISTPACK_VALUE)
}

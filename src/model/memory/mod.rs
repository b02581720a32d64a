//! What a key takes in the memory of a server, estimated: what `MEMORY USAGE key SAMPLES 0` answers on a 64-bit Redis 7 that
//! has loaded the dump.
//!
//! Sizes of structures are those of the sources of Redis 7.0 and 7.2 (`dict.h`, `server.h`, `sds.h`, `intset.c`,
//! `listpack.c`, `quicklist.h`, `stream.h`, `rax.h`), added up as `objectComputeSize` in `object.c` does. Sizes of allocations
//! are the classes of jemalloc as distributions build it: every 16 bytes up to 128, then four for each power of two. The
//! jemalloc that Redis brings along has classes every 8 bytes below 64; which of them a server has, no dump says.
//!
//! Nothing is decoded for it: the format has the length of a compressed string, and a compact form takes what its bytes are.
//! Of collections that are written element by element the first few stand for all. The encoding is that of the dump.
//!
//! Not counted, as by the command: the key's share of the table of its database (8 to 16 bytes) and its expiry (some 40).

mod elements;
mod json;
mod radix;
mod sizes;
mod value;

pub use elements::{Elements, Encoding, LONGEST_PACKED, MOST_NUMBERS, MOST_PACKED};
pub use sizes::key;
pub use value::Estimate;

//! The same answers sooner, where a processor looks at 64 bytes at a time: where strings begin and end ([`quotes`]), what
//! is left of a text without them ([`skeleton`]), and what documents of the same skeleton have in common
//! ([`skeleton_cache`]). The skeletons need AVX-512, the rest does not; `docs/adr/0006-fast-json.md` says what it gains.

pub mod indexed_tokens;
pub mod quotes;
pub mod skeleton;
pub mod skeleton_cache;

/// Bytes that are looked at together.
pub const BLOCK: usize = 64;

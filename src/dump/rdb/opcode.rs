//! The bytes that may stand where a value type may, named as in `rdb.h`.

use super::Flavor;

/// End of the records; the footer follows.
pub const EOF: u8 = 255;
/// Number of the database of what follows.
pub const SELECTDB: u8 = 254;
/// Expiry of the next key in seconds.
pub const EXPIRETIME: u8 = 253;
/// Expiry of the next key in milliseconds.
pub const EXPIRETIME_MS: u8 = 252;
/// Numbers of keys and of expiries in the database: hints.
pub const RESIZEDB: u8 = 251;
/// A name and a value about the file.
pub const AUX: u8 = 250;
/// The name of an AUX field that only we write: it stands between dumps that are read as one. What was said of a key that
/// never came is not for the first one behind it.
pub const SEAM: &[u8] = b"rdb-reindex-seam";
/// Access counter of the next key.
pub const FREQ: u8 = 249;
/// Idle seconds of the next key.
pub const IDLE: u8 = 248;
/// Data of a module that belongs to no key.
pub const MODULE_AUX: u8 = 247;
/// Redis: a library of functions as the release candidates of 7.0 wrote it.
pub const FUNCTION_PRE_GA: u8 = 246;
/// A library of functions.
pub const FUNCTION2: u8 = 245;
/// Numbers of keys and of expiries of a cluster slot: hints.
pub const SLOT_INFO: u8 = 244;
/// Redis: metadata of the next key.
pub const KEY_META: u8 = 243;
/// Valkey: slots that were being imported.
pub const SLOT_IMPORT: u8 = 243;
/// Redis: field names that hashes refer to.
pub const HASH_TEMPLATE: u8 = 242;
/// Valkey: a command that changes what stands before it.
pub const UPDATE: u8 = 242;
/// Redis Enterprise: slot of the next key.
pub const SLOT_NUM: u8 = 121;
/// Redis Enterprise: last access of the next key.
pub const RAM_LRU: u8 = 107;
/// Redis Enterprise, without a published layout.
pub const GD_DICT: u8 = 100;
/// Redis Enterprise, without a published layout.
pub const GCAS: u8 = 101;
/// Redis Enterprise, without a published layout.
pub const GFLAGS: u8 = 102;

/// Whether an opcode says something of the next key: a record may begin with it.
pub fn is_prefix(flavor: Flavor, byte: u8) -> bool {
    match byte {
        EXPIRETIME | EXPIRETIME_MS | IDLE | FREQ => true,
        KEY_META | SLOT_NUM | RAM_LRU => flavor == Flavor::Redis,
        _ => false,
    }
}

/// The opcodes of Dragonfly's own, by the names in its `rdb_extensions.h`; it keeps 200 to 240 for them.
pub(crate) fn of_dragonfly(byte: u8) -> Option<&'static str> {
    match byte {
        200 => Some("FULLSYNC_END"),
        201 => Some("COMPRESSED_ZSTD_BLOB_START"),
        202 => Some("COMPRESSED_LZ4_BLOB_START"),
        203 => Some("COMPRESSED_BLOB_END"),
        210 => Some("JOURNAL_BLOB"),
        211 => Some("JOURNAL_OFFSET"),
        220 => Some("DF_MASK"),
        other => (200..=240).contains(&other).then_some("without a published name"),
    }
}

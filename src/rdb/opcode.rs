//! The bytes that may stand where a value type may, named as in `rdb.h`.

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
/// Access counter of the next key.
pub const FREQ: u8 = 249;
/// Idle seconds of the next key.
pub const IDLE: u8 = 248;
/// Data of a module that belongs to no key.
pub const MODULE_AUX: u8 = 247;
/// A function of a release candidate of 7.0.
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

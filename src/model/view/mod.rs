//! A dump seen through a spec: whose key is it, has it expired, what are its fields.

mod diagnostics;
mod dump;
mod expiry;
mod fields;
mod key_owner;

pub use diagnostics::Diagnostics;
pub use dump::Dump;
pub use expiry::{Clock, Expires, Expiry, FIRST_POSSIBLE_MS};
pub use fields::decode;
pub use key_owner::{Family, Names, Role, can_be_record};

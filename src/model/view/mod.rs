//! A dump seen through a spec: whose key is it, has it expired, what are its fields.

mod diagnostics;
mod dump;
mod existing;
mod expiry;
mod fields;
mod key_owner;
mod key_type;

pub use diagnostics::Diagnostics;
pub use dump::Dump;
pub use existing::{Existing, ExistingList, Wanted};
pub use expiry::{Clock, Expires, Expiry, FIRST_POSSIBLE_MS};
pub use fields::decode;
pub use key_owner::{Family, Names, Role};
pub use key_type::KeyType;

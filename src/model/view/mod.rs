//! A dump seen through a spec: whose key is it, has it expired, what are its fields.

mod clock;
mod diagnostics;
mod dump;
mod fields;
mod names;

pub use clock::{Clock, Expires, Expiry, FIRST_POSSIBLE_MS};
pub use diagnostics::Diagnostics;
pub use dump::Dump;
pub use fields::decode;
pub use names::{Family, Names, Role, can_be_record};

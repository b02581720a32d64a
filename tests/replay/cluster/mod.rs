//! The same commands against a real cluster: three primaries and a replica.

mod across;
mod basic;
mod faults;
mod joined;
mod lost;
mod moving;
mod secrets;
mod stage;

pub use stage::Stage;

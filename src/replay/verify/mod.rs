//! Is the target state there, or, after a rollback, the old one? A look at every touched key as a whole. Only reads.
//!
//! What a key should hold follows from the bundle: members that an edit names, one by one; of all others in it one number
//! ([`Content`]), which the plan has taken from the dump. So members that came, went, were swapped or got another score are
//! seen, whether an edit names them or not.

mod scan;
mod state;
mod verification;

pub use state::{Proof, Proven};
pub use verification::Verification;

pub(super) fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

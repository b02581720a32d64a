//! A library that panics where a file is damaged in a way that it does not expect.
//!
//! Whatever a stranger's file makes the reader of Parquet do, here it is an error. What it holds is dropped; nothing of ours
//! is left half done, because it has only been read from.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// A panic on this thread is told by an error, and not by the message of the standard library.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives; `None` if it panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let was = QUIET.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(was);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_answer() {
        assert_eq!(guarded(|| 3), Some(3));
        assert_eq!(guarded(|| -> u32 { panic!("as the library does") }), None);
        assert!(!QUIET.get());
    }
}

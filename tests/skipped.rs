//! The last word of `cargo test`: which judges are missing here, and so which tests were skipped. cargo hides what a test
//! that passes says; it does not hide what a test binary without harness says.

#[path = "support/mod.rs"]
mod support;

use support::judges;

fn main() {
    // Who lists the tests (an editor, a runner of its own) is told of this one, and wants nothing else.
    if std::env::args().any(|argument| argument == "--list") {
        println!("skipped: test");
        return;
    }
    let absent = judges::absent();
    if absent.is_empty() {
        eprintln!("\nAll {} judges are here: no test was skipped.\n", judges::count());
        return;
    }
    eprintln!(
        "\n*** SKIPPED: {} of {} judges are not here, and tests that need them tested NOTHING:\n",
        absent.len(),
        judges::count()
    );
    for line in absent {
        eprintln!("  - {line}");
    }
    eprintln!("\nscripts/test installs what it can, tells the tests where it is, and runs them.\n");
}

//! How a stranger's bytes are shown, and how text is set for people.
//!
//! Names, values, file names, the text of a spec and what a server answers are written by strangers. Wherever one of them
//! is shown (a terminal, a message, CSV, TOML, a page), what it wrote never moves the cursor, turns a line round, hides, or
//! becomes a formula. There is one rule for all of it, [`is_unsafe`], and one form of escape: a character that is not
//! shown is `\u{202e}`, a byte that is not text is `\xff`, and a backslash stands for itself unless what follows it would
//! read as one of the two; then it is `\u{5c}`. So two different names never look the same, and PHP's `App\Models\User` or
//! the text of a JSON document stays as it is.
//!
//! | for | use |
//! |---|---|
//! | a name or a value, as bytes | [`name()`]; [`display`] or [`Printable`] where it is cut; [`quoted`] within a sentence |
//! | a file name | [`path()`] |
//! | a message that has escapes in it already, or text of a library | [`safe`]; [`lines`] where it has several lines |
//! | a cell of CSV | [`csv`] |
//! | JSON | [`Json`] as a writer: it stays the same JSON |
//! | a string of TOML | [`toml_string`] |
//! | a word of a command to be typed | [`shell()`], [`shell_path`] |

mod amount;
pub mod csv;
mod json;
mod layout;
mod name;
pub mod rfc3339;
mod shell;
mod toml;
mod truncated;
mod visible;

pub use amount::{ago, counted, number, percent, size, span, time};
pub use json::Json;
pub use layout::{fit, width, wrap};
pub use name::{Printable, Role, Unit, display, lines, name, path, quoted, safe, units};
pub use shell::{shell, shell_path};
pub use toml::toml_string;
pub use truncated::Truncated;
pub use visible::{is_unprintable, is_unsafe};

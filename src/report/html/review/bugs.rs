//! Guesses at the bugs behind wrong keys, from their names: words for a person, nothing is decided by them.

use super::super::escape::Html;
use crate::plan::pattern::Pattern;

/// What the names of wrong keys look like, and what may have made them.
pub fn pattern(pattern: Pattern) -> (Html, Html) {
    let (what, hint) = match pattern {
        Pattern::Word(word) => {
            let what = format!("`{word}` where a value belongs");
            let hint = match word {
                "[object Object]" => "A whole object was put into the key instead of one of its fields.",
                "true" | "false" => "The result of a comparison was put into the key instead of a value.",
                "NaN" => "Something that is not a number was turned into one before it was put into the key.",
                _ => {
                    "The key was put together from a field that was missing. Look for the write that does not check \
                     whether the field is there."
                }
            };
            return (Html::words(&what), Html::words(hint));
        }
        Pattern::Empty => (
            "nothing where a value belongs",
            "The field was an empty text, or was replaced by one when it was missing (`?? \"\"`).",
        ),
        Pattern::Unfilled => (
            "a template that nobody filled in",
            "A text with a placeholder was used as it is: wrong quotes, or another template language.",
        ),
        Pattern::DoubledPrefix => (
            "a prefix twice or more",
            "The prefix was put before a value that has it already. Look for the places that make the key, and for whether \
             an id is stored with or without its prefix.",
        ),
        Pattern::Variant => (
            "a right name but for case, spaces, quotes or percent-encoding",
            "The value came from somewhere that quotes, trims or encodes differently: a URL, a CSV file, a form.",
        ),
        Pattern::OtherPrefix => (
            "a known id without its prefix, or with another one",
            "One part of the program keeps ids with their prefix, another without.",
        ),
        Pattern::Wildcard => {
            ("a glob such as `*` in the name", "A pattern that was meant for `SCAN` or `KEYS` was used as a name.")
        }
        Pattern::UnknownId => (
            "an id of the right form that no record has",
            "The records were deleted, and their index keys left behind; or they come from another database.",
        ),
        Pattern::BareId => (
            "an id of the right length, without its prefix or with another one, that no record has",
            "One part of the program keeps ids with their prefix, another without; and the records are gone.",
        ),
        Pattern::Number => {
            ("a number, where right ids are none", "An id of something else was used: of a server or a channel, say.")
        }
        Pattern::Other => ("anything else", "Tests, other programs, people at a prompt."),
        Pattern::RightName => (
            "a right name, but another type",
            "Another command wrote to the key first: `SET`, `LPUSH` or `JSON.SET` in the place of `SADD`.",
        ),
    };
    (Html::words(what), Html::words(hint))
}

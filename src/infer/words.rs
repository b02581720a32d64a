//! Words in the names of keys.

use super::patterns::Piece;

/// The words in a text, in lower case; single letters are none.
pub fn words(text: &[u8]) -> impl Iterator<Item = String> + '_ {
    text.split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| word.len() > 1)
        .map(|word| String::from_utf8_lossy(word).to_lowercase())
}

/// The words in the text of a pattern, in lower case.
pub fn words_of(pieces: &[Piece]) -> Vec<String> {
    let text = |piece: &Piece| if let Piece::Text(text) = piece { words(text).collect() } else { Vec::new() };
    pieces.iter().flat_map(text).collect()
}

/// Whether a word is among others, in the singular or the plural.
pub fn is_among(word: &str, others: &[String]) -> bool {
    let stem = |word: &str| word.trim_end_matches('s').trim_end_matches("ie").trim_end_matches('y').to_owned();
    others.iter().any(|other| stem(other) == stem(word))
}

/// What the variable parts of a pattern are called: by the word before each.
pub fn key_names(pieces: &[Piece]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut before = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                before = words(text).filter(|word| word.len() <= 20).last().unwrap_or(before);
            }
            Piece::Var(_) => {
                let base = if before.is_empty() || before == "id" { "part".to_owned() } else { before.clone() };
                let mut free = std::iter::once(base.clone()).chain((2..).map(|n: u32| format!("{base}{n}")));
                names.push(free.find(|name| !names.contains(name)).unwrap_or(base));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_and_plural_are_one_word() {
        let words = words_of(&[Piece::Text(b"idx:categories:".to_vec())]);
        assert!(is_among("category", &words) && !is_among("user", &words));
    }
}

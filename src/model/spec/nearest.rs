//! The known word that an unknown one was probably meant to be.

/// The nearest of the words, if it is near enough to be worth a question.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is no slip of a short one, and the distance takes the product of both lengths.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, candidate)| *far <= candidate.chars().count().div_ceil(3).max(1))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words() {
        let known = ["maintain", "retire", "report"];
        assert_eq!(nearest("mantain", known), Some("maintain"));
        assert_eq!(nearest("Retire", known), Some("retire"));
        assert_eq!(nearest("delete", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}

//! The known word that an unknown one was probably meant to be.

/// The nearest of the words, if it is near enough to be worth a question.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is no slip of a short one, and the distance takes the product of both lengths.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, candidate)| *far <= candidate.chars().count().div_ceil(3).max(1))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be added, removed or changed to make the one the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (position, x) in a.chars().enumerate() {
        let mut diagonal = position;
        let mut left = position.saturating_add(1);
        for (cell, y) in row.iter_mut().zip(std::iter::once(None).chain(b.chars().map(Some))) {
            let above = *cell;
            if let Some(y) = y {
                let changed = diagonal.saturating_add(usize::from(x != y));
                left = changed.min(above.saturating_add(1)).min(left.saturating_add(1));
            }
            *cell = left;
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        // The textbook's examples.
        for (a, b, far) in [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn only_near_words() {
        let known = ["maintain", "retire", "report"];
        assert_eq!(nearest("mantain", known), Some("maintain"));
        assert_eq!(nearest("Retire", known), Some("retire"));
        assert_eq!(nearest("delete", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}

//! Which dump an offset is of, where several were put together.

/// One of several dumps that were put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As it was named.
    pub name: String,
    /// Unix seconds of its `ctime`, if it has one.
    pub created: Option<i64>,
    /// Where its bytes begin in the whole, and where they end.
    pub from: u64,
    /// The offset of its end among the bytes of all.
    pub end: u64,
    /// How many bytes of it were left out before those.
    pub cut: u64,
}

/// A place in a dump, for people.
pub fn place(parts: &[Part], offset: u64) -> String {
    match parts.iter().find(|part| offset < part.end) {
        Some(part) => {
            let own = offset.saturating_sub(part.from).saturating_add(part.cut);
            format!("offset {own} of {}", part.name)
        }
        None => format!("offset {offset}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_part() {
        let part = |name: &str, from, end| Part { name: name.to_owned(), created: None, from, end, cut: 9 };
        let parts = [part("a.rdb", 20, 100), part("b.rdb", 102, 200)];
        assert_eq!(place(&parts, 20), "offset 9 of a.rdb");
        assert_eq!(place(&parts, 99), "offset 88 of a.rdb");
        assert_eq!(place(&parts, 150), "offset 57 of b.rdb");
        assert_eq!(place(&[], 150), "offset 150");
    }
}

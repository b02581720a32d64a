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

/// So far behind the end of a part is the seam before the next one: behind the database that that begins with.
const SEAM_AT: u64 = 2;

/// The part that an offset is in, and the offset there.
pub fn find(parts: &[Part], offset: u64) -> Option<(&Part, u64)> {
    let part = parts.get(parts.partition_point(|part| part.end <= offset))?;
    Some((part, offset.saturating_sub(part.from).saturating_add(part.cut)))
}

/// Whether two offsets are in different parts.
pub fn differ(parts: &[Part], one: u64, other: u64) -> bool {
    let number = |offset: u64| parts.partition_point(|part| part.end <= offset);
    number(one) != number(other)
}

/// A place in a dump, for people.
pub fn place(parts: &[Part], offset: u64) -> String {
    match find(parts, offset) {
        Some((part, own)) => format!("offset {own} of {}", part.name),
        None => format!("offset {offset}"),
    }
}

/// The end of the first part that does not end where it should, by where a walk met the seams, and where it ended. A walk
/// that went over an end in the midst of something has not seen that seam.
pub fn astray(parts: &[Part], seams: &[u64], body_end: u64) -> Option<u64> {
    let next = seams.iter().skip(1).map(|seam| seam.saturating_sub(SEAM_AT));
    let met = next.chain([body_end.saturating_sub(1)]).chain(std::iter::repeat(u64::MAX));
    let wrong = parts.iter().zip(met).find(|(part, met)| part.end != *met);
    let more = seams.len() > parts.len();
    wrong.map(|(part, _)| part.end).or_else(|| parts.last().filter(|_| more).map(|part| part.end))
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

    #[test]
    fn parts_end_where_they_should() {
        let part = |from, end| Part { name: String::new(), created: None, from, end, cut: 9 };
        let parts = [part(40, 100), part(150, 200)];
        assert_eq!(astray(&parts, &[9, 102], 201), None);
        // The seam was not met; the walk ended before; it ended in the first part; there is a seam that is none.
        assert_eq!(astray(&parts, &[9], 201), Some(100));
        assert_eq!(astray(&parts, &[9, 102], 190), Some(200));
        assert_eq!(astray(&parts, &[9], 80), Some(100));
        assert_eq!(astray(&parts, &[9, 102, 160], 201), Some(200));
        assert_eq!(astray(&parts, &[9, 90, 102], 201), Some(100));
        assert_eq!(astray(&[], &[9], 201), None);
    }
}

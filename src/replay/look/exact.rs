//! Whether keys that are deleted as a whole are exactly what an apply left: lists whose old order comes back, and strings
//! that the apply made. Only reads.

use super::query::{LookOptions, Pipeline, QueryError};
use crate::bundle::resp;
use crate::replay::link::{Link, Reply};
use crate::replay::script::item::Item;
use crate::replay::script::was::Was;

/// Elements in one answer, at most.
const PAGE: usize = 1_000;

/// A key that is not as it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The place of its command, and its place in that.
    pub item: usize,
    pub part: usize,
    /// There is no key of that name.
    pub is_gone: bool,
}

/// Looks at those keys of these deletions of which it is known what they must be ([`Item::was`]).
pub fn changed(link: &mut dyn Link, items: &[&Item<'_>], options: &LookOptions) -> Result<Vec<Changed>, QueryError> {
    let mut all = Vec::new();
    // The pages of one list come one after the other.
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut is_other_type = false;
    let mut pipeline = Pipeline::new(link, options.limits, |(item, part, is_last): (usize, usize, bool), reply| {
        let Some(was) = items.get(item).map(|item| item.was(part)) else { return Ok(()) };
        let (is_same, is_gone) = match (was, reply) {
            (_, Reply::Error(error)) if error.is_wrong_type() => {
                is_other_type = true;
                (false, false)
            }
            (_, reply @ Reply::Error(_)) => {
                return Err(QueryError::Refused { command: "a look at a key", reply });
            }
            (Was::List(left), Reply::Array(page)) => {
                found.extend(page.iter().map(bytes));
                (is_last && !is_other_type && left.is(&found), is_last && !is_other_type && found.is_empty())
            }
            (was, reply) => (was.is(reply.as_bytes()), reply == Reply::Nil),
        };
        if is_last {
            if !is_same {
                all.push(Changed { item, part, is_gone });
            }
            found.clear();
            is_other_type = false;
        }
        Ok(())
    });
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.verb.deletes_keys()) {
        for (part, (_, key)) in item.parts().enumerate() {
            match item.was(part) {
                Was::List(left) => {
                    pipeline.select(item.db)?;
                    // One page more than there should be elements, if they fill the last one.
                    let pages = (left.old.len() / PAGE).saturating_add(1);
                    for page in 0..pages {
                        let from = page.saturating_mul(PAGE);
                        let to = from.saturating_add(PAGE).saturating_sub(1);
                        let of_page = left.old.iter().skip(from).take(PAGE);
                        let size = of_page
                            .fold(0, |sum: usize, element| sum.saturating_add(resp::argument_len(element.len())));
                        let (from, to) = (from.to_string(), to.to_string());
                        let args = [&b"LRANGE"[..], key, from.as_bytes(), to.as_bytes()];
                        pipeline.push_expecting(&args, (at, part, page.saturating_add(1) == pages), size)?;
                    }
                }
                Was::Is(value) => {
                    pipeline.select(item.db)?;
                    pipeline.push_expecting(&[&b"GET"[..], key], (at, part, true), value.len())?;
                }
                Was::Any | Was::Absent | Was::AbsentOr(_) => {}
            }
        }
    }
    pipeline.finish()?;
    Ok(all)
}

/// REST gives an element that is a number as such.
fn bytes(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Integer(number) => number.to_string().into_bytes(),
        reply => reply.as_bytes().unwrap_or_default().to_vec(),
    }
}

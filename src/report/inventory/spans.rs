//! Keys by how long they have left.

use serde::Serialize;

use crate::model::stock::{Expiries, Expiring, SPANS};

/// Keys that have so long left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// In words.
    pub left: &'static str,
    /// At most so many milliseconds, and more than the span before; none where there is no such number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to_ms: Option<u64>,
    pub keys: u64,
    pub memory: u64,
}

impl Span {
    /// Those that had expired, the spans in their order, those that cannot be told, and those without an expiry.
    pub(super) fn all(expiries: &Expiries) -> Vec<Self> {
        let span = |left, up_to_ms, Expiring { keys, memory }| Self { left, up_to_ms, keys, memory };
        let spans = SPANS.iter().zip(expiries.spans);
        let mut all = vec![span("had expired", None, expiries.gone)];
        all.extend(spans.map(|((most, words), some)| span(words, Some(*most).filter(|ms| *ms < u64::MAX), some)));
        all.push(span("cannot be told", None, expiries.unknown));
        all.push(span("no expiry", None, expiries.forever));
        all
    }
}

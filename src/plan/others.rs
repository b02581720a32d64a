//! What the keys that are edited in place hold besides what an edit names: by that `verify` sees later whether anything
//! else has changed in them.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::edits::by_key;
use super::error::Error;
use crate::bundle::content::Content;
use crate::bundle::manifest::Touched;
use crate::dump::rdb::{Element, Flow, Kind, Scratch, Visitor};
use crate::index::{Difference, Membership, Stale};
use crate::model::view::{Clock, Expires};
use crate::progress::Watch;

/// Notes it in the touched keys. `in_place` has for each key its position among them and among [`Difference::present`].
pub fn note(
    d: &Difference<'_>,
    touched: &mut [Touched],
    in_place: &[(usize, u32)],
    watch: &dyn Watch,
) -> Result<(), Error> {
    let mut rescored: HashMap<u32, Vec<(Vec<u8>, f64)>> = HashMap::new();
    if !d.rescored.is_empty() {
        let mut scratch = Vec::new();
        by_key(&d.zsets, d, |rank, members| {
            for member in members {
                let entry = member.entry();
                if let Some(old) = d.rescored.get(&(entry.key, entry.source)) {
                    rescored.entry(rank).or_default().push((d.member(entry, &mut scratch)?.to_vec(), *old));
                }
            }
            Ok(())
        })?;
    }
    let others = |&(at, key): &(usize, u32)| {
        if watch.stopped() {
            return Err(Error::Interrupted);
        }
        let present = d.present[key as usize];
        let from = d.stale.partition_point(|stale| stale.key < key);
        let to = d.stale.partition_point(|stale| stale.key <= key);
        let changed = present.rank.and_then(|rank| rescored.get(&rank)).map_or(&[][..], Vec::as_slice);
        let fields = changed.iter().map(|(member, _)| member.as_slice()).collect();
        let mut others = Others { stale: &d.stale[from..to], fields, content: Content::default(), clock: d.clock };
        let value = d.open_record(present.start)?.value;
        value.visit(&mut Scratch::default(), &mut others)?;
        for (member, old) in changed.iter().filter(|_| value.ty.kind() == Kind::Zset) {
            others.content = others.content.without(member, Some(*old));
        }
        Ok((at, others.content.to_hex()))
    };
    let all: Vec<(usize, String)> = in_place.par_iter().map(others).collect::<Result<_, Error>>()?;
    for (at, content) in all {
        touched[at].others = Some(content.into());
    }
    Ok(())
}

struct Others<'s> {
    /// Members that are taken out and still to come, in the order of the visit.
    stale: &'s [Stale],
    /// Of a hash: fields that get another value.
    fields: HashSet<&'s [u8]>,
    content: Content,
    clock: Clock,
}

impl Others<'_> {
    fn member(&mut self, member: Element<'_>, score: Option<f64>) -> Flow {
        match self.stale.split_first() {
            Some((next, rest)) if next.place == member.at => self.stale = rest,
            _ => self.content = self.content.with(member.bytes, score),
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Others<'_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.member(member, None)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.member(member, Some(score))
    }

    fn list_element(&mut self, _: u64, element: Element<'_>) -> Flow {
        self.member(element, None)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.clock.expires(expire_ms) == Expires::Gone {
            return ControlFlow::Continue(());
        }
        match self.stale.split_first() {
            Some((next, rest)) if next.place == field.at => self.stale = rest,
            _ if self.fields.contains(field.bytes) => {}
            _ => self.content = self.content.plus(Content::of_field(field.bytes, value.bytes)),
        }
        ControlFlow::Continue(())
    }
}

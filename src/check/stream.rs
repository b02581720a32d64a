//! That the parts of a stream agree: entries, groups, what is pending, and for whom.

use std::collections::HashSet;

use super::Oddity;
use crate::dump::rdb::{Snippet, StreamConsumer, StreamGroup, StreamId, StreamMeta};

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    #[error("the entry {id} follows {previous}; ids must ascend")]
    Order { previous: StreamId, id: StreamId },
    #[error("the stream has the entry {entry}, and says that its last id is {last}")]
    LastId { entry: StreamId, last: StreamId },
    #[error("the stream says it has {0} entries and has none")]
    NoEntries(u64),
    #[error("the stream has two groups named {0}")]
    GroupTwice(Snippet),
    #[error("a group has two consumers named {0}")]
    ConsumerTwice(Snippet),
    #[error("the entry {0} is pending twice in a group")]
    PendingTwice(StreamId),
    #[error("the entry {0} is pending for a consumer and not for its group")]
    PendingForConsumerOnly(StreamId),
    #[error("the entry {0} is pending for two consumers")]
    PendingForTwo(StreamId),
    #[error("the entry {0} is pending for a group and for none of its consumers")]
    PendingForNobody(StreamId),
}

/// What is known of the stream so far.
#[derive(Default)]
pub(super) struct StreamState {
    first: Option<StreamId>,
    last: Option<StreamId>,
    oddity: Option<Oddity>,
    groups: HashSet<Vec<u8>>,
    consumers: HashSet<Vec<u8>>,
    /// What is pending in the group, and whether for somebody.
    pending: Vec<(StreamId, bool)>,
    /// It has been sorted.
    sealed: bool,
}

impl StreamState {
    pub fn entry(&mut self, id: StreamId) -> Result<(), StreamFault> {
        if let Some(previous) = self.last.filter(|previous| *previous >= id) {
            return Err(StreamFault::Order { previous, id });
        }
        self.first.get_or_insert(id);
        self.last = Some(id);
        Ok(())
    }

    pub fn meta(&mut self, meta: &StreamMeta) -> Result<(), StreamFault> {
        if let Some(entry) = self.last.filter(|entry| *entry > meta.last_id) {
            return Err(StreamFault::LastId { entry, last: meta.last_id });
        }
        if meta.entries == 0 && meta.length > 0 {
            return Err(StreamFault::NoEntries(meta.length));
        }
        if meta.entries != meta.length {
            self.oddity = Some(Oddity::StreamLength);
        } else if self.first.is_some() && meta.first_id.is_some_and(|first| Some(first) != self.first) {
            self.oddity = Some(Oddity::StreamFirstId);
        }
        Ok(())
    }

    pub fn group(&mut self, group: &StreamGroup<'_>) -> Result<(), StreamFault> {
        self.end_group()?;
        if !self.groups.insert(group.name.bytes.to_vec()) {
            return Err(StreamFault::GroupTwice(Snippet::of(group.name.bytes)));
        }
        Ok(())
    }

    pub fn pending(&mut self, id: StreamId) {
        self.pending.push((id, false));
    }

    pub fn consumer(&mut self, consumer: &StreamConsumer<'_>) -> Result<(), StreamFault> {
        if !self.consumers.insert(consumer.name.bytes.to_vec()) {
            return Err(StreamFault::ConsumerTwice(Snippet::of(consumer.name.bytes)));
        }
        Ok(())
    }

    /// An entry that belongs to a consumer, or was given back to the group.
    pub fn owned(&mut self, id: StreamId) -> Result<(), StreamFault> {
        self.seal()?;
        let found = self.pending.binary_search_by_key(&id, |(id, _)| *id);
        match found.ok().and_then(|at| self.pending.get_mut(at)) {
            None => Err(StreamFault::PendingForConsumerOnly(id)),
            Some((_, true)) => Err(StreamFault::PendingForTwo(id)),
            Some((_, owned)) => {
                *owned = true;
                Ok(())
            }
        }
    }

    /// That was the stream; it is ready for the next one.
    pub fn finish(&mut self) -> Result<Option<Oddity>, StreamFault> {
        let ended = self.end_group();
        let oddity = self.oddity;
        *self = Self::default();
        ended.map(|()| oddity)
    }

    /// Servers write pending entries in ascending order, and accept any.
    fn seal(&mut self) -> Result<(), StreamFault> {
        if self.sealed {
            return Ok(());
        }
        self.sealed = true;
        if !self.pending.is_sorted() {
            self.pending.sort_unstable();
        }
        let twice = self.pending.windows(2).find_map(|pair| match pair {
            [(a, _), (b, _)] if a == b => Some(*a),
            _ => None,
        });
        twice.map_or(Ok(()), |id| Err(StreamFault::PendingTwice(id)))
    }

    fn end_group(&mut self) -> Result<(), StreamFault> {
        self.seal()?;
        self.sealed = false;
        self.consumers.clear();
        let orphan = self.pending.iter().find(|(_, owned)| !owned).map(|(id, _)| *id);
        self.pending.clear();
        orphan.map_or(Ok(()), |id| Err(StreamFault::PendingForNobody(id)))
    }
}

//! One value, as deep as it goes.

use std::ops::ControlFlow;

use foldhash::fast::RandomState;

use super::Oddity;
use super::stream::{StreamFault, StreamState};
use super::unique::Uniqueness;
use crate::dump::rdb::{
    self, Element, Flow, Json, Kind, Scratch, Snippet, StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta,
    Value, Visitor,
};
use crate::model::document::{Extractor, Undecodable};

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Format(rdb::Error),
    #[error("{what} {element} is there twice")]
    Twice { what: &'static str, element: Snippet },
    #[error(transparent)]
    Stream(StreamFault),
    #[error("the document is not valid: {0}")]
    Document(Undecodable),
    #[error("the key is in this database twice; it first stands at offset {first}")]
    KeyTwice { first: u64 },
}

/// Checks values, one after the other.
pub(super) struct Content<'s> {
    scratch: Scratch,
    room: Vec<u8>,
    documents: Extractor,
    unique: Uniqueness<'s>,
    stream: StreamState,
}

impl<'s> Content<'s> {
    pub fn new(hasher: &'s RandomState) -> Self {
        let (scratch, room, documents) = (Scratch::default(), Vec::new(), Extractor::new(&[]));
        Self { scratch, room, documents, unique: Uniqueness::new(hasher), stream: StreamState::default() }
    }

    /// Whether a value is whole, and what is odd about it all the same.
    pub fn check(&mut self, value: &Value<'_>) -> Result<Option<Oddity>, Problem> {
        let elements = value.elements().map_err(Problem::Format)?;
        let passes = match value.ty.kind() {
            // Their names must be unique. An intset was found to ascend already.
            Kind::Set | Kind::Zset | Kind::Hash | Kind::Array => Uniqueness::passes(elements),
            _ => 1,
        };
        for pass in 0..passes {
            self.unique.begin(pass, passes);
            let mut look =
                Look { content: self, offset: value.offset as u64, problem: None, oddity: None, first: pass == 0 };
            let visited = {
                let mut scratch = std::mem::take(&mut look.content.scratch);
                let visited = value.visit(&mut scratch, &mut look);
                look.content.scratch = scratch;
                visited
            };
            let (problem, mut oddity) = (look.problem.take(), look.oddity);
            visited.map_err(Problem::Format)?;
            if let Some(problem) = problem {
                return Err(problem);
            }
            if value.ty.kind() == Kind::Stream {
                let odd = self.stream.finish().map_err(Problem::Stream)?;
                oddity = oddity.or(odd);
            }
            if let Some(element) = self.unique.find(value, &mut self.scratch) {
                return Err(Problem::Twice { what: element_name(value.ty.kind()), element });
            }
            if pass.saturating_add(1) == passes {
                return Ok(oddity);
            }
        }
        Ok(None)
    }
}

fn element_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Hash => "the field",
        Kind::Array => "the index",
        _ => "the member",
    }
}

struct Look<'c, 's> {
    content: &'c mut Content<'s>,
    offset: u64,
    problem: Option<Problem>,
    oddity: Option<Oddity>,
    /// What does not depend on the pass is looked at in the first one.
    first: bool,
}

impl Look<'_, '_> {
    fn stream(&mut self, result: Result<(), StreamFault>) -> Flow {
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(fault) => {
                self.problem = Some(Problem::Stream(fault));
                ControlFlow::Break(())
            }
        }
    }
}

impl Visitor for Look<'_, '_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.content.unique.add(member.bytes);
        ControlFlow::Continue(())
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.content.unique.add(member.bytes);
        ControlFlow::Continue(())
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
        self.content.unique.add(field.bytes);
        ControlFlow::Continue(())
    }

    fn array_element(&mut self, index: u64, _: Element<'_>) -> Flow {
        self.content.unique.add(index.to_string().as_bytes());
        ControlFlow::Continue(())
    }

    fn stream_entry(&mut self, id: StreamId, _: &mut StreamFields<'_>) -> Flow {
        let result = self.content.stream.entry(id);
        self.stream(result)
    }

    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        let result = self.content.stream.meta(meta);
        self.stream(result)
    }

    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        let result = self.content.stream.group(group);
        self.stream(result)
    }

    fn stream_pending(&mut self, id: StreamId, _: i64, _: u64) -> Flow {
        self.content.stream.pending(id);
        ControlFlow::Continue(())
    }

    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        let result = self.content.stream.consumer(consumer);
        self.stream(result)
    }

    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        let result = self.content.stream.owned(id);
        self.stream(result)
    }

    fn stream_nacked(&mut self, id: StreamId) -> Flow {
        let result = self.content.stream.owned(id);
        self.stream(result)
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        if !self.first {
            return ControlFlow::Continue(());
        }
        if matches!(json, Json::Unsupported { .. }) {
            self.oddity = Some(Oddity::JsonVersion);
            return ControlFlow::Continue(());
        }
        self.problem = match self.content.documents.check(json, self.offset, &mut self.content.room) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Problem::Document(error)),
            Err(error) => Some(Problem::Format(error)),
        };
        ControlFlow::Continue(())
    }
}

//! What happens during a replay, for whoever shows it or keeps it.

use std::time::Duration;

use crate::replay::script::item::Item;

/// What the server has carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub commands: u64,
    pub members: u64,
    pub deleted_keys: u64,
    pub bytes: u64,
    /// Batches that were sent.
    pub batches: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A batch is about to be sent.
    Sending { first: u64, last: u64, bytes: u64 },
    /// A batch was answered.
    Answered(Progress),
    /// So many commands were carried out by each node of a cluster.
    OfNodes(Vec<(String, u64)>),
    /// Nothing is sent for so long, and why.
    Waiting { reason: String, wait: Duration },
    /// The connection was lost and is there again; so many commands had been carried out without an answer.
    Reconnected { found_done: u64 },
    /// The size of a batch changed, because of how long replies took.
    Paced { commands: u64, took: Duration },
    /// Edits of a command (its members, or the keys it deletes) that were not made, because they are not right any more.
    Kept { number: u64, command: &'static str, key: Vec<u8>, parts: Vec<Vec<u8>> },
    /// A command was refused, or answered otherwise than the plan says.
    Trouble {
        number: u64,
        command: &'static str,
        key: Vec<u8>,
        wanted: String,
        got: String,
        advice: String,
        /// Only a node of a cluster answers so: going on cannot work.
        of_a_cluster: bool,
    },
}

/// Is told what happens. `()` looks away.
pub trait Watcher {
    fn event(&mut self, event: &Event);

    /// This, as far as it was sent, has been carried out.
    fn done(&mut self, _: &Item<'_>) {}
}

impl Watcher for () {
    fn event(&mut self, _: &Event) {}
}

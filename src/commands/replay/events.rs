//! What happens, told to a person or to a program.

use std::io::Write as _;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::bundle::manifest::{Bytes, Manifest};
use crate::replay::journal::now;
use crate::replay::{Difference, Event, Tally};
use crate::text::Json;
use crate::ui::exit::{Failure, Outcome};
use crate::ui::interrupt;
use crate::ui::terminal::Terminal;

/// How `apply`, `rollback` and `verify` say what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Telling {
    /// For a person.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The version of the events; fields and events may be added, none changes its meaning without a new one.
const VERSION: u32 = 1;

/// Tells on standard output, in one of two forms.
#[derive(Clone, Copy)]
pub struct Teller<'t> {
    terminal: &'t Terminal,
    pub json: bool,
}

impl<'t> Teller<'t> {
    pub fn new(terminal: &'t Terminal, form: Telling) -> Self {
        let json = form == Telling::Json;
        if json {
            interrupt::with_last_event(end);
        }
        Self { terminal, json }
    }

    /// One event, or its text.
    pub fn tell(&self, name: &str, fields: Value, text: &str) -> Result<(), Failure> {
        if !self.json {
            return self.terminal.text(text);
        }
        write(self.terminal, name, fields)
    }

    /// The first event: what is done where, with which plan, and how much there is to do.
    pub fn start(&self, command: &str, plan_id: &str, to: &str, total: u64) -> Result<(), Failure> {
        self.tell("start", json!({ "command": command, "plan_id": plan_id, "to": to, "total": total }), "")
    }

    /// Differences of several kinds.
    pub fn differences<'a>(
        &self,
        kinds: impl IntoIterator<Item = (&'static str, &'a Tally)> + Clone,
        manifest: &Manifest,
    ) -> Result<(), Failure> {
        if !self.json {
            let text = super::differences::differences(kinds, manifest);
            return self.terminal.text(&text);
        }
        for (kind, tally) in kinds.into_iter().filter(|(_, tally)| !tally.is_empty()) {
            let examples: Vec<Value> =
                tally.examples.iter().take(super::differences::EXAMPLES).map(difference).collect();
            self.tell("difference", json!({ "kind": kind, "count": tally.count, "examples": examples }), "")?;
        }
        Ok(())
    }

    /// How it ended; always the last event.
    pub fn end(&self, outcome: &Outcome) -> Result<(), Failure> {
        if self.json { end(self.terminal, outcome) } else { Ok(()) }
    }

    /// Something that happened during a replay of so many commands.
    pub fn event(&self, event: &Event, total: u64) -> Result<(), Failure> {
        let (name, fields) = match event {
            Event::Sending { first, last, bytes } => {
                ("sending", json!({ "first": first, "last": last, "bytes": bytes }))
            }
            Event::Answered(progress) => {
                let mut fields = progress_fields(progress);
                if let Value::Object(fields) = &mut fields {
                    fields.insert("total".into(), total.into());
                }
                ("answered", fields)
            }
            Event::OfNodes(nodes) => {
                let nodes: serde_json::Map<String, Value> =
                    nodes.iter().map(|(node, commands)| (node.clone(), (*commands).into())).collect();
                ("nodes", json!({ "nodes": nodes }))
            }
            Event::Waiting { reason, wait } => ("waiting", json!({ "reason": reason, "seconds": wait.as_secs_f64() })),
            Event::Reconnected { found_done } => ("reconnected", json!({ "found_done": found_done })),
            Event::Paced { commands, took } => {
                ("paced", json!({ "batch_commands": commands, "last_batch_seconds": took.as_secs_f64() }))
            }
            Event::Kept { number, command, key, parts } => {
                let parts: Vec<Bytes> = parts.iter().cloned().map(Bytes).collect();
                ("kept", json!({ "number": number, "command": command, "key": Bytes(key.clone()), "edits": parts }))
            }
            Event::Trouble { number, command, key, wanted, got, advice, .. } => (
                "trouble",
                json!({ "number": number, "command": command, "key": Bytes(key.clone()), "expected": wanted,
                    "got": got, "advice": advice }),
            ),
        };
        if self.json { self.tell(name, fields, "") } else { Ok(()) }
    }
}

/// How it ended.
pub fn end(terminal: &Terminal, outcome: &Outcome) -> Result<(), Failure> {
    let fields = match outcome {
        Ok(exit) => json!({ "exit": *exit as u8 }),
        Err(failure) => json!({ "exit": failure.exit as u8, "message": failure.message, "hint": failure.hint }),
    };
    write(terminal, "end", fields)
}

/// One JSON object on a line.
fn write(terminal: &Terminal, name: &str, fields: Value) -> Result<(), Failure> {
    let mut object = json!({ "v": VERSION, "event": name, "time": now() });
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    let mut line = Vec::new();
    // Writing to memory cannot fail.
    let _ = writeln!(Json(&mut line), "{object}");
    terminal.data(&line)
}

/// The numbers of a replay.
pub fn progress_fields(progress: &crate::replay::Progress) -> Value {
    json!({
        "commands": progress.commands,
        "members": progress.members,
        "deleted_keys": progress.deleted_keys,
        "bytes": progress.bytes,
        "batches": progress.batches,
    })
}

fn difference(difference: &Difference) -> Value {
    json!({
        "db": difference.db,
        "key": Bytes(difference.key.clone()),
        "member": difference.member.clone().map(Bytes),
        "expected": difference.expected,
        "found": difference.found,
    })
}

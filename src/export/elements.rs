//! The table of elements.

use std::io::Write as _;
use std::ops::ControlFlow;

use super::Seen;
use super::cell::{Cell, json_bytes};
use super::column::{Column, Holds};
use super::halt::Halt;
use super::rows::{Outlet, Rows};
use crate::dump::rdb::{
    self, Element, Flow, Json, Record, Scratch, StreamConsumer, StreamFields, StreamGroup, StreamId, Visitor,
};
use crate::model::derive::write_score;
use crate::model::document;
use crate::model::view::Clock;

pub(super) const COLUMNS: &[Column] = &[
    Column::new("db", Holds::Small),
    Column::new("key", Holds::Repeated),
    Column::new("type", Holds::Word),
    Column::new("position", Holds::Position),
    Column::new("field", Holds::Repeated),
    Column::new("value", Holds::Bytes),
    Column::new("score", Holds::Score),
    Column::new("expire_at_ms", Holds::Time),
];

/// Makes the rows of values.
#[derive(Debug, Default)]
pub(super) struct Elements {
    clock: Clock,
    scratch: Scratch,
    /// JSON of a cell that is put together.
    json: Vec<u8>,
    /// Its field.
    text: Vec<u8>,
    room: Vec<u8>,
    pub undecodable: Seen,
}

impl Elements {
    pub fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// All rows of a value, or of a piece of it.
    pub fn record(
        &mut self,
        record: &Record<'_>,
        piece: Option<usize>,
        key: &[u8],
        rows: &mut Rows,
        outlet: &Outlet<'_>,
    ) -> Result<(), Halt> {
        let type_name = record.value.type_name();
        rows.prefix(&[Cell::Unsigned(record.db), Cell::Bytes(key), Cell::Plain(type_name.as_str())]);
        let mut scratch = std::mem::take(&mut self.scratch);
        let offset = record.value.offset as u64;
        let mut writer = Writer { table: self, rows, outlet, key, offset, group: false, consumers: 0, halt: None };
        let visited = match piece {
            Some(piece) => record.value.visit_piece(piece, &mut scratch, &mut writer),
            None => record.value.visit(&mut scratch, &mut writer),
        };
        let ended = if writer.halt.is_none() { writer.end_group() } else { Ok(()) };
        let halt = writer.halt.take();
        self.scratch = scratch;
        let in_record = |error: rdb::Error| Halt::Dump(error.in_record(record.start));
        match halt {
            Some(Halt::Dump(error)) => return Err(in_record(error)),
            Some(halt) => return Err(halt),
            None => {}
        }
        visited.map_err(in_record)?;
        ended
    }
}

/// A row's cells behind db, key and type.
#[derive(Clone, Copy)]
struct Row<'a> {
    position: Cell<'a>,
    field: Cell<'a>,
    value: Cell<'a>,
    score: Cell<'a>,
    expire_at_ms: Cell<'a>,
}

const EMPTY: Row<'static> =
    Row { position: Cell::None, field: Cell::None, value: Cell::None, score: Cell::None, expire_at_ms: Cell::None };

/// Writes the elements of one value.
struct Writer<'w, 'o> {
    table: &'w mut Elements,
    rows: &'w mut Rows,
    outlet: &'w Outlet<'o>,
    key: &'w [u8],
    offset: u64,
    /// The row of a stream's group has been begun.
    group: bool,
    /// Consumers in it.
    consumers: u64,
    halt: Option<Halt>,
}

impl Writer<'_, '_> {
    fn row(&mut self, row: Row<'_>) -> Flow {
        let Row { position, field, value, score, expire_at_ms } = row;
        let written = self.rows.row(&[position, field, value, score, expire_at_ms], self.outlet);
        self.go(written)
    }

    fn go(&mut self, written: Result<(), Halt>) -> Flow {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(halt) => {
                self.halt = Some(halt);
                ControlFlow::Break(())
            }
        }
    }

    /// A row that was put together: its field is in `text`, its value in `json`.
    fn made(&mut self) -> Result<(), Halt> {
        let Row { position, score, expire_at_ms, .. } = EMPTY;
        let (field, value) = (Cell::Bytes(&self.table.text), Cell::Json(&self.table.json));
        self.rows.row(&[position, field, value, score, expire_at_ms], self.outlet)
    }

    /// The row of a group is written when its consumers are known.
    fn end_group(&mut self) -> Result<(), Halt> {
        if !std::mem::take(&mut self.group) {
            return Ok(());
        }
        self.table.json.extend_from_slice(b"]}");
        self.made()
    }
}

impl Visitor for Writer<'_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.row(Row { value: Cell::Bytes(value.bytes), ..EMPTY })
    }

    fn list_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.row(Row { position: Cell::Unsigned(index), value: Cell::Bytes(value.bytes), ..EMPTY })
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.row(Row { value: Cell::Bytes(member.bytes), ..EMPTY })
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        let mut text = std::mem::take(&mut self.table.text);
        text.clear();
        write_score(score, &mut text);
        // Digits, signs and letters.
        let digits = std::str::from_utf8(&text).unwrap_or_default();
        let flow = self.row(Row { value: Cell::Bytes(member.bytes), score: Cell::Score(score, digits), ..EMPTY });
        self.table.text = text;
        flow
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.row(Row {
            field: Cell::Bytes(field.bytes),
            value: Cell::Bytes(value.bytes),
            expire_at_ms: self.table.clock.unix_ms(expire_ms).map_or(Cell::None, Cell::Time),
            ..EMPTY
        })
    }

    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        let table = &mut *self.table;
        table.text.clear();
        table.json.clear();
        // Writing to a vector cannot fail.
        let _ = write!(table.text, "{id}");
        table.json.push(b'[');
        while let Some((field, value)) = fields.next() {
            if table.json.len() > 1 {
                table.json.push(b',');
            }
            let _ = json_bytes(field.bytes, &mut table.json);
            table.json.push(b',');
            let _ = json_bytes(value.bytes, &mut table.json);
        }
        table.json.push(b']');
        let written = self.made();
        self.go(written)
    }

    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        let ended = self.end_group();
        self.go(ended)?;
        let table = &mut *self.table;
        table.text.clear();
        table.text.extend_from_slice(b"group:");
        table.text.extend_from_slice(group.name.bytes);
        table.json.clear();
        let _ = write!(table.json, "{{\"last_delivered_id\":\"{}\",\"entries_read\":", group.last_id);
        let _ = match group.entries_read {
            Some(n) => write!(table.json, "{n}"),
            None => write!(table.json, "null"),
        };
        let _ = write!(table.json, ",\"pending\":{},\"consumers\":[", group.pending);
        self.group = true;
        self.consumers = 0;
        ControlFlow::Continue(())
    }

    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        let json = &mut self.table.json;
        json.extend_from_slice(if self.consumers == 0 { b"{\"name\":" } else { b",{\"name\":" });
        self.consumers = self.consumers.saturating_add(1);
        // Writing to a vector cannot fail.
        let _ = json_bytes(consumer.name.bytes, json);
        let _ = write!(json, ",\"pending\":{}}}", consumer.pending);
        ControlFlow::Continue(())
    }

    fn array_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.row(Row { position: Cell::Unsigned(index), value: Cell::Bytes(value.bytes), ..EMPTY })
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        let mut room = std::mem::take(&mut self.table.room);
        let mut text = std::mem::take(&mut self.table.json);
        let flow = match document::text(json, self.offset, &mut room, &mut text) {
            Ok(Ok(text)) => self.row(Row { value: Cell::Bytes(text), ..EMPTY }),
            Ok(Err(_)) => {
                self.table.undecodable.add(self.key);
                match json {
                    // What it is can still be shown; that it is text of some kind was promised by its type.
                    Json::Text(raw) => match raw.decode(&mut room) {
                        Ok(text) => self.row(Row { value: Cell::Bytes(text), ..EMPTY }),
                        Err(_) => self.row(EMPTY),
                    },
                    _ => self.row(EMPTY),
                }
            }
            Err(error) => {
                self.halt = Some(Halt::Dump(error));
                ControlFlow::Break(())
            }
        };
        self.table.room = room;
        self.table.json = text;
        flow
    }
}

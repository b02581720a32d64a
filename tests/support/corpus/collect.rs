//! A visitor that keeps everything.

use rdb_reindex::dump::rdb::{
    Element, Flow, Json, StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta, Visitor,
};

type Bytes = Vec<u8>;

#[derive(Default, Debug)]
pub struct Group {
    pub name: Bytes,
    pub last_id: StreamId,
    pub entries_read: Option<u64>,
    pub pending: Vec<(StreamId, i64, u64)>,
    pub consumers: Vec<Consumer>,
}

#[derive(Default, Debug)]
pub struct Consumer {
    pub name: Bytes,
    pub seen_time_ms: i64,
    pub active_time_ms: Option<i64>,
    pub pending: Vec<StreamId>,
}

#[derive(Default, Debug)]
pub struct Collector {
    pub string: Option<Bytes>,
    pub list: Vec<Bytes>,
    pub set: Vec<Bytes>,
    pub zset: Vec<(Bytes, f64)>,
    pub hash: Vec<(Bytes, Bytes, Option<i64>)>,
    pub stream: Vec<(StreamId, Vec<Bytes>)>,
    pub meta: Option<StreamMeta>,
    pub groups: Vec<Group>,
    pub json: Option<Bytes>,
    pub module_strings: usize,
}

impl Collector {
    /// Number of elements as `Value::elements` counts them.
    pub fn elements(&self) -> u64 {
        if self.string.is_some() {
            return 1;
        }
        let n = self.list.len() + self.set.len() + self.zset.len() + self.hash.len() + self.stream.len();
        // A value of a module is one element; a stream can have none.
        if n == 0 && self.meta.is_none() { 1 } else { n as u64 }
    }
}

const ON: Flow = Flow::Continue(());

impl Visitor for Collector {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.string = Some(value.bytes.to_vec());
        ON
    }

    fn list_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        assert_eq!(index, self.list.len() as u64);
        self.list.push(value.bytes.to_vec());
        ON
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.set.push(member.bytes.to_vec());
        ON
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.zset.push((member.bytes.to_vec(), score));
        ON
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.hash.push((field.bytes.to_vec(), value.bytes.to_vec(), expire_ms));
        ON
    }

    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        let mut all = Vec::new();
        let told = fields.left();
        while let Some((field, value)) = fields.next() {
            all.push(field.bytes.to_vec());
            all.push(value.bytes.to_vec());
        }
        assert_eq!(all.len() as u64, told * 2);
        self.stream.push((id, all));
        ON
    }

    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        assert_eq!(meta.entries, self.stream.len() as u64);
        self.meta = Some(*meta);
        ON
    }

    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        self.groups.push(Group {
            name: group.name.bytes.to_vec(),
            last_id: group.last_id,
            entries_read: group.entries_read,
            ..Group::default()
        });
        ON
    }

    fn stream_pending(&mut self, id: StreamId, delivery_time_ms: i64, delivery_count: u64) -> Flow {
        self.groups.last_mut().unwrap().pending.push((id, delivery_time_ms, delivery_count));
        ON
    }

    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        self.groups.last_mut().unwrap().consumers.push(Consumer {
            name: consumer.name.bytes.to_vec(),
            seen_time_ms: consumer.seen_time_ms,
            active_time_ms: consumer.active_time_ms,
            pending: Vec::new(),
        });
        ON
    }

    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        self.groups.last_mut().unwrap().consumers.last_mut().unwrap().pending.push(id);
        ON
    }

    fn module_string(&mut self, _: Element<'_>) -> Flow {
        self.module_strings += 1;
        ON
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        let Json::Text(text) = json else { panic!("the corpus has JSON texts only: {json:?}") };
        self.json = Some(text.decode(&mut Vec::new()).unwrap().to_vec());
        ON
    }
}

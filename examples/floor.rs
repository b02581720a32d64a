//! The least that reading a dump can cost: walk it on one thread while another expands every LZF string of a value, those in
//! hashes and sets, too, and sums every byte. It decides nothing; `scripts/bench` compares the real commands with it.

use std::sync::mpsc;
use std::time::Instant;

use anyhow::Context;
use rdb_reindex::dump::rdb::{Item, Json, RawStr, Scratch, Value, Visitor, Walker};
use rdb_reindex::dump::snapshot::{Options, Snapshot};

/// Looks at nothing: a visit then does no more than expand what is compressed.
struct Nobody;

impl Visitor for Nobody {}

/// What there is to expand.
enum Work<'a> {
    Document(RawStr<'a>),
    Elements(Value<'a>),
}

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os().nth(1).context("a dump is due")?;
    let snapshot = Snapshot::open(path.as_ref(), Options::default())?;
    let file: &[u8] = &snapshot;
    let start = Instant::now();
    let (send, receive) = mpsc::sync_channel::<(usize, Vec<Work<'_>>)>(64);
    let (walked, documents) = std::thread::scope(|scope| -> anyhow::Result<(f64, usize)> {
        let other = scope.spawn(move || -> anyhow::Result<usize> {
            let (mut scratch, mut buffer, mut documents, mut from) = (Scratch::default(), Vec::new(), 0, 0);
            for (to, works) in receive {
                std::hint::black_box(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &file[from..to]));
                from = to;
                for work in works {
                    match work {
                        Work::Document(raw) => documents += raw.decode(&mut buffer)?.len(),
                        Work::Elements(value) => value.visit(&mut scratch, &mut Nobody)?,
                    }
                }
            }
            Ok(documents)
        });
        let gone = || anyhow::anyhow!("the other thread ended early");
        let mut walker = Walker::new(file)?;
        let mut batch = Vec::new();
        loop {
            match walker.next()? {
                Some(Item::Record(record)) => batch.push(match record.value.json()? {
                    Some(Json::Text(raw)) => Work::Document(raw),
                    _ => Work::Elements(record.value),
                }),
                Some(Item::End(_)) | None => break,
                Some(_) => {}
            }
            if batch.len() == 512 {
                send.send((walker.position(), std::mem::take(&mut batch))).map_err(|_| gone())?;
            }
        }
        send.send((walker.position(), batch)).map_err(|_| gone())?;
        drop(send);
        let walked = start.elapsed().as_secs_f64();
        let documents = other.join().map_err(|_| anyhow::anyhow!("the other thread panicked"))??;
        Ok((walked, documents))
    })?;
    println!("floor {:.3} s (walk {walked:.3} s, {documents} bytes of documents)", start.elapsed().as_secs_f64());
    Ok(())
}

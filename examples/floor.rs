//! The least that reading a dump can cost: walk it on one thread while another expands every LZF string of a value and
//! sums every byte. It decides nothing; `scripts/bench` compares the real commands with it.

use std::sync::mpsc;
use std::time::Instant;

use anyhow::Context;
use rdb_reindex::rdb::{Item, Json, RawStr, Walker, string_at};
use rdb_reindex::snapshot::{Options, Snapshot};

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os().nth(1).context("a dump is due")?;
    let snapshot = Snapshot::open(path.as_ref(), Options::default())?;
    let file: &[u8] = &snapshot;
    let start = Instant::now();
    let (send, receive) = mpsc::sync_channel::<(usize, Vec<RawStr<'_>>)>(64);
    let (walked, expanded) = std::thread::scope(|scope| -> anyhow::Result<(f64, usize)> {
        let other = scope.spawn(move || -> anyhow::Result<usize> {
            let (mut buffer, mut total, mut from) = (Vec::new(), 0, 0);
            for (to, strings) in receive {
                std::hint::black_box(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &file[from..to]));
                from = to;
                for string in strings {
                    total += string.decode(&mut buffer)?.len();
                }
            }
            Ok(total)
        });
        let gone = || anyhow::anyhow!("the other thread ended early");
        let mut walker = Walker::new(file)?;
        let mut batch = Vec::new();
        loop {
            match walker.next()? {
                Some(Item::Record(record)) => match record.value.json()? {
                    Some(Json::Text(raw)) => batch.push(raw),
                    _ if record.value.ty.name() == "STRING" => batch.push(string_at(record.value.bytes, 0)?),
                    _ => {}
                },
                Some(Item::End(_)) | None => break,
                Some(_) => {}
            }
            if batch.len() == 4096 {
                send.send((walker.position(), std::mem::take(&mut batch))).map_err(|_| gone())?;
            }
        }
        send.send((walker.position(), batch)).map_err(|_| gone())?;
        drop(send);
        let walked = start.elapsed().as_secs_f64();
        let expanded = other.join().map_err(|_| anyhow::anyhow!("the other thread panicked"))??;
        Ok((walked, expanded))
    })?;
    println!("floor {:.3} s (walk {walked:.3} s, {expanded} bytes expanded)", start.elapsed().as_secs_f64());
    Ok(())
}

//! Writing a dump of any size in constant memory: pieces are made in parallel, written in order.

use super::super::DumpBuilder;
use super::document::Scratch;
use super::{Item, Options, Shape};
use rayon::prelude::*;
use std::io::{self, Write};
use std::sync::mpsc::sync_channel;

/// The RDB version of a Redis 7.0 …
const VERSION: u32 = 10;
/// … and that of an export of Upstash.
const UPSTASH: u32 = 12;
/// 2025-01-06T16:13:20Z
const CTIME: u64 = 1_736_180_000;
/// Keys in a piece: about a megabyte of messages.
const KEYS: u64 = 1024;
/// Members of a large set in a piece.
const MEMBERS: u64 = 16_384;
/// Pieces made at once: they are the memory that the writer needs.
const PIECES: usize = 24;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub keys: u64,
    pub bytes: u64,
}

enum Piece {
    /// Whole keys, by their places in the file.
    Keys(u64, u64),
    /// Members `from..to` of a large set or sorted set.
    Members(Item, u64, u64),
}

/// Writes the dump that the options describe: the same bytes for the same options, on any number of threads.
pub fn write(options: &Options, out: &mut (impl Write + Send)) -> io::Result<Summary> {
    let shape = Shape::new(options.clone());
    let expiring = (0..options.wrong_keys).filter(|&n| shape.expires(Item::WrongIndex(n))).count() as u64 + 1;
    let upstash = options.upstash;
    let version = if upstash { UPSTASH } else { VERSION };
    let mut head = DumpBuilder::new(version);
    head.upstash(upstash).server_aux(CTIME).select_db(0).resize_db(shape.keys(), expiring);
    let mut pieces = pieces(&shape).into_iter();

    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<Vec<Vec<u8>>>(1);
        let writer = scope.spawn(move || -> io::Result<u64> {
            let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Redis);
            let mut bytes = 0;
            for part in receive.into_iter().flatten() {
                crc.update(&part);
                out.write_all(&part)?;
                bytes += part.len() as u64;
            }
            let crc = if upstash { 0 } else { crc.finalize() };
            out.write_all(&crc.to_le_bytes())?;
            out.flush()?;
            Ok(bytes + 8)
        });
        // A closed channel means that writing failed; the writer's result says how.
        let mut open = send.send(vec![head.take()]).is_ok();
        while open {
            let batch: Vec<Piece> = pieces.by_ref().take(PIECES).collect();
            if batch.is_empty() {
                break;
            }
            let make = || {
                let mut part = DumpBuilder::part(version);
                part.upstash(upstash);
                (part, Scratch::default())
            };
            let parts = batch.par_iter().map_init(make, |(out, scratch), piece| put_piece(&shape, out, scratch, piece));
            open = send.send(parts.collect()).is_ok();
        }
        let _ = send.send(vec![vec![255]]);
        drop(send);
        let bytes = writer.join().map_err(|_| io::Error::other("the writing thread panicked"))??;
        Ok(Summary { keys: shape.keys(), bytes })
    })
}

fn pieces(shape: &Shape) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut keys_until = |pieces: &mut Vec<Piece>, to: u64| {
        while from < to {
            let end = to.min(from + KEYS);
            pieces.push(Piece::Keys(from, end));
            from = end;
        }
        from = to + 1;
    };
    for place in shape.places_of_large() {
        let item = shape.item_at(place);
        let members = shape.members(item);
        // What a server would keep in a compact encoding is written whole.
        if members <= MEMBERS {
            continue;
        }
        keys_until(&mut pieces, place);
        pieces
            .extend((0..members).step_by(MEMBERS as usize).map(|m| Piece::Members(item, m, members.min(m + MEMBERS))));
    }
    keys_until(&mut pieces, shape.keys());
    pieces
}

fn put_piece(shape: &Shape, out: &mut DumpBuilder, scratch: &mut Scratch, piece: &Piece) -> Vec<u8> {
    match *piece {
        Piece::Keys(from, to) => {
            for place in from..to {
                shape.put_item(out, scratch, shape.item_at(place));
            }
        }
        Piece::Members(item, from, to) => {
            let scored = matches!(item, Item::Timeline(_));
            if from == 0 {
                out.key(if scored { 5 } else { 2 }, shape.key_of(item)).count(shape.members(item));
            }
            let order = shape.order_in(item);
            for n in from..to {
                scratch.text.clear();
                shape.put_member(&mut scratch.text, item, &order, n);
                out.put(&scratch.text);
                if let Item::Timeline(t) = item {
                    out.bytes(shape.timeline_score(t, n).to_le_bytes());
                }
            }
        }
    }
    out.take()
}

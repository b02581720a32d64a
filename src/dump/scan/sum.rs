//! The CRC-64 of the file, just ahead of the walk.

use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

use super::speculative::Stretch;

/// The checksum is this far ahead of the walk at most: less than the cache nearest to a core, apart from the smallest.
const SUM_AHEAD: usize = 64 << 10;

/// The checksum of the file, taken in steps.
pub(super) struct Sum<'a> {
    file: &'a [u8],
    /// Of everything before `start`.
    total: u64,
    start: usize,
    /// From there to `end`.
    digest: Digest,
    end: usize,
    /// The step before: where the checksum ends is only known when the walk comes there.
    before: (Digest, usize),
}

impl<'a> Sum<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        let digest = Digest::new(CrcAlgorithm::Crc64Redis);
        Self { file, total: 0, start: 0, digest, end: 0, before: (digest, 0) }
    }

    /// Goes ahead of the walk, which has come to `position`, but not further than `to`.
    #[inline]
    pub fn go_ahead(&mut self, position: usize, to: usize) {
        if position >= self.end {
            self.step(position.saturating_add(SUM_AHEAD).min(to.max(position)).min(self.file.len()));
        }
    }

    #[inline(never)]
    fn step(&mut self, to: usize) {
        self.before = (self.digest, self.end);
        self.digest.update(self.file.get(self.end..to).unwrap_or_default());
        self.end = to;
    }

    /// Adds a stretch that was summed elsewhere, and begins where the walk is.
    pub fn append(&mut self, stretch: &Stretch<'_>) {
        let combine = |total, crc64, len: usize| checksum_combine(CrcAlgorithm::Crc64Redis, total, crc64, len as u64);
        let own = self.upto(stretch.start);
        self.total = combine(self.total, own, stretch.start.saturating_sub(self.start));
        self.total = combine(self.total, stretch.crc64, stretch.end.saturating_sub(stretch.start));
        let digest = Digest::new(CrcAlgorithm::Crc64Redis);
        (self.start, self.digest, self.end) = (stretch.end, digest, stretch.end);
        self.before = (digest, stretch.end);
    }

    /// The checksum from `start` to `end`, where the walk has come to.
    fn upto(&mut self, end: usize) -> u64 {
        if end < self.end {
            (self.digest, self.end) = self.before;
        }
        self.step(end);
        self.digest.finalize()
    }

    /// The checksum of everything before `end`, where the walk has come to.
    pub fn finish(mut self, end: usize) -> u64 {
        let own = self.upto(end);
        checksum_combine(CrcAlgorithm::Crc64Redis, self.total, own, end.saturating_sub(self.start) as u64)
    }
}

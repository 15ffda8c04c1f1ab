//! What small files may not become.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sniff::Unpacked;
use crate::feed::Limits;
use crate::refusal::{Code, Refusal, through};

/// Below so many bytes the ratio says nothing.
const NOTHING_YET: u64 = 1 << 20;

/// Counts what comes out of unpacking, and stops it where it is too much.
pub(super) struct Limited<R> {
    reader: R,
    taken: Arc<AtomicU64>,
    given: Arc<AtomicU64>,
    most: u64,
    ratio: Option<u64>,
}

impl<R> Limited<R> {
    pub(super) fn new(
        reader: R,
        limits: &Limits,
        taken: Arc<AtomicU64>,
        unpacked: Unpacked,
    ) -> Self {
        let ratio = (unpacked == Unpacked::Yes).then_some(limits.max_ratio);
        Self { reader, taken, given: Arc::default(), most: limits.max_unpacked_bytes, ratio }
    }

    /// How many bytes have come out so far.
    pub(super) fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.given)
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let given = self.given.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        let taken = self.taken.load(Ordering::Relaxed);
        let is_bomb = |ratio: u64| given > NOTHING_YET && given / ratio > taken;
        if let Some(ratio) = self.ratio.filter(|ratio| is_bomb(*ratio)) {
            let message = format!(
                "each packed byte becomes more than {ratio} bytes; if this is meant, raise \
                 `limits.max_ratio` of the feed"
            );
            return Err(through(Refusal::new(Code::Bomb, message)));
        }
        if given > self.most {
            let most = self.most;
            let message = format!(
                "it unpacks to more than {most} bytes; send it in pieces, or raise \
                 `limits.max_unpacked_bytes` of the feed"
            );
            return Err(through(Refusal::new(Code::Bomb, message)));
        }
        Ok(read)
    }
}

//! The caller's chunks as a reader.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use bytes::{Buf, Bytes};

use super::Step;

/// Asks for a chunk whenever it has none left.
#[derive(Debug)]
pub(super) struct Chunks {
    input: Receiver<Bytes>,
    steps: SyncSender<Step>,
    current: Bytes,
    taken: Arc<AtomicU64>,
    ended: bool,
}

impl Chunks {
    pub(super) fn new(input: Receiver<Bytes>, steps: SyncSender<Step>) -> Self {
        Self { input, steps, current: Bytes::new(), taken: Arc::default(), ended: false }
    }

    /// How many bytes have come in so far.
    pub(super) fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            self.steps.send(Step::Wants).map_err(gone)?;
            match self.input.recv() {
                Ok(chunk) => {
                    self.taken.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    self.current = chunk;
                }
                Err(_) => self.ended = true,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

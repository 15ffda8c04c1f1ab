//! One file, as a stream: bytes in, records out.
//!
//! Decryption and unpacking pull bytes from readers, while bytes come from a store one range at a
//! time. So the readers run on a thread of their own, in step with the caller: one of the two
//! always waits for the other, and nothing is held but a chunk, a part and a record.

mod charset;
mod csv;
mod json;
mod limit;
mod output;
mod pgp;
mod sniff;
mod source;
#[cfg(test)]
mod tests;
mod trim;
mod verify;
mod zip;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use model::Secret;

use self::output::Output;
pub use self::output::{Part, Row};
use self::source::Chunks;
use crate::control::Control;
use crate::decimal::Decimal;
use crate::feed::{Feed, FormatKind};
use crate::name::{NameFacts, facts};
use crate::refusal::{Code, Refusal, RefusedRow};

/// What is known of a file before it is read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its feed.
    pub feed: Arc<Feed>,
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// Tags that are stored beside it.
    pub tags: BTreeMap<String, String>,
    /// What its control file says.
    pub control: Option<Control>,
    /// The tenant's keys.
    pub keys: Keys,
}

/// Keys of a tenant, secrets resolved.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The tenant's OpenPGP secret key, armored.
    pub pgp_key: Option<Secret<String>>,
    /// Its passphrase.
    pub pgp_passphrase: Option<Secret<String>>,
    /// The partner's public key, armored.
    pub signer: Option<String>,
}

/// What a decoding has come to.
#[derive(Debug)]
pub enum Step {
    /// It wants more bytes: [`feed`](Decoding::feed) or [`end`](Decoding::end) it.
    Wants,
    /// A part is full.
    Part(Part),
    /// It has ended.
    Done(Result<Box<Decoded>, Refusal>),
}

/// A file that was read to its end and is what it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Name of its kind.
    pub kind: String,
    /// Place of the kind among the feed's.
    pub rank: usize,
    /// Rows, refused ones included.
    pub rows: u64,
    /// Records that were given in parts.
    pub records: u64,
    /// Rows that are none, in order.
    pub refused: Vec<RefusedRow>,
    /// Sum of the kind's `total` column.
    pub total: Option<Decimal>,
    /// What the file announces of itself.
    pub announced: Announced,
    /// Bytes of its content, unpacked.
    pub unpacked: u64,
}

/// What trailer and control file announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Announced {
    /// Records.
    pub records: Option<u64>,
    /// Control total.
    pub total: Option<Decimal>,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Decoding {
    input: Option<SyncSender<Bytes>>,
    steps: Receiver<Step>,
    thread: Option<JoinHandle<()>>,
}

impl Decoding {
    /// Begins to read a file. Fails only where no thread is to be had.
    pub fn start(plan: Plan) -> std::io::Result<Self> {
        let (input, chunks) = sync_channel(1);
        let (sender, steps) = sync_channel(0);
        let run = move || {
            let chunks = Chunks::new(chunks, sender.clone());
            let done = decode(&plan, chunks, &sender);
            // Nobody listens any more when the decoding was dropped.
            drop(sender.send(Step::Done(done.map(Box::new))));
        };
        let thread = Builder::new().name("decode".to_owned()).spawn(run)?;
        Ok(Self { input: Some(input), steps, thread: Some(thread) })
    }

    /// What it has come to. Call it until it is [`Step::Done`].
    pub fn step(&mut self) -> Step {
        let lost = |_| {
            let message = "the reader of this file stopped; try it again";
            Step::Done(Err(Refusal::new(Code::Archive, message)))
        };
        self.steps.recv().unwrap_or_else(lost)
    }

    /// The next bytes, when it [`Wants`](Step::Wants) them.
    pub fn feed(&mut self, chunk: Bytes) {
        // A reader that has ended takes no more, and says why.
        drop(self.input.as_ref().map(|input| input.send(chunk)));
    }

    /// There are no more bytes.
    pub fn end(&mut self) {
        self.input = None;
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        self.input = None;
        let (_, nobody) = sync_channel(0);
        self.steps = nobody;
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// All of it, on its thread.
fn decode(plan: &Plan, chunks: Chunks, steps: &SyncSender<Step>) -> Result<Decoded, Refusal> {
    let facts = facts(&plan.feed, &plan.name);
    let taken = chunks.taken();
    let (reader, unpacked) = sniff::unpacked(plan, &facts, chunks)?;
    let unpacked_bytes = limit::Limited::new(reader, &plan.feed.limits, taken, unpacked);
    let count = unpacked_bytes.count();
    let (mut reader, head) = charset::text(&plan.feed.format, unpacked_bytes)?;
    let mut output = Output::new(plan, &facts, steps);
    match format(&plan.feed, &facts, &head)? {
        FormatKind::Csv => csv::records(plan, &facts, &head, &mut reader, &mut output)?,
        FormatKind::Ndjson => json::lines(plan, &mut reader, &mut output)?,
        FormatKind::Json => json::list(plan, &mut reader, &mut output)?,
    }
    to_the_end(&mut reader)?;
    let unpacked = count.load(std::sync::atomic::Ordering::Relaxed);
    output.finish(unpacked)
}

/// Reads what is left, so that checks at the end of archives and messages are made.
fn to_the_end(reader: &mut dyn BufRead) -> Result<(), Refusal> {
    loop {
        let left = reader.fill_buf().map_err(damaged)?.len();
        if left == 0 {
            return Ok(());
        }
        reader.consume(left);
    }
}

/// What a reader's own error means.
fn damaged(error: std::io::Error) -> Refusal {
    crate::refusal::out_of(error, Code::Archive, "the file is damaged or was cut off")
}

/// How records are written: as the feed says, as the name says, as the first bytes look.
fn format(feed: &Feed, facts: &NameFacts, head: &[u8]) -> Result<FormatKind, Refusal> {
    if let Some(kind) = feed.format.kind.or(facts.format.map(|(kind, _)| kind)) {
        return Ok(kind);
    }
    if head.contains(&0) {
        let message = "it is neither text nor anything that can be unpacked; name it by its \
                       format, such as .csv, .ndjson or .csv.gz, or say `format` in the feed";
        return Err(Refusal::new(Code::UnknownFormat, message));
    }
    Ok(match head.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') => FormatKind::Json,
        Some(b'{') => FormatKind::Ndjson,
        _ => FormatKind::Csv,
    })
}

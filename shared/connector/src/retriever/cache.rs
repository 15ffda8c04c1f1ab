//! `use_cache`: answers that are asked for again in the same read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use ports::{Method, Request, Response};

use crate::slice::digest_of;

/// Bytes of answers that are kept; what comes after them is asked for again.
const MOST_BYTES: usize = 64 << 20;

/// Header fields that do not tell requests apart, as in the reference.
const CREDENTIALS: [&str; 2] = ["authorization", "x-api-key"];

/// Answers by what was asked. It keeps nothing until it is opened.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    open: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<[u8; 16], Response>,
    bytes: usize,
}

/// What names a request that may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked([u8; 16]);

impl Cache {
    /// Keeps answers from now on: several streams are about to be read.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// The name of a request, if its answer is one to keep.
    pub(super) fn name(&self, request: &Request) -> Option<Asked> {
        let reads = matches!(request.method, Method::Get | Method::Head);
        if !reads || !self.open.load(Ordering::Relaxed) {
            return None;
        }
        let mut headers: Vec<String> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.sort_unstable();
        let Request { method, url, body, .. } = request;
        Some(Asked(digest_of(&format!("{method:?} {url}\n{}\n{body:?}", headers.join("\n")))))
    }

    pub(super) fn find(&self, name: Asked) -> Option<Response> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers.get(&name.0).cloned()
    }

    /// Keeps an answer, if it is a good one and there is room.
    pub(super) fn keep(&self, name: Asked, response: &Response) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.bytes.saturating_add(response.body.len());
        if response.status == 200 && bytes <= MOST_BYTES {
            kept.bytes = bytes;
            kept.answers.insert(name.0, response.clone());
        }
    }
}

//! Bugs, planted on purpose: a simulation that does not find them proves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::ObjectKey;
use ports::{Expect, Http, Key, Queue, Request, Table, Uploads, Write};
use serde_json::Value;
use testkit::{Spoil, Spoilt};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A batch may be ended by whoever had it once.
    LostFence,
    /// A call whose answer is not known goes again under another key.
    KeyOfItsOwn,
    /// What becomes of a batch is told and not stored.
    ForgottenOutcome,
    /// Batches do not say which entities they are about.
    NoEntities,
    /// A content may be taken any number of times.
    EveryContent,
    /// What was refused does not say why.
    SilentRefusal,
    /// What needs to be looked at is not put anywhere.
    NothingFailed,
    /// What nobody understands is acknowledged instead of put aside.
    AckPoison,
    /// Twice as many calls are made as are allowed.
    TwiceTheCalls,
}

impl Bug {
    pub const ALL: [Self; 9] = [
        Self::LostFence,
        Self::KeyOfItsOwn,
        Self::ForgottenOutcome,
        Self::NoEntities,
        Self::EveryContent,
        Self::SilentRefusal,
        Self::NothingFailed,
        Self::AckPoison,
        Self::TwiceTheCalls,
    ];
}

testkit::planted!(Bug: table Table, objects Uploads, queue Queue);

pub fn http(bug: Option<Bug>, inner: Arc<dyn Http>) -> Arc<dyn Http> {
    match bug {
        Some(Bug::KeyOfItsOwn) => Arc::new(Spoilt::new(inner, OwnKeys::default())),
        _ => inner,
    }
}

impl Spoil for Bug {
    fn write(&self, write: Write) -> Option<Write> {
        Some(match (self, write) {
            (Bug::LostFence, Write::Put { key, body, expires, .. }) if is_batch(&key) => {
                Write::Put { key, expect: Expect::Any, body, expires }
            }
            (Bug::LostFence, Write::Delete { key, .. }) if is_batch(&key) => {
                Write::Delete { key, expect: Expect::Any }
            }
            (Bug::NoEntities, Write::Put { key, expect, body, expires }) if is_batch(&key) => {
                let mut row: Value = serde_json::from_str(&body).unwrap();
                row.as_object_mut().unwrap().remove("entities");
                Write::Put { key, expect, body: row.to_string(), expires }
            }
            (Bug::EveryContent, Write::Put { key, body, expires, .. }) if is_content(&key) => {
                let row: Value = serde_json::from_str(&body).unwrap();
                let sort = format!("{}#{}", key.sort, row["path"]);
                let key = Key { sort, ..key };
                Write::Put { key, expect: Expect::Any, body, expires }
            }
            (_, write) => write,
        })
    }

    fn put(&self, key: &ObjectKey, body: Bytes, is_new: bool) -> Option<Bytes> {
        let is_outcome = is_new && key.as_str().starts_with("outcomes/batches/");
        let is_failed = !is_new && key.as_str().starts_with("failed/");
        match self {
            Self::ForgottenOutcome if is_outcome => None,
            Self::NothingFailed if is_failed => None,
            Self::SilentRefusal if is_outcome => {
                let mut outcome: Value = serde_json::from_slice(&body).unwrap();
                for item in outcome["items"].as_array_mut().unwrap() {
                    item.as_object_mut().unwrap().remove("code");
                }
                Some(Bytes::from(format!("{outcome}\n")))
            }
            _ => Some(body),
        }
    }

    fn puts_aside(&self) -> bool {
        *self != Self::AckPoison
    }
}

fn is_batch(key: &Key) -> bool {
    key.partition.starts_with("push")
        && !key.sort.starts_with("group#")
        && !key.sort.starts_with("head")
        && !key.sort.starts_with("closed#")
}

fn is_content(key: &Key) -> bool {
    key.sort.starts_with("content#")
}

/// Gives each call an idempotency key of its own.
#[derive(Debug, Clone, Default)]
struct OwnKeys(Arc<AtomicU64>);

impl Spoil for OwnKeys {
    fn request(&self, mut request: Request) -> Request {
        let call = self.0.fetch_add(1, Ordering::Relaxed);
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("idempotency-key") {
                value.push_str(&call.to_string());
            }
        }
        request
    }
}

//! What an admin may set.

use serde::{Deserialize, Serialize};

/// How the CRM behaves at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// How long a new token is good for.
    pub(super) token_seconds: u32,
    /// So many calls …
    pub(super) rate_calls: usize,
    /// … in any span of this length, by credential.
    pub(super) rate_millis: u64,
    /// Whether calls beyond the limit are refused; they are counted either way.
    pub(super) enforced: bool,
    /// Most items of one batch.
    pub(super) batch_items: usize,
    /// Most bytes of one body.
    pub(super) body_bytes: usize,
    /// How long an answer is kept for its idempotency key.
    pub(super) idempotency_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_seconds: 300,
            rate_calls: 1_000,
            rate_millis: 60_000,
            enforced: true,
            batch_items: 100,
            body_bytes: 1 << 20,
            idempotency_seconds: 86_400,
        }
    }
}

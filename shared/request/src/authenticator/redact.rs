//! Takes credentials out of texts.

use std::fmt;

/// Replaces known secrets in texts that leave the process.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

/// Shortest secret that is replaced; shorter ones would tear ordinary texts apart.
const SHORTEST: usize = 4;

impl Redactor {
    /// A redactor of these secrets, in plain and percent-encoded form.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
            let encoded = crate::requester::quote_plus(&secret);
            known.extend([encoded, secret]);
        }
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        known.dedup();
        Self(known)
    }

    /// The text with every secret replaced by `****`.
    pub fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "****"))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.len())
    }
}

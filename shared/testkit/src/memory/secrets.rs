//! Secrets in a map.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::Secret;
use ports::{SecretError, SecretPath, Secrets};

/// [`Secrets`] in memory.
#[derive(Debug, Default)]
pub struct MemorySecrets(BTreeMap<SecretPath, Secret<String>>);

impl MemorySecrets {
    /// Holds these.
    pub fn of(entries: impl IntoIterator<Item = (SecretPath, String)>) -> Self {
        Self(entries.into_iter().map(|(path, value)| (path, Secret::new(value))).collect())
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, path: &SecretPath) -> Result<Secret<String>, SecretError> {
        self.0.get(path).cloned().ok_or_else(|| SecretError::Missing { path: path.clone() })
    }
}

#[cfg(test)]
mod tests {
    crate::secrets_contract!(entries => Box::new(super::MemorySecrets::of(entries)));
}

//! Secrets in Secrets Manager, one a name: `<prefix>/<tenant>/<name>`.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use model::Secret;
use ports::{SecretError, SecretPath, Secrets};

use crate::config::Aws;
use crate::error::failure;

/// Secrets Manager, under a prefix.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    aws: Arc<Aws>,
    prefix: String,
}

impl SecretsManager {
    /// The secrets whose names start with `prefix/`.
    pub fn new(aws: Arc<Aws>, prefix: String) -> Self {
        Self { aws, prefix }
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    /// A secret that is binary, or that awaits its deletion, counts as missing.
    async fn get(&self, path: &SecretPath) -> Result<Secret<String>, SecretError> {
        let name = format!("{}/{path}", self.prefix);
        let missing = || SecretError::Missing { path: path.clone() };
        match self.aws.secrets().get_secret_value().secret_id(name).send().await {
            Ok(found) => found.secret_string.map(Secret::new).ok_or_else(missing),
            Err(error) if is_missing(&error) => Err(missing()),
            Err(error) => Err(SecretError::Unavailable { source: failure(error).source }),
        }
    }
}

fn is_missing<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    error.as_service_error().is_some_and(|error| {
        error.is_resource_not_found_exception() || error.is_invalid_request_exception()
    })
}

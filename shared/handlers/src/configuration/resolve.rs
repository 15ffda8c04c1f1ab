//! The settings of a connection, feed or push with their secrets filled in.

use model::{SecretRef, TenantId};
use ports::{SecretError, SecretPath, Secrets};
use serde_json::{Map, Value};

use super::Error;

/// The settings that a source, a drop or a destination is built with: every `{"secret": <reference>}` replaced by the
/// secret's value.
///
/// All references are resolved before any value is used, and all that cannot be are told together.
pub async fn resolve_config(
    config: &Map<String, Value>,
    tenant: &TenantId,
    grants: &[SecretRef],
    secrets: &dyn Secrets,
) -> Result<Map<String, Value>, Error> {
    let mut config = Value::Object(config.clone());
    let mut missing = Vec::new();
    for (pointer, reference) in references(&config) {
        match value(tenant, &reference, grants, secrets).await {
            Ok(found) => {
                if let Some(place) = config.pointer_mut(&pointer) {
                    *place = Value::String(found);
                }
            }
            Err(error) => missing.push((pointer.trim_start_matches('/').replace('/', "."), error)),
        }
    }
    match config {
        Value::Object(config) if missing.is_empty() => Ok(config),
        _ => Err(Error::Secrets(missing)),
    }
}

async fn value(
    tenant: &TenantId,
    reference: &SecretRef,
    grants: &[SecretRef],
    secrets: &dyn Secrets,
) -> Result<String, SecretError> {
    let path = SecretPath::resolve(tenant, reference, grants)?;
    Ok(secrets.get(&path).await?.expose().clone())
}

/// Every reference to a secret and the JSON pointer to its place.
pub(super) fn references(config: &Value) -> Vec<(String, SecretRef)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), config)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(map) => {
                let only = map.get("secret").and_then(Value::as_str).filter(|_| map.len() == 1);
                if let Some(reference) = only.and_then(|text| text.parse().ok()) {
                    found.push((pointer, reference));
                    continue;
                }
                let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
                open.extend(map.iter().map(|(k, v)| (format!("{pointer}/{}", escaped(k)), v)));
            }
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(n, v)| (format!("{pointer}/{n}"), v)));
            }
            _ => {}
        }
    }
    found.sort();
    found
}

//! Configurations that change while a source is read, told as the reference tells them.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::{Retry, Timestamp};
use ports::Clock;
use request::authenticator::{Claim, Grant, GrantError, Grants, Rotation, Tokens};
use serde_json::{Map, Value, json};

use super::Messages;
use crate::config::Normalized;
use crate::error::Error;
use crate::manifest::Manifest;

/// [`Grants`] of one process: new tokens are told to whoever runs it, as the whole configuration
/// in a `CONNECTOR_CONFIG` message, before they are used.
pub struct Announced<W> {
    config: Mutex<Value>,
    out: Mutex<W>,
    clock: Arc<dyn Clock>,
}

impl<W> fmt::Debug for Announced<W> {
    /// Without the configuration: it holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announced").finish_non_exhaustive()
    }
}

impl<W: Write> Announced<W> {
    /// Tells a writer of changes to this configuration.
    pub fn new(config: Value, out: W, clock: Arc<dyn Clock>) -> Self {
        Self { config: Mutex::new(config), out: Mutex::new(out), clock }
    }

    /// As [`Announced::new`], for a configuration as its owner keeps it: where the manifest moves
    /// it to a new form, that is told first.
    pub fn start(
        (manifest, config): (&Manifest, &Value),
        now: Timestamp,
        out: W,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let Normalized { migrated, config } = manifest.normalized(config, now)?;
        let announced = Self::new(config, out, clock);
        if let Some(migrated) = migrated {
            announced.write(&migrated)?;
        }
        Ok(announced)
    }

    fn tell(&self, rotation: &Rotation) -> Result<(), Error> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, value) in &rotation.changes {
            set(&mut config, path, value.expose());
        }
        self.write(&config)
    }

    fn write(&self, config: &Value) -> Result<(), Error> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        Messages::new(&mut *out).write(&json!({"type": "CONTROL", "control": {
            "type": "CONNECTOR_CONFIG",
            "emitted_at": self.clock.now().as_millisecond(),
            "connectorConfig": {"config": config},
        }}))?;
        Ok(out.flush()?)
    }
}

/// Sets a text at a path, making the mappings on the way.
fn set(config: &mut Value, path: &[String], text: &str) {
    let mut place = config;
    for part in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(part).or_insert(Value::Null);
    }
    *place = Value::from(text);
}

#[async_trait]
impl<W: Write + Send + 'static> Grants for Announced<W> {
    async fn kept(&self, _: &Grant) -> Result<Option<Tokens>, GrantError> {
        Ok(None)
    }

    async fn claim(&self, _: &Grant, _: Duration) -> Result<Option<Claim>, GrantError> {
        Ok(Some(Claim { id: String::new(), tokens: None }))
    }

    async fn keep(&self, _: &Claim, rotation: &Rotation) -> Result<(), GrantError> {
        let told = self.tell(rotation);
        told.map_err(|error| GrantError { retry: Retry::Never, source: Box::new(error) })
    }

    async fn release(&self, _: &Claim, _: &Grant) -> Result<(), GrantError> {
        Ok(())
    }
}

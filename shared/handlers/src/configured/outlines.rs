//! Which streams a connection has: those of the manifest, those that the configuration asks for,
//! and those that only the API can name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connector::{Outline, Stream};
use model::config::Connection;
use model::{ConnectionId, TenantId, Timestamp};
use serde_json::Value;

use super::{Configured, Found, failed};
use crate::configuration::{LoadedSource, trial};
use crate::pull::PullError;

/// So long the API is not asked again which streams there are.
const KNOWN_FOR: Duration = Duration::from_mins(5);

/// What APIs said of their streams, by connection.
#[derive(Debug, Default)]
pub(super) struct Outlines(Mutex<HashMap<(TenantId, ConnectionId), Said>>);

/// What an API said, when, and to whom.
#[derive(Debug)]
struct Said {
    at: Timestamp,
    source: Arc<LoadedSource>,
    connection: Connection,
    outlines: Arc<Vec<Outline>>,
}

impl Configured {
    /// The outlines of the streams of a connection.
    pub(super) async fn outlines(
        &self,
        found: &Found,
        id: &ConnectionId,
    ) -> Result<Arc<Vec<Outline>>, PullError> {
        let manifest = &found.source.manifest;
        if manifest.has_fixed_streams() {
            return Ok(Arc::new(manifest.outlines().map_err(PullError::failed)?));
        }
        if !manifest.asks_for_streams() {
            let source = trial(&Value::Object(found.connection.config.clone()), &found.source)
                .map_err(failed)?;
            return Ok(Arc::new(source.streams().iter().map(Stream::outline).collect()));
        }
        let (key, now) = ((found.tenant.tenant.clone(), id.clone()), self.store.now());
        if let Some(outlines) = self.outlines.said(&key, found, now) {
            return Ok(outlines);
        }
        let source = self.source(found, id, now).await?;
        let outlines = Arc::new(source.streams().iter().map(Stream::outline).collect());
        self.outlines.keep(key, found, (now, &outlines));
        Ok(outlines)
    }
}

impl Outlines {
    /// What was said lately, when nothing has changed since.
    fn said(
        &self,
        key: &(TenantId, ConnectionId),
        found: &Found,
        now: Timestamp,
    ) -> Option<Arc<Vec<Outline>>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.get(key)?;
        let lately = now.duration_since(said.at).unsigned_abs() < KNOWN_FOR;
        let same = Arc::ptr_eq(&said.source, &found.source) && said.connection == found.connection;
        (lately && same).then(|| Arc::clone(&said.outlines))
    }

    fn keep(
        &self,
        key: (TenantId, ConnectionId),
        found: &Found,
        (at, outlines): (Timestamp, &Arc<Vec<Outline>>),
    ) {
        let said = Said {
            at,
            source: Arc::clone(&found.source),
            connection: found.connection.clone(),
            outlines: Arc::clone(outlines),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, said);
    }
}

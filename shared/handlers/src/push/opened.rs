//! A push with everything that is said about it: destination, settings, credentials, limits.

use std::sync::Arc;

use destination::{Destination, Operation, Rate, Session};
use lake::delivery::Origin;
use model::config::{PushSource, PushUse};
use model::{DestinationName, TenantId};
use request::authenticator::Caller;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::budget::{CallLimit, NamedLimit, Share};
use store::push::PushKey;

use super::{Deps, Error, intake};
use crate::configuration::{self, Configuration, resolve_config};

/// Largest answer of a destination, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// A push, ready to send.
pub(super) struct Opened {
    pub(super) key: PushKey,
    pub(super) name: DestinationName,
    pub(super) sources: Vec<PushSource>,
    pub(super) paused: bool,
    pub(super) destination: Arc<Destination>,
    pub(super) session: Session,
    pub(super) caller: Arc<Caller>,
    /// Names the credential: budgets of it are shared by all who use it.
    credential: String,
}

/// The pushes of a tenant that take what comes from there.
pub async fn pushes_of(
    configuration: &Configuration,
    tenant: &TenantId,
    origin: &Origin,
) -> Result<Vec<PushKey>, configuration::Error> {
    let file = match configuration.tenant(tenant).await {
        Ok(file) => file,
        Err(configuration::Error::Unknown { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let takes = |push: &PushUse| push.from.iter().any(|source| is_of(source, origin));
    let taking = file.pushes.iter().filter(|(_, push)| takes(push));
    let key = |push: &model::PushId| PushKey { tenant: tenant.clone(), push: push.clone() };
    Ok(taking.map(|(push, _)| key(push)).collect())
}

fn is_of(source: &PushSource, origin: &Origin) -> bool {
    match origin {
        Origin::Feed(feed) => source.feed.as_ref() == Some(feed),
        Origin::Model(model) => source.model.as_ref() == Some(model),
    }
}

/// Where records of a source come from.
pub(super) fn origin(source: &PushSource) -> Option<Origin> {
    let feed = source.feed.clone().map(Origin::Feed);
    feed.or_else(|| source.model.clone().map(Origin::Model))
}

/// A push as it is configured now; none when it is not any more.
pub(super) async fn open(deps: &Deps, key: &PushKey) -> Result<Option<Opened>, Error> {
    let file = match deps.configuration.tenant(&key.tenant).await {
        Ok(file) => file,
        Err(configuration::Error::Unknown { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(push) = file.pushes.get(&key.push) else { return Ok(None) };
    let destination = deps.configuration.destination(&push.destination).await?;
    let grants = deps.configuration.grants(&file).await?;
    let secrets = deps.outside.secrets.as_ref();
    let config = resolve_config(&push.config, &key.tenant, &grants, secrets).await?;
    let config = Value::Object(config);
    let session = destination.session(&config, deps.store.now());
    let told: [u8; 32] = Sha256::digest(config.to_string().as_bytes()).into();
    let most = destination.concurrency().get();
    let caller = deps.outside.memory.caller(key, (told, most), || {
        let (http, clock) = (Arc::clone(&deps.outside.http), Arc::clone(deps.store.clock()));
        Caller::new(http, clock, destination.timeout(), MAX_ANSWER)
    });
    Ok(Some(Opened {
        key: key.clone(),
        name: push.destination.clone(),
        sources: push.from.clone(),
        paused: push.paused,
        credential: credential(&destination, &session, &config),
        destination,
        session,
        caller,
    }))
}

/// A digest of the secrets; of all settings where there are none.
fn credential(destination: &Destination, session: &Session, config: &Value) -> String {
    let mut secrets = destination.secrets(session);
    secrets.sort();
    if secrets.is_empty() {
        secrets.push(config.to_string());
    }
    let digest = Sha256::digest(secrets.join("\n").as_bytes());
    let short = digest.iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    format!("{short:016x}")
}

impl Opened {
    /// The operation of that name.
    pub(super) fn operation(&self, name: &str) -> Result<&Operation, Error> {
        let known = name.parse().ok().and_then(|name| self.destination.operation(&name));
        let unknown = || Error::Operation { push: self.key.clone(), operation: name.to_owned() };
        known.ok_or_else(unknown)
    }

    /// What sends records of this kind from there; none when nothing does.
    pub(super) fn operation_for(&self, origin: &Origin, kind: &str) -> Option<String> {
        let source = self.sources.iter().find(|source| is_of(source, origin))?;
        let own = source.operation.as_ref().map(ToString::to_string);
        let kind = match origin {
            Origin::Feed(_) => kind,
            Origin::Model(model) => model.as_str(),
        };
        let name = own.or_else(|| self.destination.accepts(kind).map(ToString::to_string))?;
        self.operation(&name).is_ok().then_some(name)
    }

    /// Whether a file is for this push: changes of a model are found for each push apart.
    pub(super) fn takes(&self, origin: &Origin, kind: &str) -> bool {
        match origin {
            Origin::Feed(_) => true,
            Origin::Model(model) => kind == intake::kind(model, &self.key),
        }
    }

    /// The destination and the push do not go together.
    pub(super) fn failed(&self, source: destination::Error) -> Error {
        Error::Destination { push: self.key.clone(), source }
    }

    /// The tenant's share of the calls that may be made by an operation.
    pub(super) fn share(&self, deps: &Deps, operation: &Operation) -> Result<Share, Error> {
        let own = operation.rates(&self.session).map_err(|error| self.failed(error))?;
        let all = self.destination.rates(&self.session).map_err(|error| self.failed(error))?;
        let base = format!("{}#{}", self.name, self.credential);
        let own = self.limits(&format!("{base}#{}", operation.name()), own);
        let limits = own.into_iter().chain(self.limits(&base, all)).collect();
        Ok(deps.outside.budgets.share(&self.key.tenant, limits))
    }

    fn limits(&self, name: &str, rates: Vec<Rate>) -> Vec<NamedLimit> {
        let timeout = self.destination.timeout();
        let limit = |(number, rate): (usize, Rate)| NamedLimit {
            name: format!("{name}#{number}"),
            limit: CallLimit { calls: rate.calls, per: rate.per, timeout },
        };
        rates.into_iter().enumerate().map(limit).collect()
    }
}

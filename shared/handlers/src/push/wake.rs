//! Who sees to it that a push goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::config::TenantFile;
use model::{TenantId, Timestamp};
use ports::Message;
use store::push::PushKey;

use super::{Deps, Error, Outcome, Work};
use crate::configuration;

/// Has a push woken at an instant, unless somebody has undertaken to.
pub(super) async fn at(deps: &Deps, key: &PushKey, at: Timestamp) -> Result<(), Error> {
    if deps.store.undertake_wake(key, at).await? {
        send(deps, &Work::Push { push: key.clone() }, Some(at)).await?;
    }
    Ok(())
}

/// Sends work to the function's own queue.
pub(super) async fn send(
    deps: &Deps,
    work: &Work,
    not_before: Option<Timestamp>,
) -> Result<(), Error> {
    let group = match work {
        Work::Push { push } => push.tenant.to_string(),
        Work::Take { .. } | Work::Again { .. } | Work::Sweep { .. } => "-".to_owned(),
    };
    let body = serde_json::to_string(work)?;
    let message = Message { body, group, attributes: BTreeMap::new(), not_before };
    Ok(deps.queue.send_all(&[message]).await?)
}

/// Wakes every push that is configured: what an event or a message missed is found then.
pub(super) async fn sweep(deps: &Deps) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for tenant in deps.configuration.tenants().await? {
        let Some(file) = file(deps, &tenant).await? else { continue };
        for (push, _) in file.pushes.iter().filter(|(_, push)| !push.paused) {
            let push = PushKey { tenant: tenant.clone(), push: push.clone() };
            send(deps, &Work::Push { push }, None).await?;
            outcome.woken += 1;
        }
    }
    tracing::info!(woken = outcome.woken, "pushes swept");
    Ok(outcome)
}

/// A tenant's file; none where it cannot be used, which is told: one tenant's fault is not the
/// others'.
async fn file(deps: &Deps, tenant: &TenantId) -> Result<Option<Arc<TenantFile>>, Error> {
    match deps.configuration.tenant(tenant).await {
        Ok(file) => Ok(Some(file)),
        Err(error @ configuration::Error::Store(_)) => Err(error.into()),
        Err(error) => {
            tracing::error!(%tenant, %error, "a tenant's pushes are not woken");
            Ok(None)
        }
    }
}

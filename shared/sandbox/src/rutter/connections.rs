//! Connections: who is linked, and how far their first sync is.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::reply::{Refusal, mark};
use super::{RATE, connection, organisation};
use crate::account::{Account, Credentials, Organisation, Stream, accounts};
use crate::fault::send;
use crate::json::{Object, array};
use crate::params::Params;
use crate::server::{Sandbox, Shared};

type Known = &'static Organisation;

/// `GET /connections`
pub(super) async fn list(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::of(query.as_deref());
    answer(&shared, &headers, |known| {
        let wanted = params.get("status").unwrap_or("default");
        let mut items = Vec::new();
        for account in accounts().iter().filter(|account| belongs(account, known)) {
            let status = status_of(&shared, account)?;
            if ["any", "default", status].contains(&wanted) {
                items.push(item(&shared, account, status));
            }
        }
        Ok(Object::new().raw("connections", array(&items)).null("next_cursor").close())
    })
}

/// `GET /connections/status`
pub(super) async fn status(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::of(query.as_deref());
    answer(&shared, &headers, |known| {
        let (account, ready) = named(&shared, known, &params)?;
        let mut total = Object::new();
        for stream in account.streams {
            total = total.raw(stream.name(), progress(&shared, account, *stream, ready)?);
        }
        let history = Object::new()
            .raw("historical_sync_completed", ready)
            .null("num_batches_completed")
            .raw("total", total.close())
            .close();
        let status = Object::new()
            .raw("is_ready", ready)
            .raw("is_healthy", true)
            .maybe("last_sync_completed_at", ready.then(|| shared.now().millis_text()).as_deref())
            .text("link_url", "https://link.example.com")
            .text("platform", platform(account))
            .raw("needs_update_status", r#"{"needs_update":false}"#)
            .raw("disabled_status", r#"{"is_disabled":false,"disabled_reason":null}"#)
            .raw("historical_sync_status", history)
            .close();
        Ok(Object::new().raw("status", status).close())
    })
}

/// `GET /connections/access_token`
pub(super) async fn of_token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::of(query.as_deref());
    answer(&shared, &headers, |known| {
        let (account, ready) = named(&shared, known, &params)?;
        let (oldest, newest) = match account.streams.first() {
            Some(stream) => shared.world.span(account, *stream)?,
            None => (shared.now(), shared.now()),
        };
        let body = Object::new()
            .text("id", connection_id(account))
            .text("store_unique_id", account.name)
            .maybe("last_sync_completed_at", ready.then(|| shared.now().millis_text()).as_deref())
            .text("oldest_order_date", &oldest.millis_text())
            .text("newest_order_date", &newest.millis_text())
            .raw("disabled", false)
            .raw("needs_update", false)
            .text("link_url", "https://link.example.com")
            .text("platform", platform(account))
            .text("store_name", account.tenant)
            .null("store_domain")
            .null("unavailable_objects")
            .close();
        Ok(Object::new().raw("connection", body).close())
    })
}

/// `POST /item/public_token/exchange`: a public token is `public-` and the account's name.
pub(super) async fn exchange(State(shared): State<Shared>, body: Bytes) -> Response {
    #[derive(serde::Deserialize)]
    struct Exchange {
        client_id: String,
        secret: String,
        public_token: String,
    }
    let exchanged = || {
        let asked: Exchange =
            serde_json::from_slice(&body).map_err(|_| Refusal::missing("public_token"))?;
        let name = asked.public_token.strip_prefix("public-").unwrap_or_default();
        let account = Account::named(name).map_err(|_| Refusal::credentials())?;
        let Credentials::Rutter { organisation, access_token, .. } = account.credentials else {
            return Err(Refusal::credentials());
        };
        if organisation.client_id != asked.client_id || organisation.client_secret != asked.secret {
            return Err(Refusal::credentials());
        }
        let ready = shared.world.is_ready(account)?;
        Ok(Object::new()
            .text("connection_id", connection_id(account))
            .text("access_token", access_token)
            .raw("is_ready", ready)
            .text("platform", platform(account))
            .text("name", account.tenant)
            .close())
    };
    match exchanged() {
        Ok(body) => mark(send(None, body), None, None),
        Err(refusal) => refusal.response(None, None),
    }
}

fn answer(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    body: impl FnOnce(Known) -> Result<String, Refusal>,
) -> Response {
    let Some(known) = organisation(headers) else {
        return Refusal::credentials().response(None, None);
    };
    if !sandbox.limiter.admits(known.client_id, RATE, sandbox.now()) {
        return Refusal::rate_limited().response(None, Some(known));
    }
    match body(known) {
        Ok(body) => mark(send(None, body), None, Some(known)),
        Err(refusal) => refusal.response(None, Some(known)),
    }
}

fn named(
    sandbox: &Sandbox,
    known: Known,
    params: &Params,
) -> Result<(&'static Account, bool), Refusal> {
    let token = params.get("access_token").ok_or_else(|| Refusal::missing("access_token"))?;
    let account = connection(known, token).ok_or_else(Refusal::credentials)?;
    Ok((account, sandbox.world.is_ready(account)?))
}

fn belongs(account: &Account, known: Known) -> bool {
    matches!(account.credentials, Credentials::Rutter { organisation, .. } if organisation == known)
}

fn status_of(sandbox: &Sandbox, account: &Account) -> Result<&'static str, Refusal> {
    Ok(if sandbox.world.is_ready(account)? { "active" } else { "not_ready" })
}

fn platform(account: &Account) -> &'static str {
    match account.credentials {
        Credentials::Rutter { platform, .. } => platform,
        Credentials::Metrc { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            "UNKNOWN"
        }
    }
}

fn connection_id(account: &Account) -> &'static str {
    match account.credentials {
        Credentials::Rutter { connection_id, .. } => connection_id,
        Credentials::Metrc { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            ""
        }
    }
}

fn item(sandbox: &Sandbox, account: &Account, status: &str) -> String {
    let since = format!("{:.3}", sandbox.world.since());
    let Credentials::Rutter { access_token, .. } = account.credentials else {
        return "null".to_owned();
    };
    Object::new()
        .text("id", connection_id(account))
        .text("access_token", access_token)
        .text("link_url", "https://link.example.com")
        .text("platform", platform(account))
        .text("status", status)
        .text("name", account.tenant)
        .text("created_at", &since)
        .text("updated_at", &since)
        .close()
}

fn progress(
    sandbox: &Sandbox,
    account: &Account,
    stream: Stream,
    ready: bool,
) -> Result<String, Refusal> {
    let (oldest, newest) = sandbox.world.span(account, stream)?;
    Ok(Object::new()
        .text("oldest_entity_date", &oldest.millis_text())
        .text("newest_entity_date", &newest.millis_text())
        .raw("ready", ready)
        .raw("synced_count", sandbox.world.count(account, stream)?)
        .close())
}

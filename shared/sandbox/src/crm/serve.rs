//! One call of an operation, from the gate to the answer.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::accounts::CrmAccount;
use super::batch::{Batch, Twist};
use super::books::Answer;
use super::call_log::Call;
use super::fault::Fault;
use super::gate::{self, Refusal};
use super::hold;
use super::operation::Operation;
use super::settings::Settings;
use crate::dice::Dice;
use crate::fault as delivery;
use crate::journal::Caller;
use crate::params::bearer;
use crate::server::{Sandbox, Shared};

/// A call that has passed the gate.
struct Admitted<'a> {
    account: &'static CrmAccount,
    operation: Operation,
    settings: &'a Settings,
    headers: &'a HeaderMap,
    body: &'a Bytes,
    number: i64,
}

/// An answer, and what the log is to say of it.
struct Done {
    body: String,
    is_replay: bool,
    items: usize,
}

pub(super) async fn operation(
    State(shared): State<Shared>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(operation) = Operation::of_path(&path) else {
        let message = format!("no operation `{path}`");
        return Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", message).into_response();
    };
    let account = match gate::key(&headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let settings = shared.crm.settings();
    let now = shared.now();
    let number = hold(&shared.crm.log).number();
    let call = Admitted {
        account,
        operation,
        settings: &settings,
        headers: &headers,
        body: &body,
        number,
    };
    let mut entry = Call {
        at: now,
        tenant: account.tenant,
        operation,
        status: 0,
        is_counted: false,
        is_replay: false,
        items: 0,
    };
    let mut response = enter(&shared, &call, &mut entry).await;
    entry.status = response.status().as_u16();
    hold(&shared.crm.log).note(entry);
    let scope = Some(format!("crm-{}", account.tenant));
    response.extensions_mut().insert(Caller { account: None, scope });
    response
}

/// Checks the token, counts the call, and has it carried out.
async fn enter(sandbox: &Sandbox, call: &Admitted<'_>, entry: &mut Call) -> Response {
    if let Err(refusal) = gate::check(&sandbox.crm, call.headers, call.account, entry.at) {
        return refusal.into_response();
    }
    let reading = hold(&sandbox.crm.meter).count(call.account.tenant, entry.at, call.settings);
    if !reading.is_admitted {
        let message = "too many calls in the last minute";
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message);
        return reading.mark(refusal.into_response());
    }
    entry.is_counted = true;
    let seed = sandbox.world.seed().0;
    let mut dice = Dice::of(seed, "crm-fault", &[call.number]);
    let fault = hold(&sandbox.crm.faults).take(call.account.tenant, call.operation, &mut dice);
    reading.mark(meet(sandbox, call, fault.as_ref(), entry).await)
}

/// Carries the call out as far as the fault lets it.
async fn meet(
    sandbox: &Sandbox,
    call: &Admitted<'_>,
    fault: Option<&Fault>,
    entry: &mut Call,
) -> Response {
    match fault {
        Some(Fault::Status { status, retry_after }) => return status_of(*status, *retry_after),
        Some(Fault::ExpiredToken) => {
            let token = bearer(call.headers).unwrap_or_default();
            hold(&sandbox.crm.tokens).end(token);
            return gate::expired().into_response();
        }
        Some(Fault::Malformed) => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            return ([(CONTENT_TYPE, "text/html")], page).into_response();
        }
        Some(Fault::Slow { millis, committed: false }) => wait(sandbox, *millis).await,
        _ => {}
    }
    let twist = Twist {
        leaves_one_out: matches!(fault, Some(Fault::MissingRef)),
        unknown_code: match fault {
            Some(Fault::UnknownCode { code }) => Some(*code),
            _ => None,
        },
    };
    let done = match carry_out(sandbox, call, twist) {
        Ok(done) => done,
        Err(refusal) => return refusal.into_response(),
    };
    entry.is_replay = done.is_replay;
    entry.items = u32::try_from(done.items).unwrap_or(u32::MAX);
    match fault {
        Some(Fault::CommittedThen { status }) => return status_of(*status, None),
        Some(Fault::Slow { millis, committed: true }) => wait(sandbox, *millis).await,
        _ => {}
    }
    let broken = match fault {
        Some(Fault::Disconnect) => Some(delivery::Fault::Disconnect),
        Some(Fault::Truncated) => Some(delivery::Fault::Truncated),
        _ => None,
    };
    let mut response = delivery::send(broken.as_ref(), done.body);
    if done.is_replay {
        let name = HeaderName::from_static("idempotent-replay");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

async fn wait(sandbox: &Sandbox, millis: u64) {
    sandbox.world.clock().sleep(Duration::from_millis(millis)).await;
}

fn status_of(status: u16, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Refusal::new(status, "FAULT", "not now").into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    response
}

/// Carries the batch out, or gives the answer that its key has already.
fn carry_out(sandbox: &Sandbox, call: &Admitted<'_>, twist: Twist) -> Result<Done, Refusal> {
    let key = check(call)?;
    let digest = digest(call);
    let (now, kept) = (sandbox.now(), i64::from(call.settings.idempotency_seconds) * 1_000);
    let span = (now, now.plus_millis(-kept));
    let result = sandbox.crm.books.transact(call.account.tenant, |page| {
        if let Some(answer) = page.answer(key, span.1)? {
            return Ok(if answer.digest == digest {
                Ok(Done { body: answer.body, is_replay: true, items: 0 })
            } else {
                let message = "this key was used with another body";
                Err(Refusal::new(StatusCode::CONFLICT, "IDEMPOTENCY_MISMATCH", message))
            });
        }
        let batch = match read(call) {
            Ok(batch) => batch,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut dice = Dice::of(sandbox.world.seed().0, "crm-order", &[call.number]);
        let id = format!("req-{}-{}", call.account.tenant, call.number);
        let body = batch.carry_out(page, twist, (&id, &mut dice))?;
        let answer = Answer { digest: digest.clone(), body };
        page.keep(key, &answer, span)?;
        Ok(Ok(Done { body: answer.body, is_replay: false, items: batch.len() }))
    });
    let unable = |_| {
        let message = "the books cannot be read or written";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message)
    };
    result.map_err(unable)?
}

/// What can be said before the body is read.
fn check<'a>(call: &Admitted<'a>) -> Result<&'a str, Refusal> {
    let text = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    if !text("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        let message = "the content type is application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::new(status, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    if call.body.len() > call.settings.body_bytes {
        let message = format!("a body has at most {} bytes", call.settings.body_bytes);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message));
    }
    let key = text("idempotency-key").filter(|key| !key.is_empty());
    let missing = "every call carries an Idempotency-Key";
    key.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "IDEMPOTENCY_KEY_REQUIRED", missing))
}

fn read<'a>(call: &Admitted<'a>) -> Result<Batch<'a>, Refusal> {
    let batch = Batch::parse(call.operation, call.body)
        .map_err(|reason| Refusal::new(StatusCode::BAD_REQUEST, "MALFORMED_BATCH", reason))?;
    let most = call.settings.batch_items;
    if batch.len() > most {
        let message = format!("a batch has at most {most} items");
        let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BATCH_LIMIT_EXCEEDED", message);
        return Err(refusal.numbered(1060));
    }
    Ok(batch)
}

fn digest(call: &Admitted<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(call.operation.name());
    hash.update(call.body);
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

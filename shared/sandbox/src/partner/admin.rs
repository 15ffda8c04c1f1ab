//! `/__admin/partner`: the truth about a delivery.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::{Delivery, PartnerFile, delivery};
use crate::params::Params;
use crate::server::Shared;

/// Rows of a large file unless `?rows=` says otherwise.
const ROWS: usize = 400;
/// A delivery is made in memory, whole.
const MOST_ROWS: usize = 100_000;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(files))
        .route("/customers", get(customers))
        .route("/transactions", get(transactions))
        .route("/{folder}/{wave}/{name}", get(file))
}

/// A query that makes no sense.
struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0).into_response()
    }
}

/// The delivery of the world's seed, with as many rows as the query says.
fn made(shared: &Shared, query: Option<&str>) -> Result<Delivery, Refusal> {
    let rows = Params::of(query).get("rows").map_or(Ok(ROWS), str::parse);
    match rows {
        Ok(rows) if rows <= MOST_ROWS => Ok(delivery(shared.world.seed().0, rows)),
        _ => {
            let text = format!("rows is a number up to {MOST_ROWS}");
            Err(Refusal(text))
        }
    }
}

/// Every file, and what is to become of it.
async fn files(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let about = |file: &PartnerFile| {
        let companions: Vec<&String> = file.companions.iter().map(|(name, _)| name).collect();
        json!({
            "landing": file.landing, "wave": file.wave, "name": file.name,
            "special": file.special, "bytes": file.bytes.len(), "companions": companions,
            "expected": file.expected,
        })
    };
    match made(&shared, query.as_deref()) {
        Ok(made) => {
            let files: Vec<Value> = made.files.iter().map(about).collect();
            axum::Json(json!({ "files": files })).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn customers(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    made(&shared, query.as_deref())
        .map_or_else(IntoResponse::into_response, |made| lines(&made.customers))
}

async fn transactions(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    made(&shared, query.as_deref())
        .map_or_else(IntoResponse::into_response, |made| lines(&made.transactions))
}

fn lines(values: &[Value]) -> Response {
    let text: String = values.iter().flat_map(|value| [value.to_string(), "\n".into()]).collect();
    ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response()
}

/// The bytes of one file.
async fn file(
    State(shared): State<Shared>,
    Path((folder, wave, name)): Path<(String, u8, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let made = match made(&shared, query.as_deref()) {
        Ok(made) => made,
        Err(refusal) => return refusal.into_response(),
    };
    let is_meant = |file: &PartnerFile| {
        file.landing.folder() == folder && file.wave == wave && file.name == name
    };
    match made.files.into_iter().find(is_meant) {
        Some(file) => ([(CONTENT_TYPE, "application/octet-stream")], file.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

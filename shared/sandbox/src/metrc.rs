//! Metrc's API, version 2.

mod gate;
mod list;

use axum::Router;
use axum::routing::get;

use crate::server::Shared;

pub(crate) use list::Personality;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/{state}/facilities/v2", get(list::facilities))
        .route("/{state}/facilities/v2/", get(list::facilities))
        .route("/{state}/unitsofmeasure/v2/active", get(list::units))
        .route("/{state}/{area}/v2/{list}", get(list::rows))
}

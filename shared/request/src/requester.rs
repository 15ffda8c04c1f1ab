//! Requests assembled from a manifest's parts.

mod encode;

pub use encode::{quote, quote_plus};

//! Requests as data: interpolation, requesters, authenticators, response filters, decoders.
//!
//! This crate speaks the request half of the declarative manifest language, for sources and
//! destinations alike. It computes with Python-like [`value::Value`]s, because that language's
//! templates do, and behaves as airbyte-cdk does. It sends through [`ports::Http`] only where an
//! authenticator must fetch a token; everything else is the caller's.

pub mod authenticator;
pub mod component;
pub mod datetime;
pub mod decoder;
mod error;
pub mod error_handler;
pub mod interpolation;
pub mod requester;
pub mod value;

pub use error::Error;

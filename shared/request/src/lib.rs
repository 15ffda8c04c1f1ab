//! Requests as data: interpolation, requesters, authenticators, response filters, decoders.
//!
//! This crate speaks the request half of the declarative manifest language, for sources and
//! destinations alike. It computes with Python-like [`value::Value`]s, because that language's
//! templates do, and behaves as airbyte-cdk does. It sends through [`ports::Http`] only where an
//! authenticator must fetch a token; everything else is the caller's.
//!
//! ```
//! use request::interpolation::{Context, InterpolatedString};
//! use request::value::{Dict, Value};
//!
//! let config: Dict = [("shop", Value::from("acme")), ("page", Value::from(50))].into_iter().collect();
//! let context = Context::new(Value::from(config), "2024-01-06T07:08:09Z".parse()?);
//! let none = Value::empty_dict();
//! let url = InterpolatedString::new("https://{{ config.shop }}.example/v1", &none)?;
//! assert_eq!(url.text(&context)?, "https://acme.example/v1");
//! let size = InterpolatedString::new("{{ config['page'] * 2 }}", &none)?;
//! assert_eq!(size.eval(&context)?, Value::from(100));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod authenticator;
pub mod component;
pub mod datetime;
pub mod decoder;
mod error;
pub mod error_handler;
pub mod interpolation;
pub mod matcher;
pub mod requester;
pub mod value;

pub use error::Error;

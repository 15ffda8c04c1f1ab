//! Calls to providers: the one crate that knows the HTTP library.
//!
//! [`Client`] implements [`ports::Http`] and adds nothing to a call but its limits: where it may
//! go ([`Policy`], asked again at every redirect, after name resolution, with the connection
//! pinned to the addresses that passed), how long it may take, and how large its answer may be
//! once content decoding is undone. Proxies of the environment are ignored, because a proxy would
//! resolve names behind the policy's back.
//!
//! ```
//! use http::{Client, Policy};
//! let client = Client::new(Policy::with_local(&["127.0.0.1:7717".to_owned()]));
//! # let _: &dyn ports::Http = &client;
//! ```
//!
//! It is *not* a retry layer: a status is an answer, and trying again is the caller's business.

mod address;
mod client;
mod policy;
mod redirect;
mod resolver;

pub use client::Client;
pub use policy::Policy;
pub use resolver::Unresolved;

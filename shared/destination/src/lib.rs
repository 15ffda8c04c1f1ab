//! Destinations: one file an API says how items become requests and what its answers mean.
//!
//! A [`Destination`] is read from its file once, with every template, path and pattern compiled.
//! It [renders](Destination::render) items into a [`Call`] that holds no secret and can be stored
//! before it is sent, [adds credentials](Destination::authorise) when it is sent, and
//! [judges](Destination::judge) the answer: one verdict for each item, or what becomes of the
//! request as a whole. Rules of the file decide in order; what no rule knows fails and is told.
//!
//! ```
//! use destination::{Action, Answer, Attempt, Destination, Item, Next, Sent};
//! use model::document::Document;
//! use ports::Response;
//!
//! let file = r#"
//! requester: {url_base: "https://crm.example/v2"}
//! operations:
//!   ADD:
//!     path: /customers
//!     item: {ref: "{{ ref }}", customer: "{{ record }}"}
//!     body: {items: "{{ items }}"}
//!     results: [{path: results, ref: ref, code: status}]
//! rules:
//!   - {level: item, code: 200, then: succeed}
//!   - {level: item, code: 8007, then: fail}
//! "#;
//! let destination = Destination::parse(&"crm".parse()?, &Document::parse("crm.yaml", file)?)
//!     .map_err(|faults| format!("{faults:?}"))?;
//! let session = destination.session(&serde_json::json!({}), "2026-01-02T03:04:05Z".parse()?);
//! let add = destination.operation(&"ADD".parse()?).ok_or("no such operation")?;
//!
//! let items = [Item::read("f#1", "a.csv", 1, br#"{"id":7,"spent":250.00}"#)?];
//! let rendered = destination.render(add, &session, &items, 0)?.ready().ok_or("too large")?;
//! let call = rendered.call.ok_or("nothing to send")?;
//! let body = br#"{"items":[{"ref":"f#1","customer":{"id":7,"spent":250.00}}]}"#;
//! assert_eq!(call.body.as_deref(), Some(&body[..]));
//!
//! let body = br#"{"results":[{"ref":"f#1","status":200}]}"#;
//! let response = Response { status: 200, headers: Vec::new(), body: body[..].into() };
//! let attempt = Attempt::default();
//! let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.5 };
//! let judgement = destination.judge(add, &session, &sent, Ok(&response));
//! let Next::Settled(items) = judgement.next else { return Err("not settled".into()) };
//! assert_eq!(items[0].action, Action::Succeed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It sends nothing itself, except that an authenticator may fetch a token.

mod answer;
mod call;
mod destination;
mod error;
mod file;
mod job;
mod judge;
mod operation;
mod path;
mod render;
mod rule;
mod said;
mod shape;
mod verdict;

pub use call::{Call, Item, Rendered, Rendering, Unrenderable};
pub use destination::{Destination, Rate, Session};
pub use error::Error;
pub use file::schema;
pub use job::Job;
pub use judge::{Answer, Sent};
pub use operation::{BatchLimits, Operation};
pub use verdict::{Action, Attempt, Child, ItemVerdict, Judgement, Next};

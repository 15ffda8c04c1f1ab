//! Sources: Airbyte declarative manifests, interpreted.

mod api_budget;
mod catalog;
mod config;
mod cursor;
mod dpath;
mod dynamic;
mod error;
mod file_uploader;
mod manifest;
mod option;
mod outline;
mod paginator;
mod part;
mod partition_router;
pub mod protocol;
mod record_selector;
mod retriever;
mod run;
mod schema;
mod slice;
mod source;
mod state_migration;
mod stream;
mod transformation;

pub use api_budget::{ApiBudget, Rate};
pub use catalog::Catalog;
pub use config::Normalized;
pub use error::{At, Error};
pub use file_uploader::FilePath;
pub use manifest::Manifest;
pub use outline::Outline;
pub use part::BuildError;
pub use retriever::{Evidence, Page, PageReader, Record};
pub use slice::{Partition, Position, PositionKind, Slice};
pub use source::{Hosting, Limits, Rates, Runtime, Source};
pub use stream::{Stream, Tier};

#[cfg(test)]
mod tests;

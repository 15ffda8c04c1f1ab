//! Headwater on AWS: the ports over S3, DynamoDB, SQS, Secrets Manager, EventBridge Scheduler and,
//! with the feature `athena`, Athena; and the bridge to the Lambda runtime.
//!
//! [`Aws`] knows the region, the endpoints and the credentials, and makes each service's client
//! when it is first used. Adapters hold it and the name of their bucket, table or queue:
//!
//! ```
//! use std::sync::Arc;
//! use aws::{Aws, S3Store};
//! use host::Vars;
//! let vars = Vars::of(&[("AWS_REGION", "eu-west-1"), ("LAKE_BUCKET", "lake")]);
//! let aws = Arc::new(Aws::from_vars(&vars)?);
//! let lake = S3Store::new(aws, vars.required("LAKE_BUCKET")?);
//! # Ok::<(), host::VarError>(())
//! ```
//!
//! It does *not* read profiles, single sign-on or instance metadata: a function has its
//! credentials in its environment, and a person's shell gets them there with
//! `aws configure export-credentials --format env`.

#[cfg(feature = "athena")]
mod athena;
mod config;
mod dynamodb;
mod error;
pub mod lambda;
mod resources;
mod s3;
mod scheduler;
mod secrets;
mod sqs;

#[cfg(feature = "athena")]
pub use athena::{Athena, Card, Patience, Place, Tools};
pub use config::Aws;
pub use dynamodb::DynamoTable;
pub use resources::Resources;
pub use s3::S3Store;
pub use scheduler::{EventBridge, Target};
pub use secrets::SecretsManager;
pub use sqs::{QueueUrls, SqsQueue};

//! Jobs: what `schedule` enqueues and `extract` takes up.

use std::collections::BTreeMap;

use model::{Classify, ConnectionId, PlanId, Retry, StreamName, TenantId, Timestamp};
use ports::{Message, Queue, QueueError};
use serde::{Deserialize, Serialize};
use store::{Claim, StreamKey};

/// What schedules act on: a connection, or one stream that has a schedule of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Stream, when it has its own schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamName>,
}

/// Work on one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// The plan to go on with; a stream that has gone past it is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The fence that the work was enqueued under; when it has moved somebody took the work up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expects: Option<u64>,
    /// Continuations so far.
    #[serde(default)]
    pub hop: u32,
    /// Not handled before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

impl Job {
    /// The job of a claim.
    pub(crate) fn claimed(claim: Claim) -> Self {
        Self {
            stream: claim.key,
            plan: claim.plan,
            expects: Some(claim.expects),
            hop: 0,
            not_before: None,
        }
    }
}

/// A job that was not enqueued.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The queue did not take it.
    #[error("a job could not be enqueued")]
    Queue(#[from] QueueError),
    /// It could not be written down.
    #[error("a job could not be written")]
    Job(#[from] serde_json::Error),
}

impl Classify for SendError {
    fn retry(&self) -> Retry {
        match self {
            Self::Queue(error) => error.retry(),
            Self::Job(_) => Retry::Never,
        }
    }
}

/// Sends a job.
pub(crate) async fn enqueue(jobs: &dyn Queue, job: &Job) -> Result<(), SendError> {
    let message = Message {
        body: serde_json::to_string(job)?,
        group: job.stream.tenant.to_string(),
        attributes: BTreeMap::new(),
        not_before: job.not_before,
    };
    Ok(jobs.send_all(&[message]).await?)
}

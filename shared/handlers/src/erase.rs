//! Erases a person from what partners delivered and what was made of it: files as they came, their
//! records, requests that were sent, what APIs said of them. A proof says what was changed.
//!
//! All that leads to a person's records is changed before the records themselves. So an erasure
//! that died anywhere is made whole by another one, and one that finds nothing changes nothing.

mod clean;
mod original;
mod search;
mod subject;

use std::sync::Arc;

use lake::delivery::{Deed, Erased, Erasure, Left, Subject};
use lake::{CommitError, KeyFault, ReadError};
use model::{Classify, ObjectKey, Retry, TenantId};
use ports::{Attributes, ObjectError, ObjectStore, Secrets};
use store::{Store, StoreError};

use crate::configuration::{self, Configuration};

pub use subject::{Person, Wanted};

/// What it works with.
#[derive(Debug)]
pub struct Deps {
    /// Which feeds and pushes there are.
    pub configuration: Arc<Configuration>,
    /// Keys of encrypted files.
    pub secrets: Arc<dyn Secrets>,
    /// Files, records, outcomes.
    pub lake: Arc<dyn ObjectStore>,
    /// What is on its way.
    pub store: Store,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose files.
    pub tenant: TenantId,
    /// Whose records of them.
    pub person: Person,
    /// Whether it is only told what would be changed.
    pub dry: bool,
}

/// Why it was not done, or not to its end: ask once more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] configuration::Error),
    /// What is kept of a file cannot be read or written.
    #[error("`{key}` cannot be read")]
    Stored {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// Records that cannot be read.
    #[error("the records `{key}` cannot be read")]
    Part {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A line that is none of ours.
    #[error("a line of `{key}` cannot be read")]
    Line {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file of errors that cannot be read or written.
    #[error("the file of errors `{key}` cannot be read")]
    Table {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// Records cannot be packed, or no thread is to be had.
    #[error("a file cannot be read for now: {0}")]
    Machine(#[from] std::io::Error),
    /// The lake is out of reach.
    #[error(transparent)]
    Lake(#[from] ObjectError),
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Stored { .. }
            | Self::Part { .. }
            | Self::Line { .. }
            | Self::Table { .. }
            | Self::Key(_) => Retry::BadData,
            Self::Machine(_) => Retry::Backoff,
            Self::Configuration(error) => error.retry(),
            Self::Lake(error) => error.retry(),
            Self::Store(error) => error.retry(),
        }
    }
}

/// An erasure at work.
struct Work<'a> {
    deps: &'a Deps,
    question: &'a Question,
    proof: Erasure,
}

/// Erases a person; gives the proof, which stands in the lake unless it was only asked what
/// would be done.
pub async fn erase(deps: &Deps, question: &Question) -> Result<Erasure, Error> {
    let id = deps.store.ids().fresh();
    let subject = question.person.wanted().iter();
    let proof = Erasure {
        subject: subject.map(|known| Subject::of(&id, &known.field, known.value())).collect(),
        id,
        tenant: question.tenant.clone(),
        begun: deps.store.now(),
        searched: 0,
        records: 0,
        changed: Vec::new(),
        left: Vec::new(),
        ended: false,
    };
    let mut work = Work { deps, question, proof };
    work.save().await?;
    let found = work.search().await?;
    work.proof.records = found.records();
    work.clean(found).await?;
    work.proof.ended = true;
    work.save().await?;
    let Work { proof, .. } = work;
    tracing::info!(
        erasure = %proof.id, tenant = %proof.tenant, searched = proof.searched,
        records = proof.records, changed = proof.changed.len(), left = proof.left.len(),
        dry = question.dry, "erased"
    );
    Ok(proof)
}

impl Work<'_> {
    /// Puts the proof as it is by now.
    async fn save(&self) -> Result<(), Error> {
        if self.question.dry {
            return Ok(());
        }
        let key = self.proof.place().render()?;
        let body = self.proof.to_json();
        let body = body.map_err(|source| Error::Stored { key: key.clone(), source })?;
        self.deps.lake.put(&key, body, &Attributes::default()).await?;
        Ok(())
    }

    /// Replaces what stands at a key, or adds what is left of another one.
    async fn put(
        &mut self,
        (key, deed): (&ObjectKey, Deed),
        body: bytes::Bytes,
        lines: u64,
    ) -> Result<(), Error> {
        if !self.question.dry {
            let beside = match deed {
                Deed::Rewritten => self.deps.lake.head(key).await?.attributes,
                Deed::Added | Deed::Removed => Attributes::default(),
            };
            self.deps.lake.put(key, body, &beside).await?;
        }
        self.note(key, deed, lines).await
    }

    async fn remove(&mut self, key: &ObjectKey, lines: u64) -> Result<(), Error> {
        if !self.question.dry {
            self.deps.lake.delete(key).await?;
        }
        self.note(key, Deed::Removed, lines).await
    }

    async fn note(&mut self, key: &ObjectKey, deed: Deed, lines: u64) -> Result<(), Error> {
        self.proof.changed.push(Erased { key: key.clone(), deed, lines });
        self.save().await
    }

    /// Notes what may hold something of the person still.
    fn leave(&mut self, key: &ObjectKey, reason: &str) {
        self.proof.left.push(Left { key: key.clone(), reason: reason.to_owned() });
    }
}

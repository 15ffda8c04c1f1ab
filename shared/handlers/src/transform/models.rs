//! The models that there are.

use std::sync::Arc;

use futures_util::future::join_all;
use model::{ModelName, SourceName, StreamName};
use normalize::Model;

use crate::configuration::{Configuration, Error, Revised};

/// A model as it is at present.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: ModelName,
    pub(super) revised: Arc<Revised>,
}

impl Known {
    pub(super) fn model(&self) -> &Model {
        &self.revised.model
    }
}

/// All models as they are at present.
#[derive(Debug)]
pub(super) struct Models(Vec<Known>);

impl Models {
    /// Reads them. One that cannot be used holds up no other: what it would take in is found by
    /// the sweep once it is mended.
    pub(super) async fn load(configuration: &Configuration) -> Result<Self, Error> {
        let names = configuration.models().await?;
        let read = join_all(names.iter().map(|name| configuration.revised(name))).await;
        let mut all = Vec::new();
        for (name, revised) in names.into_iter().zip(read) {
            match revised {
                Ok(revised) => all.push(Known { name, revised }),
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => tracing::error!(model = %name, %error, "a model cannot be used"),
            }
        }
        Ok(Self(all))
    }

    /// Those that read a stream; of these only the named ones, where some are named.
    pub(super) fn of(
        &self,
        source: &SourceName,
        stream: &StreamName,
        named: Option<&[ModelName]>,
    ) -> Vec<&Known> {
        let reads = |known: &&Known| {
            let is_named = named.is_none_or(|names| names.contains(&known.name));
            is_named && known.model().source(source.as_str(), stream.as_str()).is_some()
        };
        self.0.iter().filter(reads).collect()
    }
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.0.iter()
    }

    pub(super) fn named(&self, name: &ModelName) -> Option<&Known> {
        self.0.iter().find(|known| known.name == *name)
    }
}

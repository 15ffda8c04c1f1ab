//! The configuration folder, read through an object store and re-read when a file changes.

mod build;
mod check;
mod customers;
mod destinations;
mod error;
mod outlines;
mod relations;
mod resolve;
mod schedules;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connector::Manifest;
use destination::Destination;
use files::Feed;
use lake::curated::Revision;
use model::config::{CustomerFile, Overlay, Settings, TenantFile};
use model::document::{Document, Fault, suggest};
use model::{FeedName, ModelName, ObjectKey, SecretRef, SourceName, TenantId, encode_segment};
use normalize::Model;
use ports::{ETag, ObjectError, ObjectStore, ObjectStoreExt};

pub(crate) use build::trial;
pub use error::{Error, Thing};
pub use relations::Relation;
pub use resolve::resolve_config;
pub use schedules::{Applied, ApplyError, SWEEP, schedules};

/// A source's two files, read.
#[derive(Debug)]
pub struct LoadedSource {
    /// What the manifest says.
    pub manifest: Manifest,
    /// What it cannot say; empty where there is no overlay.
    pub overlay: Overlay,
}

/// A standard model, and which revision of its file it is compiled from.
#[derive(Debug)]
pub struct Revised {
    /// The model.
    pub model: Arc<Model>,
    /// The revision.
    pub revision: Revision,
}

/// The configuration under one prefix of a store.
///
/// Every call asks the store whether the file is still the one that was read; a file that is not
/// is read again. So a changed file counts from the next invocation on, without a deploy.
#[derive(Debug)]
pub struct Configuration {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    read: Mutex<Cache>,
}

/// What was read, by key, with the mark of the content it was read from.
#[derive(Debug, Default)]
struct Cache {
    tenants: HashMap<ObjectKey, (ETag, Arc<TenantFile>)>,
    sources: HashMap<ObjectKey, (Marks, Arc<LoadedSource>)>,
    overlays: HashMap<ObjectKey, (ETag, Arc<Overlay>)>,
    models: HashMap<ObjectKey, (ETag, Arc<Revised>)>,
    destinations: HashMap<ObjectKey, (ETag, Arc<Destination>)>,
    feeds: HashMap<ObjectKey, (ETag, Arc<Feed>)>,
    settings: Option<(ETag, Arc<Settings>)>,
}

/// The marks of a manifest and of its overlay.
type Marks = (ETag, Option<ETag>);

impl Configuration {
    /// Configuration under a prefix, such as `config/`; the empty prefix is the store's root.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { store, prefix: prefix.to_owned(), read: Mutex::default() }
    }

    /// A tenant's file.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Arc<TenantFile>, Error> {
        let key = self.key("tenants", tenant.as_str(), ".yaml")?;
        let Some(mark) = self.mark(&key).await? else {
            let known = self.tenants().await?.iter().map(ToString::to_string).collect();
            return Err(Error::Unknown { thing: Thing::Tenant, name: tenant.to_string(), known });
        };
        if let Some((read, file)) = self.cache().tenants.get(&key)
            && *read == mark
        {
            return Ok(Arc::clone(file));
        }
        let (mark, document) = self.document(&key).await?;
        let file = Arc::new(TenantFile::parse(&document, tenant)?);
        self.cache().tenants.insert(key, (mark, Arc::clone(&file)));
        Ok(file)
    }

    /// The ids of all tenants that have a file, in order.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, Error> {
        let names = self.names("tenants").await?;
        names.iter().map(|name| name.parse().map_err(|_| self.misnamed("tenants", name))).collect()
    }

    /// A source: its manifest, checked, and its overlay.
    pub async fn source(&self, source: &SourceName) -> Result<Arc<LoadedSource>, Error> {
        let key = self.key("sources", source.as_str(), ".yaml")?;
        let extra = self.key("sources", source.as_str(), ".headwater.yaml")?;
        let Some(mark) = self.mark(&key).await? else {
            let known = self.names("sources").await?;
            return Err(Error::Unknown { thing: Thing::Source, name: source.to_string(), known });
        };
        let marks = (mark, self.mark(&extra).await?);
        if let Some((read, loaded)) = self.cache().sources.get(&key)
            && *read == marks
        {
            return Ok(Arc::clone(loaded));
        }
        let (mark, text) = self.text(&key).await?;
        let manifest = Manifest::parse(key.as_str(), &text)?;
        let (extra_mark, overlay) = match self.document(&extra).await {
            Ok((mark, document)) => (Some(mark), Overlay::parse(&document)?),
            Err(Error::Store(ObjectError::NotFound { .. })) => (None, Overlay::default()),
            Err(error) => return Err(error),
        };
        let loaded = Arc::new(LoadedSource { manifest, overlay });
        self.cache().sources.insert(key, ((mark, extra_mark), Arc::clone(&loaded)));
        Ok(loaded)
    }

    /// What is said of a source beside its manifest; the manifest is not looked at.
    pub async fn overlay(&self, source: &SourceName) -> Result<Arc<Overlay>, Error> {
        let key = self.key("sources", source.as_str(), ".headwater.yaml")?;
        let Some(mark) = self.mark(&key).await? else { return Ok(Arc::default()) };
        if let Some((read, overlay)) = self.cache().overlays.get(&key)
            && *read == mark
        {
            return Ok(Arc::clone(overlay));
        }
        let (mark, document) = self.document(&key).await?;
        let overlay = Arc::new(Overlay::parse(&document)?);
        self.cache().overlays.insert(key, (mark, Arc::clone(&overlay)));
        Ok(overlay)
    }

    /// The names of all sources that have a manifest, in order.
    pub async fn sources(&self) -> Result<Vec<SourceName>, Error> {
        let names = self.names("sources").await?;
        names.iter().map(|name| name.parse().map_err(|_| self.misnamed("sources", name))).collect()
    }

    /// A standard model, compiled.
    pub async fn model(&self, model: &ModelName) -> Result<Arc<Model>, Error> {
        Ok(Arc::clone(&self.revised(model).await?.model))
    }

    /// A standard model with its revision.
    pub async fn revised(&self, model: &ModelName) -> Result<Arc<Revised>, Error> {
        let key = self.key("models", model.as_str(), ".yaml")?;
        let Some(mark) = self.mark(&key).await? else {
            let known = self.names("models").await?;
            return Err(Error::Unknown { thing: Thing::Model, name: model.to_string(), known });
        };
        if let Some((read, compiled)) = self.cache().models.get(&key)
            && *read == mark
        {
            return Ok(Arc::clone(compiled));
        }
        let (mark, text) = self.text(&key).await?;
        let model = Arc::new(Model::parse(&Document::parse(key.as_str(), &text)?)?);
        let revision = Revision::of(model.version, text.as_bytes());
        let compiled = Arc::new(Revised { model, revision });
        self.cache().models.insert(key, (mark, Arc::clone(&compiled)));
        Ok(compiled)
    }

    /// The names of all models that have a file, in order.
    pub async fn models(&self) -> Result<Vec<ModelName>, Error> {
        let names = self.names("models").await?;
        names.iter().map(|name| name.parse().map_err(|_| self.misnamed("models", name))).collect()
    }

    /// How the files of a feed look.
    pub async fn feed(&self, feed: &FeedName) -> Result<Arc<Feed>, Error> {
        let key = self.key("feeds", feed.as_str(), ".yaml")?;
        let Some(mark) = self.mark(&key).await? else {
            let known = self.names("feeds").await?;
            return Err(Error::Unknown { thing: Thing::Feed, name: feed.to_string(), known });
        };
        if let Some((read, feed)) = self.cache().feeds.get(&key)
            && *read == mark
        {
            return Ok(Arc::clone(feed));
        }
        let (mark, document) = self.document(&key).await?;
        let feed = Arc::new(Feed::parse(&document)?);
        self.cache().feeds.insert(key, (mark, Arc::clone(&feed)));
        Ok(feed)
    }

    /// The names of all feeds that have a file, in order.
    pub async fn feeds(&self) -> Result<Vec<FeedName>, Error> {
        let names = self.names("feeds").await?;
        names.iter().map(|name| name.parse().map_err(|_| self.misnamed("feeds", name))).collect()
    }

    /// The names of all customers that have a file, in order.
    pub async fn customers(&self) -> Result<Vec<String>, Error> {
        self.names("customers").await
    }

    /// A customer's file.
    pub async fn customer(&self, customer: &str) -> Result<CustomerFile, Error> {
        let key = self.key("customers", customer, ".yaml")?;
        match self.document(&key).await {
            Ok((_, document)) => Ok(CustomerFile::parse(&document)?),
            Err(Error::Store(ObjectError::NotFound { .. })) => {
                let (name, known) = (customer.to_owned(), self.customers().await?);
                Err(Error::Unknown { thing: Thing::Customer, name, known })
            }
            Err(error) => Err(error),
        }
    }

    /// The installation's settings; all defaults when there is no file.
    pub async fn settings(&self) -> Result<Arc<Settings>, Error> {
        let key = self.object_key(format!("{}headwater.yaml", self.prefix))?;
        let Some(mark) = self.mark(&key).await? else { return Ok(Arc::default()) };
        if let Some((read, settings)) = &self.cache().settings
            && *read == mark
        {
            return Ok(Arc::clone(settings));
        }
        let (mark, document) = self.document(&key).await?;
        let settings = Arc::new(Settings::parse(&document)?);
        self.cache().settings = Some((mark, Arc::clone(&settings)));
        Ok(settings)
    }

    /// The secrets of others that a tenant refers to and that their owners grant to it.
    pub async fn grants(&self, file: &TenantFile) -> Result<Vec<SecretRef>, Error> {
        let mut granted = Vec::new();
        for used in &file.secrets {
            let Some(owner) = used.reference.tenant().filter(|owner| **owner != file.tenant) else {
                continue;
            };
            let owner = match self.tenant(owner).await {
                Ok(owner) => owner,
                Err(Error::Unknown { .. }) => continue,
                Err(error) => return Err(error),
            };
            let to = owner.grants.get(used.reference.name());
            if to.is_some_and(|tenants| tenants.contains(&file.tenant)) {
                granted.push(used.reference.clone());
            }
        }
        Ok(granted)
    }

    fn key(&self, folder: &str, name: &str, ending: &str) -> Result<ObjectKey, Error> {
        self.object_key(format!("{}{folder}/{}{ending}", self.prefix, encode_segment(name)))
    }

    fn object_key(&self, text: String) -> Result<ObjectKey, Error> {
        text.parse().map_err(|_| Error::Unknown {
            thing: Thing::File,
            name: text,
            known: vec![format!("files under `{}`", self.prefix)],
        })
    }

    /// The names of the `.yaml` files of a folder, overlays left out.
    async fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let prefix = format!("{}{folder}/", self.prefix);
        let all = self.store.list_all(&prefix).await?;
        let name = |key: &ObjectKey| {
            let file = key.as_str().strip_prefix(&prefix)?.strip_suffix(".yaml")?;
            let plain = !file.contains('/') && !file.ends_with(".headwater");
            plain.then(|| file.replace("%20", " "))
        };
        Ok(all.iter().filter_map(|meta| name(&meta.key)).collect())
    }

    fn misnamed(&self, folder: &str, name: &str) -> Error {
        let file = format!("{}{folder}/{name}.yaml", self.prefix);
        let message = "the file's name is not an id: use 1 to 64 of a-z, 0-9, `_` and `-`";
        let (field, message) = (String::new(), message.to_owned());
        Error::Faults(vec![Fault { file, line: 1, column: 1, field, message }])
    }

    /// The mark of what stands under a key now; none when nothing does.
    async fn mark(&self, key: &ObjectKey) -> Result<Option<ETag>, Error> {
        match self.store.head(key).await {
            Ok(meta) => Ok(Some(meta.etag)),
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn document(&self, key: &ObjectKey) -> Result<(ETag, Document), Error> {
        let (mark, text) = self.text(key).await?;
        Ok((mark, Document::parse(key.as_str(), &text)?))
    }

    async fn text(&self, key: &ObjectKey) -> Result<(ETag, String), Error> {
        let object = self.store.get(key).await?;
        let text = String::from_utf8(object.body.to_vec()).map_err(|error| {
            let (before, _) = object.body.split_at(error.utf8_error().valid_up_to());
            let line = before.split(|byte| *byte == b'\n').count();
            Fault {
                file: key.to_string(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: 1,
                field: String::new(),
                message: "this line is not UTF-8".to_owned(),
            }
        })?;
        Ok((object.meta.etag, text))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `did you mean`, where a known name is near enough.
fn meant(name: &str, known: &[impl AsRef<str>]) -> String {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    match suggest(name, &known) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;

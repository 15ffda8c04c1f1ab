//! Destinations, and the pushes of tenants that go to them.

use std::sync::Arc;

use destination::Destination;
use model::config::{PushSource, PushUse, TenantFile};
use model::document::{Document, Fault, Node};
use model::{DestinationName, FeedId, FeedName, ModelName};

use super::check::{Place, specified};
use super::{Configuration, Error, Thing, meant};

impl Configuration {
    /// A destination, compiled.
    pub async fn destination(&self, name: &DestinationName) -> Result<Arc<Destination>, Error> {
        let key = self.key("destinations", name.as_str(), ".yaml")?;
        let Some(mark) = self.mark(&key).await? else {
            let known = self.names("destinations").await?;
            let (thing, name) = (Thing::Destination, name.to_string());
            return Err(Error::Unknown { thing, name, known });
        };
        if let Some((read, compiled)) = self.cache().destinations.get(&key)
            && *read == mark
        {
            return Ok(Arc::clone(compiled));
        }
        let (mark, document) = self.document(&key).await?;
        let compiled = Arc::new(Destination::parse(name, &document)?);
        self.cache().destinations.insert(key, (mark, Arc::clone(&compiled)));
        Ok(compiled)
    }

    /// The names of all destinations that have a file, in order.
    pub async fn destinations(&self) -> Result<Vec<DestinationName>, Error> {
        let names = self.names("destinations").await?;
        let read = |name: &String| name.parse().map_err(|_| self.misnamed("destinations", name));
        names.iter().map(read).collect()
    }

    /// What does not fit between a tenant's pushes, its feeds, and destinations and models.
    pub(super) async fn check_pushes(
        &self,
        file: &TenantFile,
        document: &Document,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        for (id, push) in &file.pushes {
            let place = Place::new(document, "pushes", id.as_str());
            let destination = match self.destination(&push.destination).await {
                Ok(destination) => destination,
                Err(Error::Unknown { thing, name, known }) => {
                    let message = Error::Unknown { thing, name, known }.to_string();
                    faults.push(place.fault(&["destination"], message));
                    continue;
                }
                Err(Error::Faults(_)) => continue,
                Err(error) => return Err(error),
            };
            specified(&place, ("destination", destination.spec()), faults);
            self.check_from(file, (&place, push), &destination, faults).await?;
        }
        Ok(())
    }

    /// What is wrong with where a push's records come from.
    async fn check_from(
        &self,
        file: &TenantFile,
        (place, push): (&Place<'_>, &PushUse),
        destination: &Destination,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        let nodes = place.node(&["from"]).and_then(Node::items).unwrap_or_default();
        for (n, (source, node)) in push.from.iter().zip(nodes).enumerate() {
            let mut fault = |field: &str, message: String| {
                faults.push(place.item(&format!("from[{n}]"), (node, field), message));
            };
            if let Some(feed) = source.feed.as_ref().filter(|id| !file.feeds.contains_key(id)) {
                let known: Vec<&str> = file.feeds.keys().map(FeedId::as_str).collect();
                fault("feed", none("feed", feed.as_str(), &known));
            }
            if let Some(model) = &source.model {
                match self.model(model).await {
                    Ok(_) | Err(Error::Faults(_)) => {}
                    Err(error @ Error::Unknown { .. }) => fault("model", error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            let kinds = match source.feed.as_ref().and_then(|id| file.feeds.get(id)) {
                Some(used) => self.kinds(&used.feed).await?,
                None => Vec::new(),
            };
            for (field, message) in operation(source, &kinds, destination) {
                fault(field, message);
            }
        }
        Ok(())
    }

    /// The kinds of files that come from a feed; none where its own file says what is wrong.
    async fn kinds(&self, feed: &FeedName) -> Result<Vec<String>, Error> {
        match self.feed(feed).await {
            Ok(feed) => Ok(feed.kinds.iter().map(|kind| kind.name.clone()).collect()),
            Err(Error::Faults(_) | Error::Unknown { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// What is wrong with the operation that records begin with, of files of these kinds for one.
fn operation(
    source: &PushSource,
    kinds: &[String],
    destination: &Destination,
) -> Vec<(&'static str, String)> {
    let name = destination.name();
    if let Some(operation) = &source.operation {
        let known: Vec<&str> = destination.operations().map(|one| one.name().as_str()).collect();
        let message = none("operation", operation.as_str(), &known);
        let is_missing = destination.operation(operation).is_none();
        return is_missing.then_some(("operation", message)).into_iter().collect();
    }
    let known = destination.kinds().collect::<Vec<_>>().join(", ");
    let model = source.model.iter().map(ModelName::as_str);
    let unknown = model
        .chain(kinds.iter().map(String::as_str))
        .filter(|kind| destination.accepts(kind).is_none());
    let message = |kind| {
        format!(
            "`{name}` does not say which operation is for `{kind}`: name an `operation`, or add \
             it to its `accepts`, which has: {known}"
        )
    };
    unknown.map(|kind| ("operation", message(kind))).collect()
}

/// There is no such thing, but perhaps one of nearly that name.
fn none(what: &str, name: &str, known: &[&str]) -> String {
    let near = meant(name, known);
    format!("there is no {what} `{name}`{near}; there are: {}", known.join(", "))
}

#[cfg(test)]
mod tests;

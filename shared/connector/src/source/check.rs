//! `CheckStream` and `CheckDynamicStream`: whether a source answers with its configuration.

use model::StreamName;
use serde_json::{Map, Value as Json};

use super::{Hosting, Source};
use crate::error::Error;
use crate::part::{BuildError, Part};
use crate::stream::Stream;

/// The field of a configuration that names other streams to check.
const NAMES: &str = "__airbyte_check_stream_names";

/// The names that belong to the platform, not to a manifest.
const RESERVED: &str = "__airbyte";

impl Source {
    /// Reads one record of each stream that the manifest names for it, so that credentials and
    /// addresses are known to work.
    pub async fn check(&self) -> Result<(), Error> {
        let check = self.manifest.check();
        let part = Part::new(&check, "check".to_owned(), 0);
        let fault = |source| Error::Stream { stream: String::new(), source };
        let overridden = match self.overrides(&part).map_err(fault)? {
            Some(config) => {
                let Self { manifest, shared, .. } = self;
                let hosted = (shared.runtime.clone(), Hosting::default());
                Some(Self::assembled(manifest, &shared.overlay, &config, hosted).await?)
            }
            None => None,
        };
        let source = overridden.as_ref().unwrap_or(self);
        for stream in source.checked(&part)? {
            stream.check().await?;
        }
        Ok(())
    }

    /// The configuration with what the check says in its place.
    fn overrides(&self, check: &Part<'_>) -> Result<Option<Json>, BuildError> {
        let Some(overrides) = check.child("config_overrides") else { return Ok(None) };
        let Json::Object(fields) = overrides.json else {
            return Err(overrides.fault("expected a mapping".into()));
        };
        if fields.is_empty() {
            return Ok(None);
        }
        if let Some(name) = fields.keys().find(|name| name.starts_with(RESERVED)) {
            return Err(overrides.fault(format!("`{name}` belongs to the platform")));
        }
        if self.manifest.writes_configuration() {
            let message = "a source with a `refresh_token_updater` cannot override its \
                           configuration: the overrides would be stored with the tokens";
            return Err(overrides.fault(message.into()));
        }
        let mut config = match self.shared.config.to_json() {
            Json::Object(config) => config,
            _ => Map::new(),
        };
        config.extend(fields.clone());
        Ok(Some(Json::Object(config)))
    }

    /// The streams that are checked.
    fn checked(&self, check: &Part<'_>) -> Result<Vec<&Stream>, Error> {
        let fault = |source| Error::Stream { stream: String::new(), source };
        let none = || {
            let source = check.fault("there are no streams to connect to".into());
            Error::Stream { stream: String::new(), source }
        };
        if check.kind() == "CheckDynamicStream" {
            let count = count(check).map_err(fault)?.unwrap_or_default();
            if self.streams.is_empty() {
                return Err(none());
            }
            let reads = check.child("use_check_availability");
            let reads = reads.is_none_or(|reads| reads.json.as_bool() != Some(false));
            return Ok(self.streams.iter().take(if reads { count } else { 0 }).collect());
        }
        let mut checked = Vec::new();
        for name in self.names(check).map_err(fault)? {
            checked.push(self.named(&name)?);
        }
        if self.streams.is_empty() {
            return Err(none());
        }
        for config in check.children("dynamic_streams_check_configs") {
            let name = config.text("dynamic_stream_name").map_err(fault)?.unwrap_or_default();
            let Some((_, made)) = self.made.iter().find(|(known, _)| known == name) else {
                let known: Vec<&str> = self.made.iter().map(|(name, _)| name.as_str()).collect();
                let message =
                    format!("there is no dynamic stream `{name}`; there are: {}", known.join(", "));
                return Err(fault(config.fault(message)));
            };
            let most = count(&config).map_err(fault)?.unwrap_or(usize::MAX);
            for name in made.iter().take(most) {
                checked.push(self.stream(name)?);
            }
        }
        Ok(checked)
    }

    /// The names of the streams that are checked: the configuration's, else the manifest's.
    fn names(&self, check: &Part<'_>) -> Result<Vec<String>, BuildError> {
        let listed = self.shared.config.get(NAMES).and_then(|names| names.as_slice());
        if let Some(names) = listed.filter(|names| !names.is_empty()) {
            return Ok(names.iter().map(ToString::to_string).collect());
        }
        let names = check.children("stream_names").into_iter().map(|name| match name.json {
            Json::String(text) => Ok(text.clone()),
            _ => Err(name.fault("expected the name of a stream".into())),
        });
        names.collect()
    }

    fn named(&self, name: &str) -> Result<&Stream, Error> {
        let unknown = |_| Error::NoStream {
            name: name.to_owned(),
            known: self.streams.iter().map(|stream| stream.name().to_string()).collect(),
        };
        self.stream(&name.parse::<StreamName>().map_err(unknown)?)
    }
}

fn count(part: &Part<'_>) -> Result<Option<usize>, BuildError> {
    let Some(count) = part.child("stream_count") else { return Ok(None) };
    let number = count.json.as_u64().and_then(|count| usize::try_from(count).ok());
    number.map(Some).ok_or_else(|| count.fault("expected a number of streams".into()))
}

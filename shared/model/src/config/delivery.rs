//! What a tenant's file says of files that partners deliver and of records that are pushed.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Schedule;
use super::decode::{At, Decoder};
use super::tenant::SecretUse;
use crate::{DestinationName, FeedId, FeedName, ModelName, OperationName, PushId};

/// Partners' files of one place.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedUse {
    /// The file under `feeds/` that says how these files look; the id's own name when left out.
    #[schemars(with = "Option<FeedName>")]
    pub feed: FeedName,
    /// Where they arrive.
    pub from: DropPlace,
    /// What the place and the files need: `password`, `private_key` and `passphrase` of the
    /// server; `pgp_key`, `pgp_passphrase` and `signer` of encrypted files; each a value or
    /// `{secret: <reference>}`.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// When the place is looked at; every 5 minutes when left out.
    #[serde(default = "often")]
    pub schedule: Schedule,
    /// Whether it is left alone.
    #[serde(default)]
    pub paused: bool,
}

fn often() -> Schedule {
    Schedule::Every { every: Duration::from_mins(5) }
}

/// Where partners' files arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DropPlace {
    /// A folder of an SFTP server.
    Sftp(SftpPlace),
    /// Objects of the lake's bucket under a prefix: where AWS Transfer Family puts them, say.
    S3 {
        /// The prefix, such as `drop/heron/`.
        prefix: String,
    },
}

/// A folder of an SFTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpPlace {
    /// Name or address of the server.
    pub host: String,
    /// Its port; 22 when left out.
    #[serde(default = "ssh")]
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// Fingerprints of its keys, as `ssh-keygen -l` shows them (`SHA256:…`); a server with
    /// another key is refused.
    pub host_keys: Vec<String>,
    /// The folder; the one that the login leads to when left out.
    #[serde(default = "here")]
    pub path: String,
}

fn ssh() -> u16 {
    22
}

fn here() -> String {
    ".".to_owned()
}

/// Records that go to an API.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushUse {
    /// The file under `destinations/` that describes the API.
    pub destination: DestinationName,
    /// What it needs to know: values, or `{secret: <reference>}`.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// What is pushed.
    pub from: Vec<PushSource>,
    /// Whether nothing is pushed for now.
    #[serde(default)]
    pub paused: bool,
}

/// What is pushed: the records of a feed's accepted files, or the changed rows of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushSource {
    /// A feed of this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedId>,
    /// A model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// The operation that its records begin with; the destination's own choice by kind of file
    /// (`accepts`) when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationName>,
}

const FEED: &[&str] = &["feed", "from", "config", "schedule", "paused"];
const SFTP: &[&str] = &["host", "port", "user", "host_keys", "path"];
const PUSH: &[&str] = &["destination", "config", "from", "paused"];
const SOURCE: &[&str] = &["feed", "model", "operation"];

/// What is read of the tenant's file beside the section itself.
pub(super) struct Around<'a> {
    pub timezone: Option<&'a String>,
    pub secrets: &'a mut Vec<SecretUse>,
}

impl Decoder<'_> {
    pub(super) fn feeds(
        &mut self,
        at: &At<'_>,
        around: &mut Around<'_>,
    ) -> BTreeMap<FeedId, FeedUse> {
        let mut feeds = BTreeMap::new();
        for (id, at) in self.named::<FeedId>(at, "feed ids to feeds") {
            let feed = self.feed(id.as_ref(), &at, around);
            let (Some(id), Some(feed)) = (id, feed) else { continue };
            self.noted(&at, &format!("feeds.{id}"), around.secrets);
            feeds.insert(id, feed);
        }
        feeds
    }

    fn feed(&mut self, id: Option<&FeedId>, at: &At<'_>, around: &Around<'_>) -> Option<FeedUse> {
        if !self.names(at, FEED) {
            return None;
        }
        let feed = match at.field("feed") {
            Some(named) => self.parsed(&named),
            None => id.and_then(|id| self.kept(at, id.as_str().parse())),
        };
        let from = self.required(at, "from").and_then(|from| self.drop_place(&from));
        let config = at.field("config").and_then(|config| self.free_form(&config));
        let schedule = at.field("schedule").and_then(|at| self.zoned(&at, around.timezone));
        let paused = at.field("paused").and_then(|at| self.truth(&at));
        Some(FeedUse {
            feed: feed?,
            from: from?,
            config: config.unwrap_or_default(),
            schedule: schedule.unwrap_or_else(often),
            paused: paused.unwrap_or(false),
        })
    }

    fn drop_place(&mut self, at: &At<'_>) -> Option<DropPlace> {
        if !self.names(at, &["sftp", "s3"]) {
            return None;
        }
        match (at.field("sftp"), at.field("s3")) {
            (Some(sftp), None) => self.sftp(&sftp).map(DropPlace::Sftp),
            (None, Some(s3)) => {
                self.names(&s3, &["prefix"]);
                let at = self.required(&s3, "prefix")?;
                let prefix = self.text(&at)?;
                if !prefix.starts_with("drop/") || !prefix.ends_with('/') || prefix == "drop/" {
                    self.fault(&at, "accepted is a prefix such as `drop/heron/`");
                }
                Some(DropPlace::S3 { prefix })
            }
            _ => {
                self.fault(at, "accepted is either `sftp` or `s3`");
                None
            }
        }
    }

    fn sftp(&mut self, at: &At<'_>) -> Option<SftpPlace> {
        if !self.names(at, SFTP) {
            return None;
        }
        let host = self.required(at, "host").and_then(|at| self.text(&at));
        let user = self.required(at, "user").and_then(|at| self.text(&at));
        let port = at.field("port").and_then(|at| self.whole(&at, 1..=65_535));
        let keys = self.required(at, "host_keys").map(|at| self.host_keys(&at));
        let path = at.field("path").and_then(|at| self.text(&at));
        Some(SftpPlace {
            host: host?,
            port: port.and_then(|n| u16::try_from(n).ok()).unwrap_or_else(ssh),
            user: user?,
            host_keys: keys?,
            path: path.unwrap_or_else(here),
        })
    }

    /// Without a pinned key anybody on the way could read the password.
    fn host_keys(&mut self, at: &At<'_>) -> Vec<String> {
        let mut keys = Vec::new();
        let items = self.list(at);
        if items.is_empty() {
            self.fault(at, "accepted is at least one fingerprint, as `ssh-keygen -l` shows it");
        }
        for item in items {
            let Some(text) = self.text(&item) else { continue };
            if text
                .strip_prefix("SHA256:")
                .is_none_or(|rest| rest.trim_end_matches('=').len() != 43)
            {
                self.fault(
                    &item,
                    "accepted is a fingerprint `SHA256:…`, as `ssh-keygen -l` shows it",
                );
            }
            keys.push(text);
        }
        keys
    }

    pub(super) fn pushes(
        &mut self,
        at: &At<'_>,
        around: &mut Around<'_>,
    ) -> BTreeMap<PushId, PushUse> {
        let mut pushes = BTreeMap::new();
        for (id, at) in self.named::<PushId>(at, "push ids to pushes") {
            let push = self.push(&at);
            let (Some(id), Some(push)) = (id, push) else { continue };
            self.noted(&at, &format!("pushes.{id}"), around.secrets);
            pushes.insert(id, push);
        }
        pushes
    }

    fn push(&mut self, at: &At<'_>) -> Option<PushUse> {
        if !self.names(at, PUSH) {
            return None;
        }
        let destination = self.required(at, "destination").and_then(|at| self.parsed(&at));
        let config = at.field("config").and_then(|config| self.free_form(&config));
        let from = self.required(at, "from").map(|from| {
            let items = self.list(&from);
            if items.is_empty() && from.node.items().is_some() {
                self.fault(&from, "accepted is at least one feed or model");
            }
            items.iter().filter_map(|item| self.push_source(item)).collect()
        });
        let paused = at.field("paused").and_then(|at| self.truth(&at));
        Some(PushUse {
            destination: destination?,
            config: config.unwrap_or_default(),
            from: from?,
            paused: paused.unwrap_or(false),
        })
    }

    fn push_source(&mut self, at: &At<'_>) -> Option<PushSource> {
        if !self.names(at, SOURCE) {
            return None;
        }
        let source = PushSource {
            feed: at.field("feed").and_then(|at| self.parsed(&at)),
            model: at.field("model").and_then(|at| self.parsed(&at)),
            operation: at.field("operation").and_then(|at| self.parsed(&at)),
        };
        if at.field("feed").is_some() == at.field("model").is_some() {
            self.fault(at, "accepted is either `feed` or `model`");
        }
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TenantFile;
    use crate::document::Document;

    const KEY: &str = "SHA256:uNiVztksCsDhcc0u9e8BrJQb2zJ5bW8O3vY1yQmJc1o";

    fn tenant(text: &str) -> Result<TenantFile, Vec<String>> {
        let document = Document::parse("heron.yaml", text).unwrap();
        let file = TenantFile::parse(&document, &"heron".parse().unwrap());
        file.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_tenant_may_have_feeds_and_pushes_alone() {
        let text = format!(
            "feeds:\n  loyalty:\n    from: {{sftp: {{host: h, user: u, host_keys: ['{KEY}']}}}}\n    \
             config: {{password: {{secret: sftp}}}}\n\
             pushes:\n  crm:\n    destination: crm\n    config: {{key: {{secret: crm}}}}\n    \
             from: [{{feed: loyalty}}, {{model: customer, operation: UPSERT}}]\n"
        );
        let file = tenant(&text).unwrap();
        assert!(file.connections.is_empty());
        let feed = &file.feeds[&"loyalty".parse().unwrap()];
        assert_eq!((feed.feed.as_str(), &feed.schedule), ("loyalty", &often()));
        let DropPlace::Sftp(place) = &feed.from else { panic!("{:?}", feed.from) };
        assert_eq!((place.port, place.path.as_str()), (22, "."));
        let push = &file.pushes[&"crm".parse().unwrap()];
        assert_eq!(push.from[1].operation.as_ref().unwrap().as_str(), "UPSERT");
        let used: Vec<&str> = file.secrets.iter().map(|used| used.of.as_str()).collect();
        assert_eq!(used, ["feeds.loyalty", "pushes.crm"]);
    }

    #[test]
    fn faults_of_feeds_and_pushes_name_their_place() {
        let faults = tenant(
            "feeds:\n  a: {from: {sftp: {host: h, user: u, host_keys: [abc]}}}\n  b: {from: {s3: {prefix: x}}}\n\
             pushes:\n  c: {destination: crm, from: [{feed: a, model: b}]}\n  d: {destination: crm, from: []}\n",
        )
        .unwrap_err();
        let starts = [
            "heron.yaml:2:51: feeds.a.from.sftp.host_keys[0]: accepted is a fingerprint",
            "heron.yaml:3:27: feeds.b.from.s3.prefix: accepted is a prefix such as `drop/heron/`",
            "heron.yaml:5:32: pushes.c.from[0]: accepted is either `feed` or `model`",
            "heron.yaml:6:31: pushes.d.from: accepted is at least one feed or model",
        ];
        assert_eq!(faults.len(), starts.len(), "{faults:?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault}");
        }
    }

    #[test]
    fn a_tenant_without_anything_is_a_fault() {
        let faults = tenant("name: Heron\n").unwrap_err();
        assert!(faults[0].contains("`connections`"), "{faults:?}");
    }
}

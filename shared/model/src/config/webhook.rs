//! `webhook:` of an overlay: how a provider's notices are told from anybody else's, and what they
//! lead to.

use std::time::Duration;

use schemars::JsonSchema;

use super::decode::{At, Decoder};
use super::time::optional_span_schema;
use crate::StreamName;

/// What a provider sends when something has changed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// How it signs.
    pub signature: Signature,
    /// Fields of the body that name the event, such as `data.type`; the first that is there counts.
    pub event: Vec<String>,
    /// Which connection an event is about, where one address serves several; without it, the one
    /// that the address names.
    #[serde(default)]
    pub connection: Option<Subject>,
    /// What events lead to, the first that names an event counts. Others are counted and left
    /// alone.
    pub actions: Vec<HookAction>,
}

/// How a body is signed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The header that carries it.
    pub header: String,
    /// Its name within the header, where that is a list such as `t=1,v1=abc`.
    #[serde(default)]
    pub field: Option<String>,
    /// How it is computed.
    pub algorithm: Algorithm,
    /// How it is written.
    pub encoding: Encoding,
    /// The connection's config fields that hold a key, each of which may sign: while keys change,
    /// the new one and the old one.
    pub keys: Vec<String>,
    /// When it was signed, where the provider says so and signs that, too.
    #[serde(default)]
    pub timestamp: Option<SignedTime>,
    /// What is signed, with `{body}` and `{timestamp}` in their places; the body alone, unless said
    /// otherwise.
    #[serde(default)]
    pub signed: Option<String>,
}

/// How a signature is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

/// When a body was signed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedTime {
    /// The header that says it: seconds or milliseconds since 1970, or an ISO 8601 text.
    pub header: String,
    /// Its name within the header, where that is a list.
    #[serde(default)]
    pub field: Option<String>,
    /// What is older, or as much ahead, is refused; 5m unless said otherwise.
    #[serde(default)]
    #[schemars(schema_with = "optional_span_schema")]
    pub within: Option<Duration>,
}

/// Which connection an event is about: the one whose config field has the value of the event's,
/// and with whose own key the event is signed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Field of the body.
    pub event: String,
    /// Field of the connection's config.
    pub config: String,
}

/// What some events lead to.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookAction {
    /// Names of events; `*` stands for any characters.
    pub events: Vec<String>,
    /// What to do.
    #[serde(rename = "do")]
    pub reaction: Reaction,
    /// The streams to pull; all of the connection, unless said otherwise.
    #[serde(default)]
    pub streams: Vec<StreamName>,
    /// With `confirm`: how the row is asked for that the event is about.
    #[serde(default)]
    pub row: Option<RowRule>,
}

/// How a row is asked for that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowRule {
    /// Field of the body that holds its id, the value of the streams' primary key.
    pub id: String,
    /// Path below the requester's base that gives the row alone, with `{id}` in its place. It is
    /// gone where the source answers 404 or 410.
    pub path: String,
}

/// What an event leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Its streams are pulled now.
    Pull,
    /// Its streams are pulled now, and all their rows read, where they are reconciled at all: what
    /// is gone is confirmed by the source itself.
    Reconcile,
    /// Its streams are pulled now, and the row is asked for that the event is about: it is hidden
    /// if the source says that there is no such row. Where the event names no row, as `reconcile`.
    Confirm,
    /// The connection is ready: noted, and its streams are pulled now.
    Ready,
    /// The connection wants a person to sign in again: noted, and an alarm.
    NeedsUpdate,
    /// The connection was switched off: noted, and an alarm.
    Disabled,
    /// Nothing.
    Ignore,
}

impl HookAction {
    /// Whether it is meant for an event.
    pub fn names(&self, event: &str) -> bool {
        self.events.iter().any(|pattern| matches(pattern, event))
    }
}

/// Whether a pattern, in which `*` stands for any characters, covers a text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.filter_map(|at| text.get(at..)).any(|tail| matches(rest, tail))
}

const SIGNATURE: &[&str] =
    &["header", "field", "algorithm", "encoding", "keys", "timestamp", "signed"];

impl Decoder<'_> {
    pub(super) fn webhook(&mut self, at: &At<'_>) -> Option<Webhook> {
        if !self.names(at, &["signature", "event", "connection", "actions"]) {
            return None;
        }
        let signature = self.required(at, "signature");
        let signature = signature.and_then(|signature| self.signature(&signature));
        let event = self.required(at, "event").map(|event| self.texts(&event));
        let connection = at.field("connection").and_then(|subject| self.subject(&subject));
        let actions = self.required(at, "actions").map(|actions| self.list(&actions));
        let actions = actions.unwrap_or_default();
        let actions = actions.iter().filter_map(|action| self.hook_action(action)).collect();
        Some(Webhook { signature: signature?, event: event?, connection, actions })
    }

    /// A list of texts, or one.
    fn texts(&mut self, at: &At<'_>) -> Vec<String> {
        if at.node.items().is_none() {
            return self.text(at).into_iter().collect();
        }
        let items = self.list(at);
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    fn signature(&mut self, at: &At<'_>) -> Option<Signature> {
        if !self.names(at, SIGNATURE) {
            return None;
        }
        let algorithms = [
            ("hmac_sha1", Algorithm::HmacSha1),
            ("hmac_sha256", Algorithm::HmacSha256),
            ("hmac_sha512", Algorithm::HmacSha512),
        ];
        let encodings = [("base64", Encoding::Base64), ("hex", Encoding::Hex)];
        let header = self.required(at, "header").and_then(|header| self.text(&header));
        let field = at.field("field").and_then(|field| self.text(&field));
        let algorithm = self.required(at, "algorithm");
        let algorithm = algorithm.and_then(|algorithm| self.word(&algorithm, &algorithms));
        let encoding = self.required(at, "encoding");
        let encoding = encoding.and_then(|encoding| self.word(&encoding, &encodings));
        let keys = self.required(at, "keys").map(|keys| self.texts(&keys));
        let timestamp = at.field("timestamp").and_then(|time| self.signed_time(&time));
        let signed = at.field("signed").and_then(|signed| self.text(&signed));
        if let (Some(signed), Some(place)) = (&signed, at.field("signed"))
            && !(signed.contains("{body}") && signed.contains("{timestamp}") == timestamp.is_some())
        {
            let message = "a template with `{body}`, and with `{timestamp}` where `timestamp` says \
                           where that stands";
            self.fault(&place, message);
        }
        Some(Signature {
            header: header?,
            field,
            algorithm: algorithm?,
            encoding: encoding?,
            keys: keys?,
            timestamp,
            signed,
        })
    }

    fn signed_time(&mut self, at: &At<'_>) -> Option<SignedTime> {
        if !self.names(at, &["header", "field", "within"]) {
            return None;
        }
        let header = self.required(at, "header").and_then(|header| self.text(&header));
        let field = at.field("field").and_then(|field| self.text(&field));
        let within = at.field("within");
        let day = Duration::from_hours(24);
        let within = within.and_then(|span| self.span(&span, Duration::from_secs(1), day));
        Some(SignedTime { header: header?, field, within })
    }

    fn subject(&mut self, at: &At<'_>) -> Option<Subject> {
        if !self.names(at, &["event", "config"]) {
            return None;
        }
        let event = self.required(at, "event").and_then(|event| self.text(&event));
        let config = self.required(at, "config").and_then(|config| self.text(&config));
        Some(Subject { event: event?, config: config? })
    }

    fn hook_action(&mut self, at: &At<'_>) -> Option<HookAction> {
        if !self.names(at, &["events", "do", "streams", "row"]) {
            return None;
        }
        let reactions = [
            ("pull", Reaction::Pull),
            ("reconcile", Reaction::Reconcile),
            ("confirm", Reaction::Confirm),
            ("ready", Reaction::Ready),
            ("needs_update", Reaction::NeedsUpdate),
            ("disabled", Reaction::Disabled),
            ("ignore", Reaction::Ignore),
        ];
        let events = self.required(at, "events").map(|events| self.texts(&events));
        let reaction = self.required(at, "do").and_then(|to| self.word(&to, &reactions));
        let mut streams = Vec::new();
        if let Some(list) = at.field("streams") {
            for item in self.list(&list) {
                let name = self.text(&item);
                streams.extend(name.and_then(|name| self.kept(&item, name.parse())));
            }
        }
        let row = at.field("row").and_then(|row| self.row(&row));
        if at.field("row").is_some() != (reaction == Some(Reaction::Confirm)) {
            self.fault(at, "`row` and `do: confirm` need each other");
        }
        Some(HookAction { events: events?, reaction: reaction?, streams, row })
    }

    fn row(&mut self, at: &At<'_>) -> Option<RowRule> {
        if !self.names(at, &["id", "path"]) {
            return None;
        }
        let id = self.required(at, "id").and_then(|id| self.text(&id));
        let path = self.required(at, "path").and_then(|path| self.text(&path));
        if let (Some(path), Some(place)) = (&path, at.field("path"))
            && !path.contains("{id}")
        {
            self.fault(&place, "a path with `{id}` where the row's id stands");
        }
        Some(RowRule { id: id?, path: path? })
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("ORDER_*", "ORDER_DELETED") && matches("*_DELETED", "ORDER_DELETED"));
        assert!(matches("*", "") && matches("A*C", "AbbbC") && matches("A", "A"));
        assert!(!matches("ORDER_*", "PRODUCT_DELETED") && !matches("A*C", "AbbbCd"));
    }
}

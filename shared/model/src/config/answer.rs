//! Answers of a provider that mean something else than success or failure.

use schemars::JsonSchema;

use super::decode::{At, Decoder};

/// An answer, recognised by its status, its body, or both.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// Status codes, one of which it has; any when there are none.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A regular expression that its body matches.
    #[serde(default)]
    pub body: Option<String>,
}

const FIELDS: &[&str] = &["status", "body"];

impl Decoder<'_> {
    /// A list of answers, or one.
    pub(super) fn answers(&mut self, at: &At<'_>) -> Vec<AnswerRule> {
        if at.node.entries().is_some() {
            return self.answer(at).into_iter().collect();
        }
        let items = self.list(at);
        items.iter().filter_map(|item| self.answer(item)).collect()
    }

    fn answer(&mut self, at: &At<'_>) -> Option<AnswerRule> {
        if !self.names(at, FIELDS) {
            return None;
        }
        let status = match at.field("status") {
            Some(codes) if codes.node.items().is_some() => self.list(&codes),
            other => other.into_iter().collect(),
        };
        let status: Vec<u16> = status
            .iter()
            .filter_map(|code| self.whole(code, 100..=599))
            .filter_map(|code| u16::try_from(code).ok())
            .collect();
        let body = at.field("body").and_then(|body| self.text(&body));
        if status.is_empty() && body.is_none() {
            self.fault(at, "an answer needs `status`, `body`, or both");
            return None;
        }
        Some(AnswerRule { status, body })
    }
}

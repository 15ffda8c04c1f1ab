//! The overlay's rules: what an answer means that the manifest language cannot say.

use model::config::{AnswerRule, Overlay};
use ports::Response;
use regex::bytes::Regex;

/// What an answer means, by the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The data is not there yet.
    NotReady,
    /// This account has no such endpoint.
    Unsupported,
    /// There are no more records.
    End,
}

/// The rules, compiled.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    status: Vec<u16>,
    body: Option<Regex>,
    meaning: Meaning,
}

impl Rules {
    /// Compiles an overlay's rules; a pattern that is none is said.
    pub(crate) fn new(overlay: &Overlay) -> Result<Self, regex::Error> {
        let kinds = [
            (&overlay.readiness, Meaning::NotReady),
            (&overlay.unsupported, Meaning::Unsupported),
            (&overlay.end_of_data, Meaning::End),
        ];
        let rules = kinds.iter().flat_map(|(rules, meaning)| rules.iter().map(|r| (r, *meaning)));
        rules.map(|(rule, meaning)| Rule::new(rule, meaning)).collect::<Result<_, _>>().map(Self)
    }

    /// What an answer means, when a rule knows it.
    pub(crate) fn meaning(&self, response: &Response) -> Option<Meaning> {
        self.0.iter().find(|rule| rule.matches(response)).map(|rule| rule.meaning)
    }
}

impl Rule {
    fn new(rule: &AnswerRule, meaning: Meaning) -> Result<Self, regex::Error> {
        let body = rule.body.as_deref().map(Regex::new).transpose()?;
        Ok(Self { status: rule.status.clone(), body, meaning })
    }

    fn matches(&self, response: &Response) -> bool {
        (self.status.is_empty() || self.status.contains(&response.status))
            && self.body.as_ref().is_none_or(|body| body.is_match(&response.body))
    }
}

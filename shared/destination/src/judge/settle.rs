//! Verdicts of items.

use crate::answer::{Found, Reading, Results};
use crate::destination::{Destination, Session};
use crate::operation::Operation;
use crate::rule::Then;
use crate::verdict::{Action, ItemVerdict, Judgement, Next};

use super::{Sent, Taken};

/// Everything that a verdict depends on.
pub(crate) struct Fact<'f> {
    pub(crate) destination: &'f Destination,
    pub(crate) operation: &'f Operation,
    pub(crate) session: &'f Session,
    pub(crate) sent: &'f Sent<'f>,
    pub(crate) taken: &'f Taken<'f>,
}

/// What follows for an item once bounds are looked at.
pub(crate) enum Bounded {
    /// That.
    Within(Action),
    /// It has been tried often enough, in the way that the text says.
    Spent(String),
}

impl Fact<'_> {
    /// What a person is told of an answer.
    pub(crate) fn told(&self) -> String {
        let operation = self.operation.name();
        let code = self.taken.shown_code();
        match &self.taken.message {
            Some(message) => format!("{operation} was answered with {code}: {message}"),
            None => format!("{operation} was answered with {code}"),
        }
    }

    /// The same verdict for every item.
    pub(crate) fn all(&self, then: &Then) -> Judgement {
        let found = Found {
            then: Some(then.clone()),
            alarm: false,
            code: Some(self.taken.shown_code()),
            message: self.taken.message.clone(),
            entity_id: None,
            warnings: Vec::new(),
        };
        let verdict = |reference: &String| self.verdict(reference, &found);
        let items = self.sent.references.iter().map(verdict).collect();
        self.taken.judgement(Next::Settled(items))
    }

    /// An answer that no rule knows: every item fails, and a person is told.
    pub(crate) fn unknown(&self) -> Judgement {
        let mut judgement = self.all(&Then::Fail);
        judgement.unknown.push(self.taken.shown_code());
        judgement
    }

    /// No more tries: failed when it is known that nothing was done, else nobody knows.
    pub(crate) fn given_up(&self, known: bool) -> Judgement {
        let tries = self.sent.attempt.tries;
        let message = self.taken.message.clone().unwrap_or_else(|| "no usable answer".to_owned());
        let item = |reference: &String| ItemVerdict {
            reference: reference.clone(),
            action: if known { Action::Fail } else { Action::Unknown },
            code: Some(self.taken.shown_code()),
            message: Some(format!("{message} (given up after {} calls)", tries.saturating_add(1))),
            entity_id: None,
            warnings: Vec::new(),
        };
        let items = self.sent.references.iter().map(item).collect();
        let mut judgement = self.taken.judgement(Next::Settled(items));
        if !known {
            let told = self.told();
            judgement.alarms.push(format!("{told}; whether its items were taken is not known"));
        }
        judgement
    }

    /// What the answer says of each item.
    pub(crate) fn results(&self) -> Judgement {
        let Some(results) = &self.operation.results else { return self.all(&Then::Succeed) };
        let answer = (self.taken.status, &self.taken.body);
        let reading = self.operation.read(results, self.session, self.sent.references, answer);
        self.settled(results, reading)
    }

    /// One verdict an item: what was found, or what its absence means.
    pub(crate) fn settled(&self, results: &Results, reading: Reading) -> Judgement {
        let mut judgement = self.taken.judgement(Next::Split);
        judgement.strays = reading.strays;
        let (stray_code, stray) = reading.stray.unwrap_or_default();
        let mut items = Vec::with_capacity(self.sent.references.len());
        for (reference, found) in self.sent.references.iter().zip(reading.found) {
            let found = found.unwrap_or_else(|| Found {
                then: Some(results.absent.clone()),
                alarm: false,
                code: absent_code(&results.absent, stray_code.as_ref()),
                message: stray.clone().filter(|_| results.absent != Then::Succeed),
                entity_id: None,
                warnings: Vec::new(),
            });
            let code = || found.code.clone().unwrap_or_else(|| "no code".to_owned());
            if found.then.is_none() && !judgement.unknown.contains(&code()) {
                judgement.unknown.push(code());
            }
            if found.alarm {
                judgement.alarms.push(format!(
                    "{} of {reference}: {}",
                    self.operation.name(),
                    code()
                ));
            }
            items.push(self.verdict(reference, &found));
        }
        judgement.next = Next::Settled(items);
        judgement
    }

    /// The verdict of one item; what no rule knows fails.
    fn verdict(&self, reference: &str, found: &Found) -> ItemVerdict {
        let then = found.then.as_ref().unwrap_or(&Then::Fail);
        let (action, message) = match self.bounded(then) {
            Bounded::Within(action) => (action, found.message.clone()),
            Bounded::Spent(how) => {
                let message = found.message.as_ref().map(|message| format!("{message} ({how})"));
                (Action::Fail, message.or(Some(how)))
            }
        };
        ItemVerdict {
            reference: reference.to_owned(),
            action,
            code: found.code.clone(),
            message,
            entity_id: found.entity_id.clone(),
            warnings: found.warnings.clone(),
        }
    }

    /// What follows for an item, within the bounds of rules.
    fn bounded(&self, then: &Then) -> Bounded {
        let attempt = self.sent.attempt;
        Bounded::Within(match then {
            Then::Succeed => Action::Succeed,
            Then::Duplicate => Action::Duplicate,
            Then::Retry(backoff) if attempt.tries < backoff.most => {
                Action::Retry { wait: self.backoff(*backoff) }
            }
            Then::Reroute { to, most } if attempt.reroutes < *most => {
                Action::Reroute { to: to.clone() }
            }
            Then::Defer(defer) if attempt.defers < defer.most => Action::Defer { wait: defer.wait },
            Then::Retry(_) => {
                let calls = attempt.tries.saturating_add(1);
                return Bounded::Spent(format!("given up after {calls} calls"));
            }
            Then::Reroute { to, .. } => {
                return Bounded::Spent(format!("not sent on to {to}: it was sent on before"));
            }
            Then::Defer(_) => {
                return Bounded::Spent(format!("given up after waiting {} times", attempt.defers));
            }
            Then::Fail
            | Then::Yield(_)
            | Then::Split
            | Then::Bisect
            | Then::RefreshToken
            | Then::Stop => Action::Fail,
        })
    }
}

/// The code of an item that the answer does not name.
fn absent_code(absent: &Then, stray: Option<&String>) -> Option<String> {
    match absent {
        Then::Succeed | Then::Duplicate => None,
        _ => Some(stray.cloned().unwrap_or_else(|| "NO_RESULT".to_owned())),
    }
}

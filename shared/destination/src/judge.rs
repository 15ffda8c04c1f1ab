//! What an answer means: for the request as a whole, then for each item.

mod children;
mod settle;
mod wait;

use ports::{HttpError, Response};
use request::interpolation::Context;
use request::value::Value;

use crate::answer::cut;
use crate::destination::{Destination, Session};
use crate::job::Job;
use crate::operation::{Idempotency, Operation};
use crate::path::Path;
use crate::rule::{Level, Rule, Seen, Then};
use crate::said::said;
use crate::verdict::{Attempt, Judgement, Next};
pub(crate) use settle::Fact;

/// An answer, or why there is none.
pub type Answer<'a> = Result<&'a Response, &'a HttpError>;

/// What was sent, as far as the answer's meaning depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'s> {
    /// The items in the request, in order.
    pub references: &'s [String],
    /// How often they were already tried.
    pub attempt: &'s Attempt,
    /// A number in `[0, 1)`: waits are shortened by it, so that many do not end at once.
    pub chance: f64,
}

/// An answer, taken apart.
pub(crate) struct Taken<'a> {
    pub(crate) status: Option<u16>,
    pub(crate) response: Option<&'a Response>,
    pub(crate) body: Value,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl Taken<'_> {
    /// The code that verdicts show.
    pub(crate) fn shown_code(&self) -> String {
        match (&self.code, self.status) {
            (Some(code), _) => code.clone(),
            (None, Some(status)) => status.to_string(),
            (None, None) => "NO_ANSWER".to_owned(),
        }
    }

    pub(crate) fn judgement(&self, next: Next) -> Judgement {
        Judgement {
            next,
            status: self.status,
            code: self.code.clone(),
            message: self.message.clone(),
            alarms: Vec::new(),
            unknown: Vec::new(),
            strays: 0,
        }
    }
}

impl Destination {
    /// What the answer to a call means. Each item has exactly one verdict when it is settled.
    pub fn judge(
        &self,
        operation: &Operation,
        session: &Session,
        sent: &Sent<'_>,
        answer: Answer<'_>,
    ) -> Judgement {
        let taken = operation.take(answer);
        if let Some(next) = unsent(answer, sent) {
            return taken.judgement(next);
        }
        let fact = Fact { destination: self, operation, session, sent, taken: &taken };
        let rule = operation.rule(Level::Request, session, &taken);
        let usual = || Then::usual(taken.status, self.bounds.retry, self.bounds.pause);
        let Some(then) = rule.map(|rule| rule.then.clone()).or_else(usual) else {
            return fact.unknown();
        };
        let known = rule.and_then(|rule| rule.nothing_done);
        let known = known.unwrap_or(!matches!(taken.status, None | Some(408 | 500..)));
        let mut judgement = fact.whole(&then, known);
        if rule.is_some_and(|rule| rule.alarm) {
            judgement.alarms.push(fact.told());
        }
        judgement
    }
}

/// What became of a call that never went out.
fn unsent(answer: Answer<'_>, sent: &Sent<'_>) -> Option<Next> {
    match answer {
        // It went out; an answer that is too large will be as large next time.
        Ok(_)
        | Err(
            HttpError::TimedOut { .. } | HttpError::Unreachable { .. } | HttpError::TooLarge { .. },
        ) => None,
        Err(HttpError::Budget { wait, .. }) => {
            let attempt = sent.attempt.clone();
            Some(Next::Repeat { wait: *wait, known: true, pause: false, attempt })
        }
        Err(error @ (HttpError::Url { .. } | HttpError::Refused { .. })) => {
            Some(Next::Stop { reason: error.to_string() })
        }
    }
}

impl Fact<'_> {
    /// What follows for the request as a whole.
    fn whole(&self, then: &Then, known: bool) -> Judgement {
        let items = self.sent.references.len();
        let next = match then {
            Then::Succeed if self.operation.job.is_some() => return self.submitted(),
            Then::Succeed => return self.results(),
            Then::Retry(backoff) => return self.repeat(*backoff, known),
            Then::Split | Then::Bisect if items > 1 => Next::Split,
            Then::Split | Then::Bisect => return self.all(&Then::Fail),
            Then::Yield(wait) => Next::Repeat {
                wait: self.pause(*wait),
                known: true,
                pause: true,
                attempt: Attempt { refreshed: false, ..self.sent.attempt.clone() },
            },
            Then::RefreshToken if !self.sent.attempt.refreshed => {
                Next::Refresh { attempt: Attempt { refreshed: true, ..self.sent.attempt.clone() } }
            }
            Then::RefreshToken | Then::Stop => return self.stop(),
            Then::Duplicate | Then::Fail | Then::Reroute { .. } | Then::Defer(_) => {
                return self.all(then);
            }
        };
        self.taken.judgement(next)
    }

    pub(crate) fn stop(&self) -> Judgement {
        let reason = self.told();
        let mut judgement = self.taken.judgement(Next::Stop { reason: reason.clone() });
        judgement.alarms.push(reason);
        judgement
    }

    /// The same again, as often as bounds allow and as is safe.
    fn repeat(&self, backoff: crate::destination::Backoff, known: bool) -> Judgement {
        let safe = known || self.operation.idempotency != Idempotency::None;
        if !safe || self.sent.attempt.tries >= backoff.most {
            return self.given_up(known);
        }
        let attempt = Attempt {
            tries: self.sent.attempt.tries + 1,
            refreshed: false,
            ..self.sent.attempt.clone()
        };
        let wait = self.backoff(backoff);
        self.taken.judgement(Next::Repeat { wait, known, pause: false, attempt })
    }

    /// A job was taken on.
    fn submitted(&self) -> Judgement {
        let job = self.operation.job.as_ref();
        let id = job.and_then(|job| job.id.text(&self.taken.body));
        match (job, id) {
            (Some(job), Some(id)) => {
                let job_of = Job::new(id, self.session.now);
                self.taken.judgement(Next::Job { job: job_of, wait: job.every })
            }
            // It was taken on, and there is nothing to ask by.
            _ => self.given_up(false),
        }
    }
}

impl Operation {
    /// An answer taken apart; a body that is not JSON says nothing.
    pub(crate) fn take<'a>(&self, answer: Answer<'a>) -> Taken<'a> {
        match answer {
            Ok(response) => {
                let body = Value::from_json(&response.body).unwrap_or_default();
                let text = |paths: &[Path]| paths.iter().find_map(|path| path.text(&body));
                let code = text(&self.code).map(|code| cut(&code, 100));
                let message = text(&self.message).map(|message| said(&message));
                let status = Some(response.status);
                Taken { status, response: Some(response), body, code, message }
            }
            Err(error) => Taken {
                status: None,
                response: None,
                body: Value::None,
                code: None,
                message: Some(error.to_string()),
            },
        }
    }

    /// The first rule of a level that fits.
    pub(crate) fn rule(&self, level: Level, session: &Session, taken: &Taken<'_>) -> Option<&Rule> {
        let context = session.context();
        let context = Context::within(&context).with("response", taken.body.clone());
        let text = || {
            let body = taken.response.map(|response| String::from_utf8_lossy(&response.body));
            body.unwrap_or_default().into_owned()
        };
        let code = taken.code.as_deref();
        let seen = Seen { status: taken.status, code, text: &text, context: &context };
        self.rules.iter().find(|rule| rule.fits(level, &seen))
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod tests;

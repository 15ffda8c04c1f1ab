//! Requests that the destination works on after it has answered.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use ports::Method;
use request::requester::origin;
use request::value::Value;
use serde::{Deserialize, Serialize};

use crate::answer::{Found, Reading};
use crate::call::Call;
use crate::destination::{Destination, Session};
use crate::error::Error;
use crate::judge::{Answer, Fact, Sent, Taken};
use crate::operation::Operation;
use crate::path::Path;
use crate::render::{Segment, below};
use crate::rule::{Level, Then};
use crate::verdict::{Attempt, Judgement, Next};

/// How an asynchronous operation is followed.
#[derive(Debug)]
pub(crate) struct Asynchronous {
    /// Where the first answer names the job.
    pub(crate) id: Path,
    /// Where it is asked for.
    pub(crate) poll: Vec<Segment>,
    /// How often.
    pub(crate) every: Duration,
    /// For how long at most.
    pub(crate) most: Duration,
    /// Where the answer says how it stands.
    pub(crate) status: Path,
    pub(crate) running: Vec<String>,
    pub(crate) done: Vec<String>,
    pub(crate) fetch: Option<Fetch>,
}

/// Where the results of a job that is done are.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) path: Vec<Segment>,
    /// Where a page names the next one.
    pub(crate) next: Option<Path>,
    pub(crate) max_pages: u32,
}

/// A job of the destination, and how far it was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What the destination calls it.
    pub id: String,
    /// When it was handed in.
    pub since: Timestamp,
    /// The page of results that is read next; none while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
    /// What pages before said, by the item's place in the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    found: BTreeMap<usize, Found>,
    /// Entries of them that belong to no item.
    #[serde(default)]
    strays: usize,
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    number: u32,
    /// Where it is; none: where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Job {
    pub(crate) fn new(id: String, now: Timestamp) -> Self {
        Self { id, since: now, page: None, found: BTreeMap::new(), strays: 0 }
    }

    /// Takes over what a page says; what an earlier one said of an item stays.
    fn take(&mut self, reading: Reading) {
        self.strays += reading.strays;
        for (at, found) in reading.found.into_iter().enumerate() {
            if let Some(found) = found {
                self.found.entry(at).or_insert(found);
            }
        }
    }

    /// All that was said of this many items.
    fn reading(&self, items: usize) -> Reading {
        let found = (0..items).map(|at| self.found.get(&at).cloned()).collect();
        Reading { found, strays: self.strays, stray: None }
    }
}

impl Destination {
    /// The request that asks for a job: how it stands, or a page of its results. It changes
    /// nothing, so it may be sent any number of times.
    pub fn follow(
        &self,
        operation: &Operation,
        session: &Session,
        job: &Job,
    ) -> Result<Call, Error> {
        let no_job = || Error::NoJob { operation: operation.name().to_string() };
        let asynchronous = operation.job.as_ref().ok_or_else(no_job)?;
        let base = self.base(session)?;
        let context = session.context().with("job", Value::from(job.id.as_str()));
        let url = match (&job.page, &asynchronous.fetch) {
            (Some(Page { url: Some(url), .. }), _) => next_page(&base, url)?,
            (Some(_), Some(fetch)) => below(&base, &fetch.path, &context)?,
            _ => below(&base, &asynchronous.poll, &context)?,
        };
        Ok(Call {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: None,
            key: String::new(),
            references: Vec::new(),
        })
    }

    /// What the answer to such a request means for the items that were sent.
    pub fn judge_job(
        &self,
        operation: &Operation,
        session: &Session,
        sent: &Sent<'_>,
        (job, answer): (&Job, Answer<'_>),
    ) -> Judgement {
        let taken = operation.take(answer);
        let fact = Fact { destination: self, operation, session, sent, taken: &taken };
        let Some(asynchronous) = &operation.job else { return fact.given_up(false) };
        if !matches!(taken.status, Some(200..=299)) {
            return fact.not_told(asynchronous, job);
        }
        match &job.page {
            None => fact.state(asynchronous, job),
            Some(page) => fact.page(asynchronous, job, page),
        }
    }
}

impl Fact<'_> {
    /// How a job stands.
    fn state(&self, asynchronous: &Asynchronous, job: &Job) -> Judgement {
        let state = asynchronous.status.text(&self.taken.body).unwrap_or_default();
        if asynchronous.running.contains(&state) {
            return self.later(asynchronous, job, asynchronous.every);
        }
        if asynchronous.done.contains(&state) {
            if asynchronous.fetch.is_none() {
                return self.results();
            }
            let job = Job { page: Some(Page { number: 1, url: None }), ..job.clone() };
            return self.taken.judgement(Next::Job { job, wait: Duration::ZERO });
        }
        let taken = Taken {
            code: Some(state),
            body: self.taken.body.clone(),
            message: self.taken.message.clone(),
            ..*self.taken
        };
        let fact = Fact { taken: &taken, ..*self };
        match self.operation.rule(Level::Job, self.session, &taken) {
            Some(rule) => {
                let mut judgement = fact.all(&rule.then);
                if rule.alarm {
                    judgement.alarms.push(fact.told());
                }
                judgement
            }
            None => fact.unknown(),
        }
    }

    /// One page of results.
    fn page(&self, asynchronous: &Asynchronous, job: &Job, page: &Page) -> Judgement {
        let (Some(fetch), Some(results)) = (&asynchronous.fetch, &self.operation.results) else {
            return self.results();
        };
        let mut job = job.clone();
        let answer = (self.taken.status, &self.taken.body);
        job.take(self.operation.read(results, self.session, self.sent.references, answer));
        let next = fetch.next.as_ref().and_then(|path| path.text(&self.taken.body));
        let next = next.filter(|url| !url.is_empty() && page.number < fetch.max_pages);
        match next {
            Some(url) => {
                job.page = Some(Page { number: page.number + 1, url: Some(url) });
                self.taken.judgement(Next::Job { job, wait: Duration::ZERO })
            }
            None => self.settled(results, job.reading(self.sent.references.len())),
        }
    }

    /// It was not told how the job stands.
    fn not_told(&self, asynchronous: &Asynchronous, job: &Job) -> Judgement {
        let rule = self.operation.rule(Level::Request, self.session, self.taken);
        let bounds = &self.destination.bounds;
        let usual = || Then::usual(self.taken.status, bounds.retry, bounds.pause);
        match rule.map(|rule| rule.then.clone()).or_else(usual) {
            Some(Then::Retry(_) | Then::Yield(_)) => {
                self.later(asynchronous, job, self.pause(asynchronous.every))
            }
            Some(Then::RefreshToken) if !self.sent.attempt.refreshed => {
                let attempt = Attempt { refreshed: true, ..self.sent.attempt.clone() };
                self.taken.judgement(Next::Refresh { attempt })
            }
            Some(Then::Stop | Then::RefreshToken) => self.stop(),
            _ => self.given_up(false),
        }
    }

    /// Asks again, unless it took too long already.
    fn later(&self, asynchronous: &Asynchronous, job: &Job, wait: Duration) -> Judgement {
        let since = self.session.now.duration_since(job.since);
        if Duration::try_from(since).is_ok_and(|since| since >= asynchronous.most) {
            return self.given_up(false);
        }
        self.taken.judgement(Next::Job { job: job.clone(), wait })
    }
}

/// The URL of a page that the destination names: on its own host, because credentials go along.
fn next_page(base: &str, url: &str) -> Result<String, Error> {
    let named = request::requester::join(base, url);
    let (found, allowed) = (origin(&named)?, origin(base)?);
    if found == allowed {
        return Ok(named);
    }
    Err(Error::Request(request::Error::ForeignHost {
        found: format!("{}://{}", found.0, found.1),
        allowed: format!("{}://{}", allowed.0, allowed.1),
    }))
}

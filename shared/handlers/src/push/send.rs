//! One batch: its request stored and sent, its answer judged, what came of it stored, its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use destination::{
    Answer, Attempt, Call, Job, Judgement, Next, Operation, Rendered, Rendering, Sent,
};
use model::{Classify, Metric, Retry, Timestamp};
use ports::{HttpError, Request, Response};
use store::budget::Permit;
use store::push::{Group, Held, OpenBatch};

use super::Error;
use super::book::{self, Loaded};
use super::round::Pass;
use super::verdict::{Judged, Made, attempt, halves};

mod end;

use end::again;

/// Pause after a credential could not be had.
const NO_CREDENTIAL: Duration = Duration::from_secs(10);

/// What sending a batch came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) calls: u64,
    pub(super) items: u64,
}

/// A batch at work.
struct Sending<'a> {
    pass: &'a Pass<'a>,
    group: Arc<Group>,
    operation: &'a Operation,
    items: Vec<Loaded>,
    waited: Duration,
}

/// A request that is ready, or what became of the batch without one.
enum Prepared {
    Ready(Held, Call, Judged),
    Settled(Held, Judged),
    Lost,
}

/// An answer, with when its call was sent.
struct Answered {
    answer: Result<Response, HttpError>,
    sent: Timestamp,
}

/// Sends a batch.
#[tracing::instrument(skip_all, fields(batch = %held.batch.id, round = held.batch.round))]
pub(super) async fn send(
    pass: &Pass<'_>,
    held: Held,
    (permit, waited): (Permit, Duration),
) -> Result<Ended, Error> {
    let Some(group) = pass.group(&held.batch.group) else { return Ok(Ended::default()) };
    let operation = pass.opened.operation(&held.batch.operation)?;
    let items = book::items(pass, &group, &held.batch).await?;
    let sending = Sending { pass, group, operation, items, waited };
    // Whoever had the batch before may have said what came of it, and died.
    if held.batch.fence > 1
        && let Some(outcome) = book::outcome(pass, (&sending.group, &held.batch)).await?
    {
        return sending.finish(&held, &outcome).await;
    }
    if let Some(job) = held.batch.job.clone() {
        return sending.ask(held, &job, permit).await;
    }
    match sending.prepare(held).await? {
        Prepared::Lost => Ok(Ended::default()),
        Prepared::Settled(held, judged) => sending.conclude(&held, (judged, Made::default())).await,
        Prepared::Ready(held, call, judged) => sending.call(held, (call, judged), permit).await,
    }
}

impl Sending<'_> {
    /// The request of the round: the one that is stored, or a new one that is stored now.
    async fn prepare(&self, held: Held) -> Result<Prepared, Error> {
        let superseded = self.superseded().await?;
        let is_superseded = |loaded: &&Loaded| superseded.contains(&loaded.reference);
        let bad = |loaded: &&Loaded| loaded.record.is_none();
        let unrenderable: Vec<_> = self.items.iter().filter(bad).map(no_record).collect();
        let mut judged =
            Judged { superseded: superseded.clone(), unrenderable, ..Judged::default() };
        if let Some(intent) = held.batch.intent.clone() {
            let call = book::intended(self.pass, &intent).await?;
            if let Some(verdicts) = self.unsafe_again(&held.batch, &call) {
                judged.verdicts = verdicts;
                return Ok(Prepared::Settled(held, judged));
            }
            let carried: HashSet<&String> = call.references.iter().collect();
            judged.superseded.retain(|reference| !carried.contains(reference));
            judged.unrenderable.extend(self.left_out(&call, &judged));
            return Ok(Prepared::Ready(held, call, judged));
        }
        let sendable = self.items.iter().filter(|loaded| !is_superseded(loaded));
        let items: Vec<_> = sendable.filter_map(|loaded| loaded.record.clone()).collect();
        let session = &self.pass.opened.session;
        let rendering =
            self.pass.opened.destination.render(self.operation, session, &items, held.batch.round);
        let call = match rendering.map_err(|error| self.pass.opened.failed(error))? {
            Rendering::Ready(Rendered { call, unrenderable }) => {
                judged.unrenderable.extend(unrenderable);
                call
            }
            Rendering::Split => {
                let all: Vec<String> = items.iter().map(|item| item.reference.clone()).collect();
                let name = self.operation.name();
                judged.children = halves(name, &all, &attempt(&held.batch));
                None
            }
        };
        let Some(call) = call else { return Ok(Prepared::Settled(held, judged)) };
        let on = (self.group.as_ref(), &held.batch);
        let (intent, call) = book::intend(self.pass, on, call).await?;
        let note = |batch: &mut OpenBatch| batch.intent = Some(intent);
        let key = &self.pass.opened.key;
        Ok(match self.pass.deps.store.change_batch(key, held, note).await? {
            Some(held) => {
                let carried: HashSet<&String> = call.references.iter().collect();
                judged.superseded.retain(|reference| !carried.contains(reference));
                Prepared::Ready(held, call, judged)
            }
            None => Prepared::Lost,
        })
    }

    /// Items that a stored request does not carry although nobody has said why: they could not
    /// be put into it.
    fn left_out(&self, call: &Call, judged: &Judged) -> Vec<destination::Unrenderable> {
        let is_left = |loaded: &&Loaded| {
            loaded.record.is_some()
                && !call.references.contains(&loaded.reference)
                && !judged.superseded.contains(&loaded.reference)
        };
        let told = |loaded: &Loaded| destination::Unrenderable {
            reference: loaded.reference.clone(),
            code: "BAD_DATA".to_owned(),
            message: "it cannot be put into a request".to_owned(),
        };
        self.items.iter().filter(is_left).map(told).collect()
    }

    /// Verdicts of a batch that may have been sent by somebody who died, where sending it again
    /// could do it twice.
    fn unsafe_again(
        &self,
        batch: &OpenBatch,
        call: &Call,
    ) -> Option<Vec<destination::ItemVerdict>> {
        if !batch.doubt {
            return None;
        }
        let silence = HttpError::TimedOut { host: String::new(), after: Duration::ZERO };
        match self.judge(&attempt(batch), &call.references, Err(&silence)).next {
            Next::Settled(verdicts)
                if verdicts.iter().any(|v| v.action == destination::Action::Unknown) =>
            {
                Some(verdicts)
            }
            _ => None,
        }
    }

    /// Items of a late file of which a newer one is at the destination already.
    async fn superseded(&self) -> Result<Vec<String>, Error> {
        if !self.group.late {
            return Ok(Vec::new());
        }
        let (store, key) = (&self.pass.deps.store, &self.pass.opened.key);
        let mut newer = HashSet::new();
        for group in store.groups_after(key, &self.group.order).await? {
            let mut after: Option<String> = None;
            loop {
                let (done, next) = store.done_batches(key, &group, after.as_deref()).await?;
                newer.extend(done.iter().flat_map(|done| done.entities.iter()));
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        let is_old = |loaded: &&Loaded| {
            let entity = loaded.entity(self.pass, self.operation);
            entity.is_some_and(|entity| newer.contains(&entity))
        };
        Ok(self.items.iter().filter(is_old).map(|loaded| loaded.reference.clone()).collect())
    }

    fn judge(&self, attempt: &Attempt, references: &[String], answer: Answer<'_>) -> Judgement {
        let opened = self.pass.opened;
        let sent = Sent { references, attempt, chance: self.pass.deps.store.ids().chance() };
        opened.destination.judge(self.operation, &opened.session, &sent, answer)
    }

    /// Sends the request and acts on its answer.
    async fn call(
        &self,
        held: Held,
        (call, judged): (Call, Judged),
        permit: Permit,
    ) -> Result<Ended, Error> {
        let Some(request) = self.authorised(&call, &held).await? else {
            return Ok(Ended::default());
        };
        if !self.is_in_time(&held.batch) {
            return self.put_off(held, Duration::ZERO).await;
        }
        let answered = self.answered(permit, request).await;
        if let Err(HttpError::Budget { wait, .. }) = &answered.answer {
            return self.put_off(held, *wait).await;
        }
        let attempt = attempt(&held.batch);
        let judgement = self.judge(&attempt, &call.references, answered.answer.as_ref());
        let children = self.children(&attempt, &call.references, &judgement);
        self.act(held, (judged, judgement, children), &answered).await
    }

    /// Asks what has become of a job.
    async fn ask(
        &self,
        held: Held,
        job: &serde_json::Value,
        permit: Permit,
    ) -> Result<Ended, Error> {
        let opened = self.pass.opened;
        let job: Job = serde_json::from_value(job.clone())?;
        let Some(intent) = held.batch.intent.clone() else { return Ok(Ended::default()) };
        let submitted = book::intended(self.pass, &intent).await?;
        let call = opened.destination.follow(self.operation, &opened.session, &job);
        let call = call.map_err(|error| opened.failed(error))?;
        let Some(request) = self.authorised(&call, &held).await? else {
            return Ok(Ended::default());
        };
        let answered = self.answered(permit, request).await;
        if let Err(HttpError::Budget { wait, .. }) = &answered.answer {
            return self.put_off(held, *wait).await;
        }
        let attempt = attempt(&held.batch);
        let chance = self.pass.deps.store.ids().chance();
        let sent = Sent { references: &submitted.references, attempt: &attempt, chance };
        let answer = answered.answer.as_ref();
        let (operation, session) = (self.operation, &opened.session);
        let judgement = opened.destination.judge_job(operation, session, &sent, (&job, answer));
        let children = self.children(&attempt, &submitted.references, &judgement);
        let mut judged = Judged::default();
        let has_none = |loaded: &&Loaded| loaded.record.is_none();
        judged.unrenderable = self.items.iter().filter(has_none).map(no_record).collect();
        judged.unrenderable.extend(self.left_out(&submitted, &judged));
        self.act(held, (judged, judgement, children), &answered).await
    }

    fn children(
        &self,
        attempt: &Attempt,
        references: &[String],
        judgement: &Judgement,
    ) -> Vec<destination::Child> {
        let sent = Sent { references, attempt, chance: 0.0 };
        self.pass.opened.destination.children(self.operation, &sent, judgement)
    }

    /// The request with its credential; none when there is no credential to be had now.
    async fn authorised(&self, call: &Call, held: &Held) -> Result<Option<Request>, Error> {
        let opened = self.pass.opened;
        let request = opened.destination.authorise(&opened.caller, &opened.session, call).await;
        let error = match request {
            Ok(request) => return Ok(Some(request)),
            Err(error) => error,
        };
        tracing::warn!(%error, "no credential");
        if matches!(error.retry(), Retry::Never | Retry::BadData) {
            self.stop(&error.to_string()).await?;
        }
        let wait = NO_CREDENTIAL.mul_f64(0.5 + self.pass.deps.store.ids().chance());
        self.put_off(held.clone(), wait).await?;
        Ok(None)
    }

    /// Whether the lease outlasts a call that is sent now.
    fn is_in_time(&self, batch: &OpenBatch) -> bool {
        let store = &self.pass.deps.store;
        let longest = self.pass.opened.destination.timeout() + store.timing().skew;
        let ends = store.now().checked_add(longest).unwrap_or(Timestamp::MAX);
        batch.lease.as_ref().is_some_and(|lease| ends < lease.until)
    }

    async fn answered(&self, permit: Permit, request: Request) -> Answered {
        let deps = self.pass.deps;
        let sent = deps.store.now().max(permit.free_from());
        let answer = permit.send(deps.outside.http.as_ref(), request).await;
        let status = answer.as_ref().map(|response| response.status).ok();
        let key = &self.pass.opened.key;
        match status {
            Some(429) => deps.metrics.count(Metric::CallsThrottled, 1),
            Some(status) => deps.outside.memory.heed(key, status < 500),
            None => deps.outside.memory.heed(key, matches!(answer, Err(HttpError::Budget { .. }))),
        }
        Answered { answer, sent }
    }

    /// Nothing was sent: the batch goes later, as it is.
    async fn put_off(&self, held: Held, wait: Duration) -> Result<Ended, Error> {
        let until = self.pass.deps.store.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        self.changed(held, |batch| {
            batch.not_before = until;
            // The request is known not to have been sent, unless somebody before may have.
            batch.intent = batch.intent.take().filter(|_| batch.doubt || batch.job.is_some());
        })
        .await
    }

    async fn changed(
        &self,
        held: Held,
        change: impl FnOnce(&mut OpenBatch) + Send,
    ) -> Result<Ended, Error> {
        let given_up = |batch: &mut OpenBatch| {
            batch.lease = None;
            change(batch);
        };
        let key = &self.pass.opened.key;
        self.pass.deps.store.change_batch(key, held, given_up).await?;
        Ok(Ended::default())
    }

    /// Does what an answer asks for.
    async fn act(
        &self,
        held: Held,
        (mut judged, judgement, children): (Judged, Judgement, Vec<destination::Child>),
        answered: &Answered,
    ) -> Result<Ended, Error> {
        self.tell(&judgement);
        let one = Ended { calls: 1, items: 0 };
        let wait_until =
            |wait: Duration| self.pass.deps.store.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        match judgement.next {
            Next::Settled(verdicts) => judged.verdicts = verdicts,
            Next::Split => {}
            Next::Repeat { wait, known, attempt, .. } => {
                let until = wait_until(wait);
                self.changed(held, |batch| again(batch, until, known, &attempt)).await?;
                return Ok(one);
            }
            Next::Refresh { attempt } => {
                let opened = self.pass.opened;
                let forgot = opened.destination.forget_token(&opened.caller, &opened.session).await;
                forgot.map_err(|error| opened.failed(error))?;
                let until = wait_until(Duration::ZERO);
                self.changed(held, |batch| again(batch, until, true, &attempt)).await?;
                return Ok(one);
            }
            Next::Stop { reason } => {
                let until = self.stop(&reason).await?;
                let attempt = Attempt { refreshed: false, ..attempt(&held.batch) };
                self.changed(held, |batch| again(batch, until, true, &attempt)).await?;
                return Ok(one);
            }
            Next::Job { job, wait } => {
                let job = serde_json::to_value(job)?;
                let until = wait_until(wait);
                self.changed(held, |batch| {
                    batch.job = Some(job);
                    batch.not_before = until;
                })
                .await?;
                return Ok(one);
            }
        }
        judged.children = children;
        let made = Made {
            status: judgement.status,
            at: Some(answered.sent),
            waited_ms: u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX),
        };
        let ended = self.conclude(&held, (judged, made)).await?;
        Ok(Ended { calls: 1, ..ended })
    }
}

/// Why an item without a record is not sent.
fn no_record(loaded: &Loaded) -> destination::Unrenderable {
    let (code, message) = if loaded.is_erased {
        ("ERASED", "the record was erased before it was sent")
    } else {
        ("BAD_DATA", "the record is no JSON")
    };
    destination::Unrenderable {
        reference: loaded.reference.clone(),
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

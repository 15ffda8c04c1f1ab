//! One slice's job: made, watched until it is done, made again where it failed, cleared away.

use std::time::Duration;

use model::Timestamp;
use ports::Request;
use request::interpolation::Context;
use request::requester::Options;
use request::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::{Created, no_object, response, scoped};
use super::slots::Slot;
use super::{Job, Status};
use crate::error::{At, Error};
use crate::retriever::fetch::{Answer, pause};
use crate::slice::{Position, PositionKind};
use crate::stream::Core;

/// Time between looks at a job.
const INTERVAL: Duration = Duration::from_secs(5);

/// Jobs that are made for one slice, the failed ones counted.
const MAX_ATTEMPTS: u32 = 3;

/// A slice's job, as far as it has come.
#[derive(Debug)]
pub(crate) struct JobWalk {
    attempt: u32,
    created: Option<Created>,
    /// Room for it among the source's jobs, from before it is made until it is done.
    slot: Option<Slot>,
    /// How often it was looked at here.
    looks: u64,
    not_before: Option<Timestamp>,
    finished: Option<Finished>,
    /// Which of the targets is being downloaded.
    target: usize,
    /// Whether pages of it were read before: then another job will not do.
    bound: bool,
    /// Whether it was made by another process, and not looked at here yet.
    resumed: bool,
    end: Option<End>,
}

/// Why there is nothing more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Read,
    Skipped,
}

/// A job that is done.
#[derive(Debug)]
struct Finished {
    response: Value,
    targets: Vec<Value>,
}

/// A place in a job's downloads, to go on from in another process.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// None when its answer is too large to be kept.
    job: Option<Created>,
    attempt: u32,
    target: usize,
    token: Json,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is not done.
    Waiting,
    /// There is a target to be downloaded.
    Ready,
    /// There is nothing more to be downloaded.
    Ended,
}

impl JobWalk {
    /// From the start, or from a place; gives token and number of the page there, too.
    pub(crate) fn new(from: Option<&Position>) -> (Self, Value, u64) {
        let mut walk = Self {
            attempt: 1,
            created: None,
            slot: None,
            looks: 0,
            not_before: None,
            finished: None,
            target: 0,
            bound: false,
            resumed: false,
            end: None,
        };
        let Some(position) = from.filter(|position| position.kind != PositionKind::First) else {
            return (walk, Value::None, 0);
        };
        let place: Option<Place> = serde_json::from_value(position.token.clone()).ok();
        let place = place.unwrap_or(Place { job: None, attempt: 1, target: 0, token: Json::Null });
        walk.bound = place.target > 0 || !place.token.is_null() || place.job.is_none();
        walk.resumed = true;
        (walk.attempt, walk.target, walk.created) = (place.attempt, place.target, place.job);
        (walk, Value::from(&place.token), position.page)
    }

    /// Whether the source had nothing to make.
    pub(crate) fn skipped(&self) -> bool {
        self.end == Some(End::Skipped)
    }

    /// Takes the job one step further: one call, or one wait.
    pub(crate) async fn advance(
        &mut self,
        core: &Core,
        slice: &Value,
        at: &At,
    ) -> Result<Step, Error> {
        let Some(job) = &core.job else { return Ok(Step::Ready) };
        if self.end.is_some() {
            return Ok(Step::Ended);
        }
        if let Some(finished) = &self.finished {
            if self.target < finished.targets.len() {
                return Ok(Step::Ready);
            }
            self.end = Some(End::Read);
            self.clear(job.delete.as_ref(), slice, at).await;
            return Ok(Step::Ended);
        }
        let most = core.shared.runtime.limits.max_pages;
        if self.looks > most {
            let message = format!("the job is not done after {most} looks");
            return Err(Error::Endless { at: at.clone(), message });
        }
        match self.created.clone() {
            Some(mut created) => {
                if job.reads_requests && created.request.is_none() {
                    // It was made by another process: what it was asked for with is known still.
                    created.request = Some(Box::new(asked_for(&job.creation, slice, at).await?));
                    self.created = Some(created.clone());
                }
                self.look(job, core, (&created, slice), at).await
            }
            None => self.create(job, core, slice, at).await,
        }
    }

    /// Goes on to the next target.
    pub(crate) fn next_target(&mut self) {
        self.target += 1;
        self.bound = true;
    }

    /// Whether there is a target after the present one.
    pub(crate) fn has_more(&self) -> bool {
        let targets = self.finished.as_ref().map_or(0, |finished| finished.targets.len());
        self.target + 1 < targets
    }

    /// What templates see of the job, besides the slice.
    pub(crate) fn names<'c>(&self, context: Context<'c>, slice: &Value) -> Context<'c> {
        let mut names = self.creation();
        if let Some(finished) = &self.finished {
            let target = finished.targets.get(self.target).cloned().unwrap_or_default();
            names.push(("download_target", target));
            names.push(("polling_response", finished.response.clone()));
        }
        scoped(context, slice, &names)
    }

    /// The place of a page of a target: the present one, or so many after it.
    pub(crate) fn position(&self, token: &Value, page: u64, after: usize) -> Position {
        let target = self.target + after;
        if self.created.is_none() {
            return Position::FIRST;
        }
        let job = self.created.clone().filter(Created::is_kept);
        let place = Place { job, attempt: self.attempt, target, token: token.to_json() };
        let token = serde_json::to_value(place).unwrap_or_default();
        Position { kind: PositionKind::Cursor, token, page, window: None }
    }

    fn creation(&self) -> Vec<(&'static str, Value)> {
        let value = self.created.as_ref().and_then(Created::value);
        value.into_iter().map(|value| ("creation_response", value)).collect()
    }

    async fn create(
        &mut self,
        job: &Job,
        core: &Core,
        slice: &Value,
        at: &At,
    ) -> Result<Step, Error> {
        let runtime = &core.shared.runtime;
        if self.bound {
            return Err(gone(at));
        }
        let early = self.not_before.is_some_and(|instant| runtime.clock.now() < instant);
        if !early && self.slot.is_none() {
            self.slot = core.shared.jobs.take();
        }
        if early || self.slot.is_none() {
            self.wait(core, at).await?;
            return Ok(Step::Waiting);
        }
        let created = match call(&job.creation, slice, &[], at).await {
            Ok(answer) => Created::of(&answer, at),
            Err(error) => Err(error),
        };
        match created {
            Ok(created) => self.created = Some(created),
            Err(error) if self.attempt < MAX_ATTEMPTS && may_be_made(&error) => {
                tracing::warn!(stream = at.stream, %error, "no job; there will be another try");
                self.attempt += 1;
                self.wait(core, at).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Step::Waiting)
    }

    async fn look(
        &mut self,
        job: &Job,
        core: &Core,
        (created, slice): (&Created, &Value),
        at: &At,
    ) -> Result<Step, Error> {
        if self.looks > 0 {
            self.wait(core, at).await?;
        }
        self.looks += 1;
        let age = core.shared.runtime.clock.now().duration_since(created.at).unsigned_abs();
        // A job that pages were read of was done in time.
        if age > job.timeout && !self.bound {
            return self
                .again(job, core, (Status::Overdue, "it was not done in time", slice), at)
                .await;
        }
        let answer = call(&job.polling, slice, &self.creation(), at).await?;
        let word = extracted(&job.polling, &answer, at)?.into_iter().next().unwrap_or_default();
        let word = word.to_string();
        let Some(status) = job.statuses.get(&word).copied() else {
            let message = format!("the job's status `{word}` is not in `status_mapping`");
            return Err(Error::Shape { at: at.clone(), message });
        };
        match status {
            Status::Running => {
                self.resumed = false;
                return Ok(Step::Waiting);
            }
            Status::Failed | Status::TimedOut | Status::Overdue => {
                return self.again(job, core, (status, &word, slice), at).await;
            }
            Status::Skipped => self.end = Some(End::Skipped),
            Status::Completed => {
                let request = answer.request.as_deref();
                let response = response(&answer.body, &answer.headers, request);
                let response = response.ok_or_else(|| no_object(at))?;
                let targets = self.targets(job, &response, &answer, at).await?;
                self.finished = Some(Finished { response, targets });
            }
        }
        self.slot = None;
        Ok(if self.skipped() { Step::Ended } else { Step::Waiting })
    }

    async fn targets(
        &self,
        job: &Job,
        response: &Value,
        answer: &Answer,
        at: &At,
    ) -> Result<Vec<Value>, Error> {
        let Some(targets) = &job.targets else { return Ok(vec![Value::from("")]) };
        if !targets.asks {
            return extracted(&targets.core, answer, at);
        }
        let names = [("polling_response", response.clone())];
        let nowhere = Value::empty_dict();
        let answer = call(&targets.core, &nowhere, &names, at).await?;
        extracted(&targets.core, &answer, at)
    }

    /// Another job instead of one that failed. As in the reference, one that is overdue is left
    /// alone as long as another one may be made.
    async fn again(
        &mut self,
        job: &Job,
        core: &Core,
        (status, word, slice): (Status, &str, &Value),
        at: &At,
    ) -> Result<Step, Error> {
        let last = self.attempt >= MAX_ATTEMPTS;
        if self.bound || (last && std::mem::take(&mut self.resumed)) {
            return Err(gone(at));
        }
        if status == Status::TimedOut || (status == Status::Overdue && last) {
            self.clear(job.abort.as_ref(), slice, at).await;
        }
        if last {
            let message = format!("the job has failed: {word}");
            return Err(Error::Exhausted { at: at.clone(), message, attempts: self.attempt });
        }
        self.attempt += 1;
        (self.created, self.looks) = (None, 0);
        self.wait(core, at).await?;
        let now = core.shared.runtime.clock.now();
        let rest = job.rest.filter(|_| status == Status::Failed);
        self.not_before = rest.and_then(|rest| now.checked_add(rest).ok());
        Ok(Step::Waiting)
    }

    /// Aborts or deletes the job. What is left behind at the source costs no record.
    async fn clear(&self, core: Option<&Core>, slice: &Value, at: &At) {
        let Some(core) = core else { return };
        if let Err(error) = call(core, slice, &self.creation(), at).await {
            tracing::warn!(stream = at.stream, %error, "a job is left behind at the source");
        }
    }

    async fn wait(&self, core: &Core, at: &At) -> Result<(), Error> {
        pause(&core.shared.runtime, INTERVAL, at, "the job is not done".to_owned()).await
    }
}

/// A place in a job that is no more: the slice is to be begun again.
fn gone(at: &At) -> Error {
    let message = "the job that an earlier read had begun is of no use any more".to_owned();
    Error::Refused { at: at.clone(), message, configuration: false }
}

/// Whether a job that could not be made may be made the next time.
fn may_be_made(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { configuration: false, .. }
            | Error::Exhausted { .. }
            | Error::Http { .. }
            | Error::Shape { .. }
    )
}

/// The request that a job of a slice is made with.
async fn asked_for(core: &Core, slice: &Value, at: &At) -> Result<Request, Error> {
    let base = core.shared.context();
    let context = scoped(Context::within(&base), slice, &[]);
    core.request(&context, Options::default(), None, at).await
}

/// Makes a call about a job.
async fn call(
    core: &Core,
    slice: &Value,
    names: &[(&'static str, Value)],
    at: &At,
) -> Result<Answer, Error> {
    let base = core.shared.context();
    let context = scoped(Context::within(&base), slice, names);
    let options = (Options::default(), None);
    let answer = core.ask(&context, options, at).await?;
    if answer.has_records {
        return Ok(answer);
    }
    let message = "the source answers with a failure".to_owned();
    Err(Error::Refused { at: at.clone(), message, configuration: false })
}

/// What an extractor finds in an answer.
fn extracted(core: &Core, answer: &Answer, at: &At) -> Result<Vec<Value>, Error> {
    let mut records = Vec::new();
    core.extract(answer, at, &mut |_, found| {
        records.extend(found.records);
        Ok(())
    })?;
    Ok(records)
}

//! Schedules in EventBridge Scheduler.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_scheduler::config::http::HttpResponse;
use aws_sdk_scheduler::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target as SdkTarget,
};
use host::{VarError, Vars};
use jiff::Timestamp;
use ports::{Cadence, Clock, Schedule, Scheduler, SchedulerError, check_schedule};

use crate::config::Aws;
use crate::error::{Meaning, failure};

/// How often a firing that could not be delivered is tried again: the sweep finds what is still
/// missing after that.
const RETRIES: i32 = 5;

/// How old a firing may get before it is dropped, in seconds.
const OLDEST: i32 = 3600;

/// What schedules start, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// Schedule group.
    pub group: String,
    /// The function (ARN).
    pub function: String,
    /// The role that may call it (ARN).
    pub role: String,
    /// Where firings go that could not be delivered (ARN).
    pub dead_letters: Option<String>,
}

impl Target {
    /// `SCHEDULE_GROUP`, `SCHEDULE_FUNCTION_ARN` and `SCHEDULER_ROLE_ARN`, required, and
    /// `SCHEDULES_DEAD_LETTERS_ARN`: the outputs of a deployed stack.
    pub fn from_vars(vars: &Vars) -> Result<Self, VarError> {
        Ok(Self {
            group: vars.required("SCHEDULE_GROUP")?,
            function: vars.required("SCHEDULE_FUNCTION_ARN")?,
            role: vars.required("SCHEDULER_ROLE_ARN")?,
            dead_letters: vars.get("SCHEDULES_DEAD_LETTERS_ARN"),
        })
    }
}

/// A group of schedules that all start one function.
#[derive(Debug, Clone)]
pub struct EventBridge {
    aws: Arc<Aws>,
    target: Target,
    clock: Arc<dyn Clock>,
}

impl EventBridge {
    /// The schedules of the target's group.
    pub fn new(aws: Arc<Aws>, target: Target, clock: Arc<dyn Clock>) -> Self {
        Self { aws, target, clock }
    }

    fn target(&self, input: &str) -> Result<SdkTarget, SchedulerError> {
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(RETRIES)
            .maximum_event_age_in_seconds(OLDEST)
            .build();
        let dead_letters = self.target.dead_letters.as_ref();
        SdkTarget::builder()
            .arn(&self.target.function)
            .role_arn(&self.target.role)
            .input(input)
            .retry_policy(retries)
            .set_dead_letter_config(
                dead_letters.map(|arn| DeadLetterConfig::builder().arn(arn).build()),
            )
            .build()
            .map_err(unbuilt)
    }

    /// The start, when it still lies ahead: EventBridge refuses one that does not.
    fn start(&self, schedule: &Schedule) -> Option<DateTime> {
        let start = schedule.start.filter(|start| *start > self.clock.now())?;
        Some(DateTime::from_secs(start.as_second()))
    }

    async fn update(&self, schedule: &Schedule) -> Result<Existing, SchedulerError> {
        let (expression, zone) = rendered(&schedule.cadence);
        let call = self
            .aws
            .scheduler()
            .update_schedule()
            .name(&schedule.name)
            .group_name(&self.target.group)
            .schedule_expression(expression)
            .set_schedule_expression_timezone(zone)
            .flexible_time_window(window(schedule.jitter)?)
            .set_start_date(self.start(schedule))
            .state(state(schedule))
            .target(self.target(&schedule.input)?);
        match call.send().await {
            Ok(_) => Ok(Existing::Yes),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(Existing::No),
            Err(error) => Err(failed(error, &schedule.name)),
        }
    }

    async fn create(&self, schedule: &Schedule) -> Result<Existing, SchedulerError> {
        let (expression, zone) = rendered(&schedule.cadence);
        let call = self
            .aws
            .scheduler()
            .create_schedule()
            .name(&schedule.name)
            .group_name(&self.target.group)
            .schedule_expression(expression)
            .set_schedule_expression_timezone(zone)
            .flexible_time_window(window(schedule.jitter)?)
            .set_start_date(self.start(schedule))
            .state(state(schedule))
            .target(self.target(&schedule.input)?);
        match call.send().await {
            Ok(_) => Ok(Existing::No),
            Err(error) if is(&error, "ConflictException") => Ok(Existing::Yes),
            Err(error) => Err(failed(error, &schedule.name)),
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Schedule>, SchedulerError> {
        let call = self.aws.scheduler().get_schedule().name(name).group_name(&self.target.group);
        match call.send().await {
            Ok(found) => Ok(read(found)),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(error, name)),
        }
    }
}

/// Whether a schedule of that name was there before.
#[derive(PartialEq, Eq)]
enum Existing {
    Yes,
    No,
}

#[async_trait]
impl Scheduler for EventBridge {
    async fn put(&self, schedule: &Schedule) -> Result<(), SchedulerError> {
        check_schedule(schedule)?;
        if self.update(schedule).await? == Existing::No
            && self.create(schedule).await? == Existing::Yes
        {
            // Someone made it in between: theirs is replaced, as if it had been there before.
            self.update(schedule).await?;
        }
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), SchedulerError> {
        let call = self.aws.scheduler().delete_schedule().name(name);
        match call.group_name(&self.target.group).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(()),
            Err(error) => Err(failed(error, name)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Schedule>, SchedulerError> {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let call = self.aws.scheduler().list_schedules().group_name(&self.target.group);
            let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
            let page = call.set_name_prefix(prefix.clone()).set_next_token(token).send().await;
            let page = page.map_err(|error| failed(error, prefix.as_deref().unwrap_or("")))?;
            names.extend(page.schedules.into_iter().filter_map(|found| found.name));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        names.sort();
        let mut all = Vec::new();
        for name in names {
            all.extend(self.get(&name).await?);
        }
        Ok(all)
    }
}

fn rendered(cadence: &Cadence) -> (String, Option<String>) {
    match cadence {
        Cadence::Every(every) => (format!("rate({} minutes)", every.as_secs() / 60), None),
        Cadence::Cron { expression, timezone } => {
            (format!("cron({expression})"), Some(timezone.clone()))
        }
    }
}

fn window(jitter: Duration) -> Result<FlexibleTimeWindow, SchedulerError> {
    let minutes = i32::try_from(jitter.as_secs() / 60).unwrap_or(i32::MAX);
    let builder = match minutes {
        0 => FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off),
        _ => FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(minutes),
    };
    builder.build().map_err(unbuilt)
}

fn state(schedule: &Schedule) -> ScheduleState {
    if schedule.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
}

/// A schedule as it stands; none when it is not one that [`EventBridge`] writes.
fn read(found: GetScheduleOutput) -> Option<Schedule> {
    let minutes = found.flexible_time_window.and_then(|w| w.maximum_window_in_minutes).unwrap_or(0);
    let start = found.start_date.and_then(|at| Timestamp::from_second(at.secs()).ok());
    Some(Schedule {
        name: found.name?,
        cadence: parsed(&found.schedule_expression?, found.schedule_expression_timezone)?,
        jitter: Duration::from_mins(u64::try_from(minutes).unwrap_or(0)),
        input: found.target?.input.unwrap_or_default(),
        enabled: found.state == Some(ScheduleState::Enabled),
        start,
    })
}

fn parsed(expression: &str, zone: Option<String>) -> Option<Cadence> {
    let (kind, rest) = expression.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    if kind == "cron" {
        let timezone = zone.unwrap_or_else(|| "UTC".to_owned());
        return Some(Cadence::Cron { expression: inner.to_owned(), timezone });
    }
    let (count, unit) = inner.split_once(' ')?;
    let count = count.parse().ok()?;
    Some(Cadence::Every(match unit.trim_end_matches('s') {
        "minute" => Duration::from_mins(count),
        "hour" => Duration::from_hours(count),
        "day" => Duration::from_hours(count.checked_mul(24)?),
        _ => return None,
    }))
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, code: &str) -> bool {
    error.code() == Some(code)
}

fn unbuilt(error: aws_sdk_scheduler::error::BuildError) -> SchedulerError {
    SchedulerError::Unavailable { source: error.into() }
}

fn failed<E>(error: SdkError<E, HttpResponse>, name: &str) -> SchedulerError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = failure(error);
    match failure.meaning {
        Meaning::Throttled | Meaning::Unavailable => {
            SchedulerError::Unavailable { source: failure.source }
        }
        Meaning::Refused => {
            SchedulerError::Refused { name: name.to_owned(), reason: failure.reason() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cadence: Cadence, expression: &str) {
        let (rendered, zone) = rendered(&cadence);
        assert_eq!(rendered, expression);
        assert_eq!(parsed(&rendered, zone), Some(cadence));
    }

    #[test]
    fn cadences_come_back_as_they_went() {
        check(Cadence::Every(Duration::from_hours(24)), "rate(1440 minutes)");
        let (expression, timezone) = ("0 6 * * ? *".to_owned(), "Europe/Berlin".to_owned());
        check(Cadence::Cron { expression, timezone }, "cron(0 6 * * ? *)");
    }

    #[test]
    fn schedules_of_others_are_read_as_far_as_they_are_known() {
        let day = Cadence::Every(Duration::from_hours(24));
        assert_eq!(parsed("rate(1 day)", None), Some(day));
        assert_eq!(parsed("at(2026-01-01T00:00:00)", None), None);
    }
}

//! How long to wait before another attempt.

use std::time::Duration;

use jiff::Timestamp;
use ports::Response;
use regex::Regex;

use super::filter::headers_value;
use crate::component::Component;
use crate::interpolation::{Context, EvalError, InterpolatedString};
use crate::value::Value;

/// What a strategy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Wait this long.
    For(Duration),
    /// The wait is as long as the manifest allows, or longer: give up.
    TooLong {
        /// What the source asks.
        wait: Duration,
        /// What the manifest allows.
        limit: Duration,
    },
}

/// A backoff strategy.
#[derive(Debug)]
pub(super) enum Strategy {
    Constant(InterpolatedString, Jitter),
    Exponential(Option<InterpolatedString>, Jitter),
    /// A header says how long.
    Time {
        header: Header,
        max: Option<InterpolatedString>,
    },
    /// A header says until when.
    Until {
        header: Header,
        min: Option<InterpolatedString>,
        max: Option<InterpolatedString>,
    },
    /// An expression over the answer says how long.
    Answer {
        seconds: InterpolatedString,
        max: Option<InterpolatedString>,
    },
}

/// By how many seconds at most a wait is lengthened at random: twice the range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jitter(f64);

/// A header, and which part of it counts.
#[derive(Debug)]
pub(super) struct Header {
    name: InterpolatedString,
    regex: Option<Regex>,
}

/// The reference's factor of exponential backoff, in seconds.
const FACTOR: f64 = 5.0;
/// What an expression over an answer sees.
const SEEN: [&str; 4] = ["config", "parameters", "response", "headers"];
/// What a wait is lengthened by, because whole seconds hide fractions.
const EXTRA: Duration = Duration::from_secs(1);

impl Strategy {
    pub(super) fn build(component: &Component) -> Option<Self> {
        match component.kind() {
            "ConstantBackoffStrategy" => {
                component.only(&["backoff_time_in_seconds", Jitter::FIELD]);
                let field = "backoff_time_in_seconds";
                let seconds = component.required(field, component.string(field))?;
                Some(Self::Constant(seconds, Jitter::build(component)))
            }
            "ExponentialBackoffStrategy" => {
                component.only(&["factor", Jitter::FIELD]);
                Some(Self::Exponential(component.string("factor"), Jitter::build(component)))
            }
            "WaitTimeFromHeader" => {
                component.only(&["header", "regex", "max_waiting_time_in_seconds"]);
                let max = component.string("max_waiting_time_in_seconds");
                Some(Self::Time { header: Header::build(component)?, max })
            }
            "WaitUntilTimeFromHeader" => {
                component.only(&["header", "regex", "min_wait", "max_waiting_time_in_seconds"]);
                let max = component.string("max_waiting_time_in_seconds");
                let min = component.string("min_wait");
                Some(Self::Until { header: Header::build(component)?, min, max })
            }
            "WaitTimeFromResponse" => {
                component.only(&["wait_time_in_seconds", "max_waiting_time_in_seconds"]);
                let seconds = component.string("wait_time_in_seconds");
                let seconds = component.required("wait_time_in_seconds", seconds)?;
                let unknown =
                    seconds.template().reads().variables().find(|name| !SEEN.contains(name));
                if let Some(name) = unknown {
                    let accepted = SEEN.join(", ");
                    let message = format!("`{name}` is not known here; accepted are {accepted}");
                    component.fault_at("wait_time_in_seconds", message);
                }
                let max = component.string("max_waiting_time_in_seconds");
                Some(Self::Answer { seconds, max })
            }
            _ => {
                component.unknown_kind(&[
                    "ConstantBackoffStrategy",
                    "ExponentialBackoffStrategy",
                    "WaitTimeFromHeader",
                    "WaitTimeFromResponse",
                    "WaitUntilTimeFromHeader",
                ]);
                None
            }
        }
    }

    /// How long to wait; none when the strategy has nothing to say.
    pub(super) fn wait(
        &self,
        response: Option<&Response>,
        attempt: u32,
        now: Timestamp,
        context: &Context<'_>,
    ) -> Result<Option<Wait>, EvalError> {
        let number = |template: &Option<InterpolatedString>| -> Result<Option<f64>, EvalError> {
            let value = template.as_ref().map(|template| template.eval(context)).transpose()?;
            Ok(value.as_ref().and_then(float))
        };
        Ok(match self {
            Self::Constant(seconds, jitter) => {
                let seconds = float(&seconds.eval(context)?);
                limited(seconds.map(|seconds| jitter.after(seconds, context)), None)
            }
            Self::Exponential(factor, jitter) => {
                let factor = number(factor)?.unwrap_or(FACTOR);
                let doublings = i32::try_from(attempt.min(64)).unwrap_or(64);
                limited(Some(jitter.after(factor * 2_f64.powi(doublings), context)), None)
            }
            Self::Time { header, max } => {
                let asked = header.number(response, context)?;
                limited(asked, number(max)?)
            }
            Self::Answer { seconds, max } => {
                let asked = said(seconds, response, context);
                limited(asked.filter(|seconds| seconds.is_finite()), number(max)?)
            }
            Self::Until { header, min, max } => {
                let (min, max) = (number(min)?, number(max)?);
                let until = header.number(response, context)?.filter(|until| *until != 0.0);
                let present = crate::value::to_float(i128::from(now.as_microsecond())) / 1e6;
                match (until.map(|until| until - present), min) {
                    (Some(wait), Some(min)) => limited(Some(wait.max(min)), max),
                    (Some(wait), None) if wait < 0.0 => None,
                    (wait, min) => limited(wait.or(min), max),
                }
            }
        })
    }
}

impl Jitter {
    const FIELD: &str = "jitter_range_in_seconds";

    fn build(component: &Component) -> Self {
        let range = component.number(Self::FIELD).unwrap_or_default();
        if range < 0.0 {
            component.fault_at(Self::FIELD, "must not be below zero");
        }
        Self(range * 2.0)
    }

    /// A wait of so many seconds or a little more.
    fn after(self, seconds: f64, context: &Context<'_>) -> f64 {
        if self.0 > 0.0 { seconds + self.0 * context.chance().unwrap_or_default() } else { seconds }
    }
}

/// A wait of so many seconds; none for zero, negative and absent ones.
fn limited(seconds: Option<f64>, max: Option<f64>) -> Option<Wait> {
    let wait = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let seconds = seconds.filter(|seconds| *seconds > 0.0)?;
    match max {
        Some(max) if seconds >= max => {
            let limit = wait(max).unwrap_or_default();
            Some(Wait::TooLong { wait: wait(seconds).unwrap_or(Duration::MAX), limit })
        }
        _ => wait(seconds).map(|wait| Wait::For(wait.saturating_add(EXTRA))),
    }
}

/// What an expression makes of an answer; none where it makes nothing of it, as answers of another
/// shape than the one it was written for do.
fn said(
    seconds: &InterpolatedString,
    response: Option<&Response>,
    context: &Context<'_>,
) -> Option<f64> {
    let reads = seconds.template().reads();
    let body = response.and_then(|response| {
        let wanted = reads.of("response")?;
        Value::select_json(&response.body, wanted).ok()
    });
    let headers = response.map_or(&[] as &[_], |response| &response.headers);
    let scope = Context::within(context)
        .with("response", body.unwrap_or_else(Value::empty_dict))
        .with("headers", headers_value(headers, reads.of("headers")));
    seconds.eval(&scope).ok().as_ref().and_then(float)
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

impl Header {
    fn build(component: &Component) -> Option<Self> {
        let name = component.required("header", component.string("header"))?;
        let regex = component.text("regex").and_then(|pattern| {
            // The whole match counts, from the start of the value.
            let regex = Regex::new(&format!("^(?:{pattern})"));
            regex.map_err(|_| component.fault_at("regex", "is not a supported expression")).ok()
        });
        Some(Self { name, regex })
    }

    fn number(
        &self,
        response: Option<&Response>,
        context: &Context<'_>,
    ) -> Result<Option<f64>, EvalError> {
        let name = self.name.text(context)?;
        let Some(value) = response.and_then(|response| response.header(&name)) else {
            return Ok(None);
        };
        let matched = self.regex.as_ref().and_then(|regex| regex.find(value));
        let text = matched.map_or(value, |found| found.as_str());
        Ok(text.trim().parse().ok())
    }
}

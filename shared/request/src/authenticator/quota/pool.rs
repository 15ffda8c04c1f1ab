//! `TokenQuota`: one count of calls, and where answers tell it.

use jiff::Timestamp;
use ports::Response;

use super::state::{Left, Told};
use crate::component::Component;
use crate::datetime::isoparse;
use crate::matcher::RequestMatcher;
use crate::value::Value;

/// One count of calls: `TokenQuota`.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) matchers: Vec<RequestMatcher>,
    remaining: Vec<String>,
    reset: Vec<String>,
    limit: Option<Vec<String>>,
    remaining_header: Option<String>,
    reset_header: Option<String>,
    limit_header: Option<String>,
    pub(super) exhaustion: Vec<u16>,
}

impl Pool {
    pub(super) fn build(component: &Component) -> Option<Self> {
        component.only(&[
            "remaining_path",
            "reset_path",
            "limit_path",
            "matchers",
            "remaining_header",
            "reset_header",
            "limit_header",
            "exhaustion_status_codes",
        ]);
        let path = |field: &str| {
            let names = component.field(field)?.as_array()?;
            Some(names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect::<Vec<_>>())
        };
        let text = |field: &str| component.text(field).map(str::to_owned);
        let matchers = component.children("matchers");
        Some(Self {
            matchers: matchers.iter().map(|m| RequestMatcher::build(m, None)).collect(),
            remaining: component.required("remaining_path", path("remaining_path"))?,
            reset: component.required("reset_path", path("reset_path"))?,
            limit: path("limit_path"),
            remaining_header: text("remaining_header"),
            reset_header: text("reset_header"),
            limit_header: text("limit_header"),
            exhaustion: codes(component, "exhaustion_status_codes"),
        })
    }

    /// What an answer of the status source says of this count.
    pub(super) fn left(&self, answer: &Value) -> Result<Left, String> {
        let at = |path: &[String]| {
            let found = path.iter().try_fold(answer, |value, name| value.get(name));
            found.ok_or_else(|| format!("its answer holds nothing at `{}`", path.join(".")))
        };
        let whole = |value: &Value| {
            let number = value.to_string().trim().parse::<f64>().ok();
            number.ok_or_else(|| "its answer counts calls by no number".to_owned())
        };
        let remaining = whole(at(&self.remaining)?)?;
        let limit = match &self.limit {
            Some(path) => whole(at(path)?)?,
            None => remaining,
        };
        let reset = instant(&at(&self.reset)?.to_string());
        let reset = reset.ok_or_else(|| "its answer names no instant of reset".to_owned())?;
        Ok(Left { remaining, limit, reset, tracked: true })
    }

    pub(super) fn told(&self, response: &Response) -> Told {
        let header = |name: &Option<String>| response.header(name.as_deref()?).map(str::trim);
        let number = |name: &Option<String>| header(name)?.parse::<i32>().ok().map(f64::from);
        let spent = self.exhaustion.contains(&response.status).then_some(0.0);
        Told {
            remaining: number(&self.remaining_header).or(spent),
            limit: number(&self.limit_header),
            reset: header(&self.reset_header).and_then(instant),
        }
    }
}

/// An instant in seconds since the epoch, or as ISO 8601.
fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => isoparse(text).ok()?.instant().ok(),
    }
}

/// The statuses in a field.
pub(super) fn codes(component: &Component, field: &str) -> Vec<u16> {
    let Some(json) = component.field(field) else { return Vec::new() };
    let list = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let codes: Vec<u16> = list.iter().filter_map(|code| code.as_u64()?.try_into().ok()).collect();
    if !json.is_array() || codes.len() < list.len() {
        component.fault_at(field, "must be a list of statuses");
    }
    codes
}

//! The text of a value, and what is done to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::net::{self, Reach};
use super::{How, Problem};
use crate::kind::{JsonType, Kind};
use crate::violation::Rule;

/// One thing that is done to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// White space at both ends goes.
    Trim,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// A hardware address, as `aa:bb:cc:dd:ee:ff`.
    Mac,
    /// An IP address, in its shortest form.
    Ip(Reach),
    /// A host's name, as it is compared.
    Hostname,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
}

/// The words that a model file uses.
pub(crate) const STEPS: &[(&str, Step)] = &[
    ("trim", Step::Trim),
    ("lower", Step::Lower),
    ("upper", Step::Upper),
    ("mac", Step::Mac),
    ("ip", Step::Ip(Reach::Any)),
    ("private_ip", Step::Ip(Reach::Private)),
    ("public_ip", Step::Ip(Reach::Public)),
    ("hostname", Step::Hostname),
    ("epoch_s", Step::EpochSeconds),
    ("epoch_ms", Step::EpochMillis),
];

impl Step {
    /// Whether it makes an instant of a number.
    pub(crate) fn is_epoch(self) -> bool {
        matches!(self, Self::EpochSeconds | Self::EpochMillis)
    }
}

/// A value's text.
pub(super) struct Read<'a> {
    pub(super) text: Cow<'a, str>,
    /// What it was in JSON; of `MongoDB`'s wrappings, what is within.
    pub(super) json: JsonType,
    /// The unit of an instant that is a number.
    pub(super) epoch: Option<Step>,
    /// Whether the text says all that the value says.
    pub(super) whole: bool,
}

/// Reads the text of a scalar; none when it means nothing.
pub(super) fn read<'a>(token: &'a str, how: &How, kind: Kind) -> Result<Option<Read<'a>>, Problem> {
    let json = JsonType::of(token.as_bytes());
    let text = match json {
        JsonType::String => Some(decoded(token)?),
        JsonType::Boolean | JsonType::Integer | JsonType::Number => Some(Cow::Borrowed(token)),
        JsonType::Object => match unwrapped(token) {
            Some((JsonType::Integer, text)) if kind == Kind::Timestamp => {
                let read = finished(Cow::Borrowed(text), JsonType::Integer, how)?;
                return Ok(read.map(|read| Read { epoch: Some(Step::EpochMillis), ..read }));
            }
            Some((_, inner)) => return read(inner, how, kind),
            None => None,
        },
        JsonType::Null | JsonType::Array => None,
    };
    match text {
        Some(text) => finished(text, json, how),
        None => Err(Problem::of(Rule::Type, accepted(kind))),
    }
}

/// All that is to be done to a text.
fn finished<'a>(
    mut text: Cow<'a, str>,
    json: JsonType,
    how: &How,
) -> Result<Option<Read<'a>>, Problem> {
    if how.none.iter().any(|none| *none == text) {
        return Ok(None);
    }
    let mut whole = true;
    for step in &how.steps {
        let before = text.len();
        let Some(after) = done(text, *step)? else { return Ok(None) };
        text = after;
        whole &= *step != Step::Hostname || text.len() == before;
    }
    if how.none.iter().any(|none| *none == text) {
        return Ok(None);
    }
    if let Some(split) = &how.split {
        let part = split.pattern.captures(&text).and_then(|found| found.get(split.group));
        let part = part.filter(|part| !part.is_empty()).map(|part| part.as_str().to_owned());
        let Some(part) = part else { return Ok(None) };
        (text, whole) = (Cow::Owned(part), false);
    }
    if let Some((_, to)) = how.map.iter().find(|(from, _)| *from == text) {
        (text, whole) = (Cow::Owned(to.clone()), false);
    }
    let epoch = how.steps.iter().copied().find(|step| step.is_epoch());
    Ok(Some(Read { text, json, epoch, whole }))
}

/// The content of a JSON string.
fn decoded(token: &str) -> Result<Cow<'_, str>, Problem> {
    let inner = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(token)
            .map(Cow::Owned)
            .map_err(|_| Problem::of(Rule::Type, "a text without half of a surrogate pair")),
    }
}

/// Bytes of the largest wrapping that is opened.
const MAX_WRAPPING: usize = 256;

/// What stands in `{"$date":…}`, `{"$numberLong":…}` and the like, as `MongoDB` exports them: its
/// token, and whether a date is a count of milliseconds.
fn unwrapped(token: &str) -> Option<(JsonType, &str)> {
    if token.len() > MAX_WRAPPING {
        return None;
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(token).ok()?;
    let (name, value) = members.first_key_value().filter(|_| members.len() == 1)?;
    let (inner, name) = (value.get(), name.as_ref());
    let json = JsonType::of(inner.as_bytes());
    match (name, json) {
        ("$date", JsonType::Integer) => Some((JsonType::Integer, inner)),
        ("$date", JsonType::Object) => {
            let inner = unwrapped(inner).filter(|(json, _)| *json == JsonType::Number)?.1;
            let digits = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Some((JsonType::Integer, digits.unwrap_or(inner)))
        }
        ("$date" | "$oid", JsonType::String) => Some((JsonType::String, inner)),
        (
            "$numberLong" | "$numberInt" | "$numberDouble" | "$numberDecimal",
            JsonType::String | JsonType::Integer | JsonType::Number,
        ) => Some((JsonType::Number, inner)),
        _ => None,
    }
}

fn accepted(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Texts => "a text".to_owned(),
        Kind::Timestamp => "an instant, such as 2024-05-01T07:15:22.1234567Z".to_owned(),
        Kind::Date => "a day, such as 2024-05-01".to_owned(),
        other => format!("{other}"),
    }
}

fn done(text: Cow<'_, str>, step: Step) -> Result<Option<Cow<'_, str>>, Problem> {
    Ok(Some(match step {
        Step::Trim => match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        },
        Step::Lower if text.chars().all(|sign| sign.is_ascii() && !sign.is_ascii_uppercase()) => {
            text
        }
        Step::Lower => Cow::Owned(text.to_lowercase()),
        Step::Upper => Cow::Owned(text.to_uppercase()),
        Step::Mac => return Ok(net::mac(&text)?.map(Cow::Owned)),
        Step::Ip(reach) => return Ok(net::ip(&text, reach)?.map(Cow::Owned)),
        Step::Hostname => return Ok(net::hostname(&text).map(Cow::Owned)),
        Step::EpochSeconds | Step::EpochMillis => text,
    }))
}

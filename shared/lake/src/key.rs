//! Where things stand in the lake, as types: keys are rendered from names and parsed back into
//! them, so that no other place spells a path.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::{ConnectionId, ObjectKey, PlanId, SourceName, StreamName, TenantId, encode_segment};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::part::Codec;

/// A text that has no place in the lake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not of the layout that was expected.
    #[error("`{text}` is not {expected}")]
    Layout {
        /// What it should have been.
        expected: &'static str,
        /// What it was.
        text: String,
    },
    /// Names so long that no store takes the key.
    #[error(transparent)]
    Length(#[from] model::KeyError),
}

pub(crate) fn fault(expected: &'static str, text: &str) -> KeyFault {
    KeyFault::Layout { expected, text: text.to_owned() }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = KeyFault;

            fn try_from(text: String) -> Result<Self, KeyFault> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

/// A calendar month in UTC, `2024-05`: the folder by which tables are pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i16,
    month: i8,
}

impl From<Timestamp> for Month {
    fn from(at: Timestamp) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        Self { year: date.year(), month: date.month() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let fault = || fault("a month such as `2024-05`", text);
        let (year, month) = text.rsplit_once('-').ok_or_else(fault)?;
        let parsed = Self {
            year: year.parse().map_err(|_| fault())?,
            month: month.parse().map_err(|_| fault())?,
        };
        let exists = (1..=12).contains(&parsed.month);
        if exists && parsed.to_string() == text { Ok(parsed) } else { Err(fault()) }
    }
}

pub(crate) use text_form;

text_form!(Month);

/// Digest of a partition's key: 1 to 64 lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartitionDigest(String);

impl fmt::Display for PartitionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PartitionDigest {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(fault("a partition digest: 1 to 64 of a-z and 0-9", text))
    }
}

text_form!(PartitionDigest);

/// Where a slice begins, as a text of fixed width that every file system takes:
/// `20240501T071522123456789Z`; `all` for a slice without a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SliceStart(Option<Timestamp>);

const WHOLE: &str = "all";
const START_FORM: &str = "%Y%m%dT%H%M%S%9fZ";

impl SliceStart {
    /// The slice that has no window.
    pub const ALL: Self = Self(None);

    /// The instant, when there is one.
    pub fn instant(self) -> Option<Timestamp> {
        self.0
    }
}

impl From<Timestamp> for SliceStart {
    fn from(at: Timestamp) -> Self {
        Self(Some(at))
    }
}

impl From<Option<Timestamp>> for SliceStart {
    fn from(at: Option<Timestamp>) -> Self {
        Self(at)
    }
}

impl fmt::Display for SliceStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{}", at.strftime(START_FORM)),
            None => f.write_str(WHOLE),
        }
    }
}

impl FromStr for SliceStart {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        if text == WHOLE {
            return Ok(Self::ALL);
        }
        let fault = || fault("a slice start such as `20240501T071522123456789Z`", text);
        let civil = DateTime::strptime(START_FORM, text).map_err(|_| fault())?;
        let at = civil.to_zoned(TimeZone::UTC).map_err(|_| fault())?.timestamp();
        let start = Self(Some(at));
        if start.to_string() == text { Ok(start) } else { Err(fault()) }
    }
}

text_form!(SliceStart);

/// One attempt at one slice: what its landing objects and its commit object share.
///
/// Objects are write-once, and a fence is held by one worker at a time: two attempts never share
/// a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Month of the run.
    pub month: Month,
    /// Plan that the slice belongs to.
    pub plan: PlanId,
    /// Partition that the slice belongs to.
    pub partition: PartitionDigest,
    /// Where the slice begins.
    pub slice: SliceStart,
    /// Fence under which it was attempted.
    pub fence: u64,
}

const LANDING: &str = "landing";
const COMMITS: &str = "commits";
const MET: &str = "met";

impl Attempt {
    /// The landing object of one of its parts; parts are counted from 1.
    pub fn part(self, part: u32, codec: Codec) -> LandingKey {
        LandingKey { attempt: self, part, codec }
    }

    /// An object that names rows which the attempt met and did not land, because views show them
    /// as they are; counted from 1.
    pub fn met(&self, part: u32, codec: Codec) -> Result<ObjectKey, KeyFault> {
        self.render(MET, format_args!(".p{part:05}.ndjson{}", codec.extension()))
    }

    fn render(&self, root: &str, tail: fmt::Arguments<'_>) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, connection, month, plan, partition, slice, fence, .. } = self;
        let folder = stream_prefix(root, &self.source, &self.stream);
        let key = format!(
            "{folder}tenant={tenant}/connection={connection}/month={month}/\
             {plan}.{partition}.{slice}.f{fence:08}{tail}"
        );
        Ok(ObjectKey::try_from(key)?)
    }

    /// Parses a key under `root`, and gives what stands behind the fence as well.
    fn parse<'k>(root: &str, key: &'k ObjectKey) -> Option<(Self, &'k str)> {
        let mut segments = key.as_str().split('/');
        if segments.next()? != root {
            return None;
        }
        let source = decode_segment(segments.next()?)?;
        let stream = decode_segment(segments.next()?)?;
        let tenant = segments.next()?.strip_prefix("tenant=")?;
        let connection = segments.next()?.strip_prefix("connection=")?;
        let month = segments.next()?.strip_prefix("month=")?;
        let file = segments.next()?;
        if segments.next().is_some() {
            return None;
        }
        let (plan, partition, slice, fence, tail) = split_file(file)?;
        let attempt = Self {
            source: source.parse().ok()?,
            stream: stream.parse().ok()?,
            tenant: tenant.parse().ok()?,
            connection: connection.parse().ok()?,
            month: month.parse().ok()?,
            plan: plan.parse().ok()?,
            partition: partition.parse().ok()?,
            slice: slice.parse().ok()?,
            fence: fence.parse().ok()?,
        };
        Some((attempt, tail))
    }
}

/// Takes `<plan>.<partition digest>.<slice start>.f<fence>.<tail>` apart.
fn split_file(file: &str) -> Option<(&str, &str, &str, &str, &str)> {
    let (plan, rest) = file.split_once('.')?;
    let (partition, rest) = rest.split_once('.')?;
    let (slice, rest) = rest.split_once('.')?;
    let (fence, tail) = rest.strip_prefix('f')?.split_once('.')?;
    Some((plan, partition, slice, fence, tail))
}

/// The key of a landing object: one part of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LandingKey {
    /// The attempt.
    pub attempt: Attempt,
    /// Number of the part, from 1.
    pub part: u32,
    /// How its content is stored.
    pub codec: Codec,
}

impl LandingKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let extension = self.codec.extension();
        self.attempt.render(LANDING, format_args!(".p{:05}.ndjson{extension}", self.part))
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parsed = Attempt::parse(LANDING, key).and_then(|(attempt, tail)| {
            let (part, extension) = tail.strip_prefix('p')?.split_once(".ndjson")?;
            Some(attempt.part(part.parse().ok()?, Codec::from_extension(extension)?))
        });
        canonical(parsed, Self::render, key, "the key of a landing object")
    }
}

/// The key of a commit object: the attempt that it turned into data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitKey(pub Attempt);

impl CommitKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        self.0.render(COMMITS, format_args!(".json"))
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parsed = Attempt::parse(COMMITS, key)
            .and_then(|(attempt, tail)| (tail == "json").then_some(Self(attempt)));
        canonical(parsed, Self::render, key, "the key of a commit object")
    }
}

/// A value counts as the meaning of a key only when it renders to that very key.
pub(crate) fn canonical<T>(
    parsed: Option<T>,
    render: impl Fn(&T) -> Result<ObjectKey, KeyFault>,
    key: &ObjectKey,
    expected: &'static str,
) -> Result<T, KeyFault> {
    parsed
        .filter(|value| render(value).is_ok_and(|rendered| rendered == *key))
        .ok_or_else(|| fault(expected, key.as_str()))
}

fn decode_segment(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn stream_prefix(root: &str, source: &SourceName, stream: &StreamName) -> String {
    format!("{root}/{}/{}/", encode_segment(source.as_str()), encode_segment(stream.as_str()))
}

/// The folder of a stream's landing objects, all tenants together.
pub fn landing_prefix(source: &SourceName, stream: &StreamName) -> String {
    stream_prefix(LANDING, source, stream)
}

/// The folder of what the reconciles of one tenant's stream met.
pub fn met_prefix(
    source: &SourceName,
    stream: &StreamName,
    tenant: &TenantId,
    connection: &ConnectionId,
) -> String {
    format!("{}tenant={tenant}/connection={connection}/", stream_prefix(MET, source, stream))
}

/// The folder of a stream's commit objects, all tenants together.
pub fn commits_prefix(source: &SourceName, stream: &StreamName) -> String {
    stream_prefix(COMMITS, source, stream)
}

#[cfg(test)]
pub(crate) mod tests;

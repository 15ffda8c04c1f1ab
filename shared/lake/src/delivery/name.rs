//! Names within keys: days, moments, digests, origins.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{FeedId, ModelName};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Hex;
use crate::key::{KeyFault, fault, text_form};

/// Hexadecimal digits of a digest that names something.
const DIGITS: usize = 32;

/// A day in UTC, `2026-01-31`: the folder by which objects expire and reports are pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// The day before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.yesterday().unwrap_or(self.0))
    }

    /// The day after.
    #[must_use]
    pub fn after(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }
}

impl From<Timestamp> for Day {
    fn from(at: Timestamp) -> Self {
        Self(at.to_zoned(TimeZone::UTC).date())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Day {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let fault = || fault("a day such as `2026-01-31`", text);
        let day = Self(text.parse().map_err(|_| fault())?);
        if day.to_string() == text { Ok(day) } else { Err(fault()) }
    }
}

text_form!(Day);

const MOMENT: &str = "%Y%m%dT%H%M%S%3fZ";

/// An instant to the millisecond, as keys have it: `20260102T030405678Z`. Texts sort as instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(Timestamp);

impl Moment {
    /// The instant.
    pub fn instant(self) -> Timestamp {
        self.0
    }

    /// Its day.
    pub fn day(self) -> Day {
        Day::from(self.0)
    }
}

impl From<Timestamp> for Moment {
    /// Rounded down to the millisecond.
    fn from(at: Timestamp) -> Self {
        let millis = at.as_nanosecond().div_euclid(1_000_000);
        let whole = i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self(whole.unwrap_or(at))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.strftime(MOMENT).to_string())
    }
}

impl FromStr for Moment {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let fault = || fault("an instant such as `20260102T030405678Z`", text);
        let (date, time) = text.split_once('T').ok_or_else(fault)?;
        let plain = date.len() == 8 && time.len() == 10 && time.is_ascii();
        let (clock, millis) = time.split_at_checked(6).filter(|_| plain).ok_or_else(fault)?;
        let millis = millis.strip_suffix('Z').ok_or_else(fault)?;
        let at: Timestamp = format!("{date}T{clock}.{millis}Z").parse().map_err(|_| fault())?;
        if Self(at).to_string() == text { Ok(Self(at)) } else { Err(fault()) }
    }
}

text_form!(Moment);

macro_rules! named_digest {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The digest of these texts: each counts with its length, so that no two lists of
            /// texts run into one.
            pub fn of(texts: &[&str]) -> Self {
                let joined: String = texts.iter().map(|t| format!("{}:{t}", t.len())).collect();
                let digest = Sha256Hex::of(joined.as_bytes());
                Self(digest.as_str().chars().take(DIGITS).collect())
            }

            /// The digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = KeyFault;

            fn from_str(text: &str) -> Result<Self, KeyFault> {
                let fits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                if text.len() == DIGITS && text.bytes().all(fits) {
                    return Ok(Self(text.to_owned()));
                }
                Err(fault(concat!($what, ": 32 lower-case hexadecimal digits"), text))
            }
        }

        text_form!($name);
    };
}

named_digest!(
    /// A delivered file: digest of tenant, origin and content. The same content is the same file,
    /// whatever its name.
    FileDigest, "a file's digest"
);
named_digest!(
    /// Files that were planned together.
    GroupDigest, "a group's digest"
);
named_digest!(
    /// A batch: digest of push, operation and items.
    BatchDigest, "a batch's digest"
);

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Partners' files.
    Feed(FeedId),
    /// Changed rows of a model.
    Model(ModelName),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed(feed) => write!(f, "feed={feed}"),
            Self::Model(model) => write!(f, "model={model}"),
        }
    }
}

impl FromStr for Origin {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let found = match text.split_once('=') {
            Some(("feed", feed)) => feed.parse().ok().map(Self::Feed),
            Some(("model", model)) => model.parse().ok().map(Self::Model),
            _ => None,
        };
        found.ok_or_else(|| fault("`feed=<feed>` or `model=<model>`", text))
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn lists_of_texts_do_not_run_into_one_another() {
        assert_ne!(FileDigest::of(&["ab", "c"]), FileDigest::of(&["a", "bc"]));
    }

    #[test]
    fn moments_and_days_have_one_spelling() {
        let at: Timestamp = "2026-01-02T03:04:05.678999Z".parse().unwrap();
        let moment = Moment::from(at);
        assert_eq!(moment.to_string(), "20260102T030405678Z");
        assert_eq!(moment.to_string().parse::<Moment>().unwrap(), moment);
        assert_eq!(moment.day().before().to_string(), "2026-01-01");
        for bad in ["20260102T030405Z", "20260102T0304056789", "2026-01-02", "é"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}

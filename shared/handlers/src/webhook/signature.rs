//! Whether a body is its provider's: a keyed digest of the raw bytes, compared in constant time.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::config::{Algorithm, Encoding, Signature, SignedTime};
use ring::hmac;

use super::Event;

/// How old a signature may be where its overlay does not say.
const WITHIN: Duration = Duration::from_mins(5);

/// Why a body is not taken for its provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsigned {
    /// Nothing says who sent it.
    Missing,
    /// No key of the connection signed it.
    Wrong,
    /// It was signed too long ago, or ahead of time.
    Stale,
}

/// What a call says of its signature.
#[derive(Debug)]
pub(super) struct Signed {
    algorithm: hmac::Algorithm,
    /// Several, where a header is a list that names one more than once.
    tags: Vec<Vec<u8>>,
    message: Vec<u8>,
    at: Option<(Timestamp, Duration)>,
}

impl Signed {
    pub(super) fn read(rule: &Signature, event: &Event, body: &[u8]) -> Result<Self, Unsigned> {
        let header = event.header(&rule.header).ok_or(Unsigned::Missing)?;
        let texts = values(header, rule.field.as_deref());
        let tags: Vec<Vec<u8>> =
            texts.filter_map(|text| decoded(text.trim(), rule.encoding)).collect();
        if tags.is_empty() {
            return Err(Unsigned::Missing);
        }
        let stamp = rule.timestamp.as_ref().map(|time| stamp(time, event)).transpose()?;
        let template = rule.signed.as_deref().unwrap_or("{body}");
        let text = stamp.as_ref().map_or("", |(text, _, _)| text);
        Ok(Self {
            algorithm: match rule.algorithm {
                Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Algorithm::HmacSha256 => hmac::HMAC_SHA256,
                Algorithm::HmacSha512 => hmac::HMAC_SHA512,
            },
            tags,
            message: filled(template, text, body),
            at: stamp.map(|(_, at, within)| (at, within)),
        })
    }

    /// Whether a key signed it; takes as long whatever differs.
    pub(super) fn is_by(&self, key: &[u8]) -> bool {
        let key = hmac::Key::new(self.algorithm, key);
        self.tags.iter().any(|tag| hmac::verify(&key, &self.message, tag).is_ok())
    }

    /// Whether it was signed lately, where the provider says when.
    pub(super) fn is_fresh(&self, now: Timestamp) -> Result<(), Unsigned> {
        match self.at {
            Some((at, within)) if now.duration_since(at).unsigned_abs() > within => {
                Err(Unsigned::Stale)
            }
            _ => Ok(()),
        }
    }
}

/// A header's values: all of it, or those of one name of the list that it is.
fn values<'h>(header: &'h str, field: Option<&'h str>) -> impl Iterator<Item = &'h str> {
    let whole = field.is_none().then_some(header);
    let named = header.split(',').filter_map(move |part| {
        let (name, value) = part.trim().split_once('=')?;
        (Some(name) == field).then_some(value)
    });
    whole.into_iter().chain(named)
}

fn decoded(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    if encoding == Encoding::Base64 {
        return STANDARD.decode(text).ok();
    }
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn stamp(rule: &SignedTime, event: &Event) -> Result<(String, Timestamp, Duration), Unsigned> {
    let header = event.header(&rule.header).ok_or(Unsigned::Missing)?;
    let text = values(header, rule.field.as_deref()).next().ok_or(Unsigned::Missing)?.trim();
    let at = instant(text).ok_or(Unsigned::Missing)?;
    Ok((text.to_owned(), at, rule.within.unwrap_or(WITHIN)))
}

/// Seconds or milliseconds since 1970, or an ISO 8601 text.
fn instant(text: &str) -> Option<Timestamp> {
    // Seconds of today have ten digits, milliseconds thirteen.
    match text.parse::<i64>() {
        Ok(number) if text.len() > 11 => Timestamp::from_millisecond(number).ok(),
        Ok(number) => Timestamp::from_second(number).ok(),
        Err(_) => text.parse().ok(),
    }
}

/// A template with its two places filled; the body's bytes are never looked into.
fn filled(template: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(template.len() + timestamp.len() + body.len());
    for (n, part) in template.split("{body}").enumerate() {
        if n > 0 {
            message.extend_from_slice(body);
        }
        message.extend_from_slice(part.replace("{timestamp}", timestamp).as_bytes());
    }
    message
}

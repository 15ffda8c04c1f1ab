//! Texts in encodings by the names that Python gives them.

use bytes::Bytes;
use encoding_rs::Encoding;

use super::DecodeError;
use crate::component::Component;

/// The encoding that a decoder names; UTF-8 when it names none.
pub(super) fn of(component: &Component) -> String {
    let name = component.text("encoding").unwrap_or("utf-8");
    if Charset::find(name).is_none() {
        component.fault_at("encoding", format!("`{name}` is not an encoding that is known here"));
    }
    name.to_owned()
}

enum Charset {
    Utf8,
    /// UTF-8 that may begin with a mark, which is no part of the text.
    Utf8Marked,
    /// The first 128 characters.
    Ascii,
    /// The first 256 characters.
    Latin1,
    /// UTF-16 whose mark tells the order; without one the order is little-endian.
    Utf16,
    Other(&'static Encoding),
}

impl Charset {
    fn find(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        Some(match name.as_str() {
            "utf-8" | "utf8" | "utf" | "u8" | "cp65001" => Self::Utf8,
            "utf-8-sig" | "utf8-sig" => Self::Utf8Marked,
            "ascii" | "us-ascii" | "646" => Self::Ascii,
            "latin-1" | "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859"
            | "cp819" => Self::Latin1,
            "utf-16" | "utf16" | "u16" => Self::Utf16,
            other => {
                let label = match other.strip_prefix("cp") {
                    Some("932") => "shift_jis".to_owned(),
                    Some("936") => "gbk".to_owned(),
                    Some("949") => "euc-kr".to_owned(),
                    Some("950") => "big5".to_owned(),
                    Some(page) => format!("windows-{page}"),
                    None if other == "shift-jis" || other == "sjis" => "shift_jis".to_owned(),
                    None => other.to_owned(),
                };
                Self::Other(Encoding::for_label_no_replacement(label.as_bytes())?)
            }
        })
    }

    fn read(&self, bytes: &[u8]) -> Option<String> {
        let known = |encoding: &'static Encoding, bytes: &[u8]| {
            let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
            Some(text.into_owned())
        };
        let utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        match self {
            Self::Utf8 => utf8(bytes),
            Self::Utf8Marked => utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
            Self::Ascii => bytes.is_ascii().then(|| utf8(bytes)).flatten(),
            Self::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Utf16 => match bytes {
                [0xfe, 0xff, rest @ ..] => known(encoding_rs::UTF_16BE, rest),
                [0xff, 0xfe, rest @ ..] | rest => known(encoding_rs::UTF_16LE, rest),
            },
            Self::Other(encoding) => known(encoding, bytes),
        }
    }
}

/// The text of bytes in an encoding.
pub(super) fn decode(bytes: &[u8], encoding: &str) -> Result<String, DecodeError> {
    let text = Charset::find(encoding).and_then(|charset| charset.read(bytes));
    text.ok_or_else(|| DecodeError::Encoding { encoding: encoding.to_owned() })
}

/// The body in UTF-8.
pub(super) fn recoded(body: &Bytes, encoding: &str) -> Result<Bytes, DecodeError> {
    match Charset::find(encoding) {
        Some(Charset::Utf8) => Ok(body.clone()),
        _ => decode(body, encoding).map(Bytes::from),
    }
}

/// The text of a document in mark-up: in the encoding that the answer names, that its mark shows,
/// or that it names itself.
pub(super) fn marked_up(body: &[u8], content_type: Option<&str>) -> Result<String, DecodeError> {
    if let Some(charset) = content_type.and_then(charset) {
        let text = decode(body, charset)?;
        return Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
    }
    match body {
        [0xef, 0xbb, 0xbf, ..] => decode(body, "utf-8-sig"),
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => decode(body, "utf-16"),
        _ => decode(body, declared(body).unwrap_or("utf-8")),
    }
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })
}

/// The encoding in `<?xml … encoding="…"?>`.
fn declared(body: &[u8]) -> Option<&str> {
    let head = body.strip_prefix(b"<?xml")?;
    let head = head.split(|byte| *byte == b'>').next().and_then(|h| std::str::from_utf8(h).ok())?;
    let (_, rest) = head.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.get(1..)?.split_once(quote).map(|(name, _)| name)
}

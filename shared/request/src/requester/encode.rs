//! Percent-encoding as Python's `urllib.parse` does it.

use std::fmt::Write as _;

/// `urllib.parse.quote`: letters, digits, `_.-~` and the `safe` characters stay.
pub fn quote(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte.is_ascii_alphanumeric() || "_.-~".contains(c) || (byte < 128 && safe.contains(c)) {
            out.push(c);
        } else {
            // Writing to a `String` cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

/// `urllib.parse.quote_plus`: spaces become `+`.
pub fn quote_plus(text: &str) -> String {
    quote(text, " ").replace(' ', "+")
}

//! Percent-encoding as Python's `urllib.parse` does it.

/// `urllib.parse.quote`: letters, digits, `_.-~` and the `safe` characters stay.
pub fn quote(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        out.push_str(&quote_byte(byte, safe));
    }
    out
}

/// `urllib.parse.quote_plus`: spaces become `+`.
pub fn quote_plus(text: &str) -> String {
    quote(text, " ").replace(' ', "+")
}

/// Percent-encodes what a part of a URL may not hold, as urllib3 and python-requests do it
/// together: what is encoded stays encoded, unless it need not be or a `%` stands alone.
pub(super) fn requote(part: &str, extra: &str) -> String {
    let bytes = part.as_bytes();
    let escape = |at: usize| {
        let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (high, low) = (digit(at + 1)?, digit(at + 2)?);
        u8::try_from(high * 16 + low).ok()
    };
    let lone = bytes.iter().enumerate().any(|(at, b)| *b == b'%' && escape(at).is_none());
    let mut out = String::with_capacity(part.len());
    let safe = format!("!$&'()*+,;=:{extra}");
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let c = char::from(*byte);
        let encoded = if c == '%' { escape(at) } else { None };
        match encoded {
            Some(inner) if lone => {
                at += 2;
                out.push_str("%25");
                out.push_str(&hex(inner));
            }
            Some(inner) => {
                at += 2;
                out.push_str(&quote_byte(inner, ""));
            }
            None => out.push_str(&quote_byte(*byte, &safe)),
        }
        at += 1;
    }
    out
}

fn quote_byte(byte: u8, safe: &str) -> String {
    let c = char::from(byte);
    if byte.is_ascii_alphanumeric() || "_.-~".contains(c) || (byte < 128 && safe.contains(c)) {
        c.to_string()
    } else {
        format!("%{}", hex(byte))
    }
}

fn hex(byte: u8) -> String {
    format!("{byte:02X}")
}

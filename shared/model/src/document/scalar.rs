//! Plain scalars, resolved as YAML 1.1 is by `PyYAML`
//! (<https://github.com/yaml/pyyaml/blob/main/lib/yaml/resolver.py>).

use super::NodeValue;

/// What a plain scalar stands for.
pub(super) fn resolve(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return NodeValue::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return NodeValue::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return NodeValue::Bool(false);
        }
        _ => {}
    }
    match float(text).or_else(|| integer(text)) {
        Some(token) => NodeValue::Number(token),
        None => NodeValue::String(text.to_owned()),
    }
}

/// The token of an integer: decimal, `0b`, `0x`, octal by a leading zero, or base 60.
pub(super) fn integer(text: &str) -> Option<String> {
    let (sign, body) = sign(text);
    let digits = body.replace('_', "");
    let radix = |prefix: &str, radix| {
        let rest = digits.strip_prefix(prefix).filter(|_| body.starts_with(prefix))?;
        let first = rest.chars().next()?;
        first.is_digit(radix).then(|| u128::from_str_radix(rest, radix).ok())?
    };
    let token = if body == "0" {
        "0".to_owned()
    } else if let Some(n) = radix("0b", 2).or_else(|| radix("0x", 16)) {
        n.to_string()
    } else if body.starts_with('0') {
        u128::from_str_radix(&digits, 8).ok()?.to_string()
    } else if !body.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    } else if body.contains(':') {
        base60(body)?.to_string()
    } else if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits
    } else {
        return None;
    };
    Some(if token == "0" { token } else { format!("{sign}{token}") })
}

/// The token of a float. A point is needed, and an exponent needs its sign: `1e5` is text.
pub(super) fn float(text: &str) -> Option<String> {
    let (sign, body) = sign(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let figures = exponent.strip_prefix(['-', '+'])?;
        if figures.is_empty() || !figures.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    let starts_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let whole = if whole.contains(':') {
        if exponent.is_some() || !starts_with_digit(whole) {
            return None;
        }
        base60(whole)?.to_string()
    } else if whole.is_empty() && text.starts_with('.') && starts_with_digit(fraction) {
        "0".to_owned()
    } else if starts_with_digit(whole) && digits(whole) {
        let plain = whole.replace('_', "");
        let significant = plain.trim_start_matches('0');
        if significant.is_empty() { "0".to_owned() } else { significant.to_owned() }
    } else {
        return None;
    };
    let fraction = fraction.replace('_', "");
    let fraction = if fraction.is_empty() { "0" } else { &fraction };
    let exponent = exponent.map(|e| format!("e{e}")).unwrap_or_default();
    Some(format!("{sign}{whole}.{fraction}{exponent}"))
}

/// Whether `PyYAML` would make a date or a date-time of this plain scalar.
pub(super) fn is_date(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else {
        return is_date_time(text);
    };
    (rest.is_empty() && shape(date, "dddd-dd-dd")) || is_date_time(text)
}

/// `year-month-day`, a `T` or blanks, `hour:minute:second[.fraction]`, an optional zone.
fn is_date_time(text: &str) -> bool {
    let Some(gap) = text.find(['T', 't', ' ', '\t']) else { return false };
    let Some((date, rest)) = text.split_at_checked(gap) else { return false };
    let time = match rest.strip_prefix(['T', 't']) {
        Some(time) => time,
        None => rest.trim_start_matches([' ', '\t']),
    };
    let dated = ["dddd-dd-dd", "dddd-d-dd", "dddd-dd-d", "dddd-d-d"].iter();
    let mut dated = dated.map(|form| shape(date, form));
    let end = time.find(['Z', '-', '+', ' ', '\t']).unwrap_or(time.len());
    let Some((clock, zone)) = time.split_at_checked(end) else { return false };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let zone = zone.trim_start_matches([' ', '\t']);
    let offset = zone.strip_prefix(['-', '+']);
    let zoned = zone.is_empty()
        || zone == "Z"
        || offset.is_some_and(|o| ["d", "dd", "d:dd", "dd:dd"].iter().any(|form| shape(o, form)));
    dated.any(|fits| fits)
        && (shape(clock, "dd:dd:dd") || shape(clock, "d:dd:dd"))
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && zoned
}

/// Whether a text has the form, in which `d` stands for a digit.
fn shape(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(b, f)| match f {
            b'd' => b.is_ascii_digit(),
            _ => b == f,
        })
}

fn sign(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// `1:30` is 90: parts after the first lie below 60.
fn base60(text: &str) -> Option<u128> {
    let mut parts = text.split(':');
    let first = parts.next()?.replace('_', "");
    let mut sum = first.parse::<u128>().ok()?;
    for part in parts {
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let value = part.parse::<u128>().ok().filter(|value| fits && *value < 60)?;
        sum = sum.checked_mul(60)?.checked_add(value)?;
    }
    Some(sum)
}

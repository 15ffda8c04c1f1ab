//! Numbers, never through floats.

use super::Problem;
use crate::kind::Kind;
use crate::violation::Rule;

/// Why a text is no number of the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// It is no number.
    NoNumber,
    /// It has more digits after the point than are kept.
    Fraction,
    /// It has more digits in all than fit.
    Large,
}

impl NumberFault {
    pub(super) fn problem(self, kind: Kind) -> Problem {
        let rule = if self == Self::NoNumber { Rule::Type } else { Rule::Overflow };
        Problem::of(rule, format!("{kind}"))
    }
}

/// A whole number of 64 bits; `1e3` and `5.0` are some, too.
pub(super) fn integer(text: &str) -> Result<i64, Problem> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match scaled(text, 38, 0) {
        Ok(number) => i64::try_from(number)
            .map_err(|_| Problem::of(Rule::Overflow, "a whole number of 64 bits")),
        Err(NumberFault::Large) => Err(Problem::of(Rule::Overflow, "a whole number of 64 bits")),
        Err(_) => Err(Problem::of(Rule::Type, "a whole number")),
    }
}

/// Digits that 128 bits always hold.
const MOST: usize = 38;

/// A number times ten to the power of `scale`, when that is whole and has at most `precision`
/// digits.
pub(crate) fn scaled(text: &str, precision: u8, scale: u8) -> Result<i128, NumberFault> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, power(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
        return Err(NumberFault::NoNumber);
    }
    let zeroes = |part: &str| part.len() - part.trim_end_matches('0').len();
    let trailing = match zeroes(fraction) {
        all if all == fraction.len() => all + zeroes(whole),
        some => some,
    };
    let significant = whole.len() + fraction.len() - trailing;
    let digits = whole.bytes().chain(fraction.bytes()).take(significant);
    let digits = digits.skip_while(|digit| *digit == b'0').take(MOST + 1);
    let (value, length) = digits.fold((0_i128, 0), |(value, length), digit| {
        (value.wrapping_mul(10).wrapping_add(i128::from(digit - b'0')), length + 1)
    });
    if length == 0 {
        return Ok(0);
    }
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let moved = exponent
        .saturating_sub(count(fraction.len()))
        .saturating_add(count(trailing))
        .saturating_add(i64::from(scale));
    let Ok(moved) = usize::try_from(moved) else {
        return Err(if moved < 0 { NumberFault::Fraction } else { NumberFault::Large });
    };
    if length > MOST || length.saturating_add(moved) > usize::from(precision) {
        return Err(NumberFault::Large);
    }
    let value = value * 10_i128.pow(u32::try_from(moved).unwrap_or(0));
    Ok(if negative { -value } else { value })
}

/// An exponent; one beyond all bounds is as good as a large one.
fn power(text: &str) -> Result<i64, NumberFault> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberFault::NoNumber);
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    Ok(if text.starts_with('-') { -size } else { size })
}

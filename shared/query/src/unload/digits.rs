//! Decimals from their texts.

/// The digits of a number at a scale, finer ones rounded half away from zero; none for what is no
/// number or needs more digits than there are.
pub(super) fn digits(token: &str, precision: u8, scale: u8) -> Option<i128> {
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Zeros to put behind the digits so that they count units of the scale.
    let zeros = i64::from(scale) + exponent - i64::try_from(fraction.len()).ok()?;
    let all = all.trim_start_matches('0');
    let number = if all.is_empty() {
        0
    } else if zeros >= 0 {
        let width = i64::try_from(all.len()).ok()?.checked_add(zeros)?;
        let zeros = usize::try_from(zeros).ok().filter(|_| width <= i64::from(precision))?;
        format!("{all}{}", "0".repeat(zeros)).parse::<i128>().ok()?
    } else {
        rounded(all, usize::try_from(-zeros).ok()?)?
    };
    let fits = number < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if negative { -number } else { number })
}

/// Digits without their last ones.
fn rounded(all: &str, cut: usize) -> Option<i128> {
    if cut > all.len() {
        return Some(0);
    }
    let (kept, lost) = all.split_at_checked(all.len() - cut)?;
    let kept = if kept.is_empty() { 0 } else { kept.parse::<i128>().ok()? };
    let up = lost.bytes().next().is_some_and(|first| first >= b'5');
    Some(kept + i128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(token: &str, expected: Option<i128>) {
        assert_eq!(digits(token, 6, 2), expected, "{token}");
    }

    #[test]
    fn numbers_become_units_of_their_scale() {
        check("12.5", Some(1250));
        check("-12.345", Some(-1235));
        check("0.004", Some(0));
        check("0.005", Some(1));
        check("1e3", Some(100_000));
        check("1.5E-1", Some(15));
        check("000", Some(0));
        check("0e99999", Some(0));
    }

    #[test]
    fn what_does_not_fit_is_none() {
        check("9999.99", Some(999_999));
        check("10000", None);
        check("9999.999", None);
        check("1e99999999", None);
        check("x", None);
        check("", None);
        check("NaN", None);
        check("1.2.3", None);
    }
}

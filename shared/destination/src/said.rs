//! What APIs say of items, fit to be kept and shown: short, and without anybody's address.

use crate::answer::cut;

/// Most characters that are kept.
const MOST: usize = 500;

/// Digits of telephone numbers: as many as the longest have, and no fewer than the shortest with
/// an area code; fewer where a `+` says what they are.
const DIGITS: std::ops::RangeInclusive<usize> = 10..=15;
const AFTER_PLUS: std::ops::RangeInclusive<usize> = 7..=15;

/// A message without e-mail addresses and telephone numbers, and no longer than what is kept.
pub(crate) fn said(message: &str) -> String {
    let mut text = String::new();
    let message = cut(message, 2 * MOST);
    let mut rest = message.as_str();
    while let Some(first) = rest.chars().next() {
        let (length, shown) = if let Some(length) = phone(rest) {
            (length, Some("<phone>"))
        } else if is_gap(first) {
            (first.len_utf8(), None)
        } else {
            let end = rest.find(is_gap).unwrap_or(rest.len());
            (end, rest.get(..end).and_then(instead))
        };
        let (taken, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        text.push_str(shown.unwrap_or(taken));
        rest = behind;
    }
    cut(&text, MOST)
}

/// What is shown instead of a word; none where the word itself is.
fn instead(word: &str) -> Option<&'static str> {
    let is_address = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty();
    let number = word.trim_end_matches('.');
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    if word.split_once('@').or_else(|| word.split_once("%40")).is_some_and(is_address) {
        Some("<e-mail>")
    } else if is_number && DIGITS.contains(&number.len()) {
        Some("<phone>")
    } else {
        None
    }
}

/// What stands between words.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || "\"'<>()[]{},;:=|/?&".contains(c)
}

/// The length of a telephone number that begins here, with its country's code.
fn phone(rest: &str) -> Option<usize> {
    let number = rest.strip_prefix('+')?;
    let is_part = |c: &char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let (mut digits, mut length) = (0, 0);
    for (at, c) in number.chars().take_while(is_part).enumerate() {
        if c.is_ascii_digit() {
            (digits, length) = (digits + 1, at + 1);
        }
    }
    AFTER_PLUS.contains(&digits).then_some(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_of_people_are_not_repeated() {
        let told = [
            ("e-mail ada@x.example exists", "e-mail <e-mail> exists"),
            ("(\"Ada+1@x.example\"): twice", "(\"<e-mail>\"): twice"),
            ("?email=ada%40x.example&n=1", "?email=<e-mail>&n=1"),
            ("call +49 (151) 234-5678 or 919886012345.", "call <phone> or <phone>"),
            ("mobile 919886012345 is taken", "mobile <phone> is taken"),
            (
                "+1 of 2, 8006: bill T-0000000123 of 2026-01-02",
                "+1 of 2, 8006: bill T-0000000123 of 2026-01-02",
            ),
            ("an @ alone, ünïcödé", "an @ alone, ünïcödé"),
            ("", ""),
        ];
        for (message, shown) in told {
            assert_eq!(said(message), shown);
        }
        assert_eq!(said(&"x".repeat(900)).len(), MOST);
    }
}

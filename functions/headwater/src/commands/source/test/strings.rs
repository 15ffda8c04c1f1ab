//! The strings of a JSON text, changed in place: all else keeps its bytes.

/// Gives every string that is a value, with the key before it, to a function that may put another
/// one in its place.
pub(super) fn rewrite(text: &str, change: impl Fn(Option<&str>, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut key: Option<String> = None;
    while let Some(start) = rest.find(['"', '{', '}']) {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        if !from.starts_with('"') {
            key = None;
            let (brace, after) = from.split_at(1);
            out.push_str(brace);
            rest = after;
            continue;
        }
        let (literal, after) = from.split_at(end(from));
        rest = after;
        let value = serde_json::from_str::<String>(literal).ok();
        if after.trim_start().starts_with(':') {
            key = value;
            out.push_str(literal);
            continue;
        }
        let changed = value
            .as_deref()
            .and_then(|value| change(key.as_deref(), value).filter(|changed| changed != value));
        match changed {
            Some(changed) => out.push_str(&serde_json::Value::String(changed).to_string()),
            None => out.push_str(literal),
        }
    }
    out.push_str(rest);
    out
}

/// The length of the string literal that a text begins with.
fn end(text: &str) -> usize {
    let mut escaped = false;
    let closing = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(text.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_change_and_all_else_keeps_its_bytes() {
        let text = r#"{"a" : "x", "b":[1.50,"x","y\"x"], "x": {"c":"x"}, "d": 1e400, "e": "x"#;
        let changed =
            rewrite(text, |key, value| (value == "x").then(|| format!("{}!", key.unwrap_or("-"))));
        let expected =
            r#"{"a" : "a!", "b":[1.50,"b!","y\"x"], "x": {"c":"c!"}, "d": 1e400, "e": "x"#;
        assert_eq!(changed, expected);
    }
}

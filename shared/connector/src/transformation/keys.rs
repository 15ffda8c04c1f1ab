//! Transformations of the keys of a record.

use std::sync::Arc;

use request::value::{Dict, Key, Value};

/// Lower-case keys at the top.
pub(super) fn lower(record: &mut Value) {
    if let Some(dict) = record.as_dict_mut() {
        *dict = dict
            .iter()
            .map(|(key, value)| (named(key, &str::to_lowercase), value.clone()))
            .collect();
    }
}

/// Renames keys at any depth of mappings; lists are left as they are.
pub(super) fn rename(value: &mut Value, name: &impl Fn(&str) -> String) {
    let Value::Dict(dict) = value else { return };
    let renamed = dict.iter().map(|(key, value)| {
        let mut value = value.clone();
        rename(&mut value, name);
        (named(key, name), value)
    });
    *dict = Arc::new(renamed.collect());
}

fn named(key: &Key, name: &impl Fn(&str) -> String) -> Key {
    match key.as_str() {
        Some(text) => Key::from(name(text).as_str()),
        None => key.clone(),
    }
}

/// `fooBar 2` → `foo_bar_2`.
pub(super) fn snake(key: &str) -> String {
    let mut tokens = tokens(key);
    if tokens.len() >= 3 {
        let last = tokens.len() - 1;
        let mut i = 0;
        tokens.retain(|token| {
            i += 1;
            i == 1 || i == last + 1 || !token.is_empty()
        });
    }
    if tokens.first().is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit())) {
        tokens.insert(0, String::new());
    }
    tokens.join("_")
}

/// Words (an upper-case run with what follows, a lower-case run), numbers, and empty tokens for
/// all else between them.
fn tokens(key: &str) -> Vec<String> {
    let chars: Vec<char> = key.chars().collect();
    let mut tokens = Vec::new();
    let mut rest = chars.as_slice();
    while let Some(first) = rest.first() {
        let run =
            |test: fn(&char) -> bool, from: &[char]| from.iter().take_while(|c| test(c)).count();
        let length = match first {
            c if c.is_ascii_uppercase() => {
                let upper = run(char::is_ascii_uppercase, rest);
                upper + run(char::is_ascii_lowercase, rest.get(upper..).unwrap_or_default())
            }
            c if c.is_ascii_lowercase() => run(char::is_ascii_lowercase, rest),
            c if c.is_ascii_digit() => run(char::is_ascii_digit, rest),
            _ => {
                tokens.push(String::new());
                rest = rest.get(run(|c| !c.is_ascii_alphanumeric(), rest)..).unwrap_or_default();
                continue;
            }
        };
        let (word, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        tokens.push(word.iter().collect::<String>().to_lowercase());
        rest = tail;
    }
    tokens
}

/// Brings all leaves to the top; a name that is taken, and everything after a list, is prefixed by
/// the name of its parent.
pub(super) fn flatten(record: &mut Value, lists: bool) {
    let mut flat = Dict::default();
    let mut stack = vec![("_".to_owned(), record.clone())];
    let mut prefixed = false;
    while let Some((name, value)) = stack.pop() {
        match &value {
            Value::Dict(dict) => {
                for (key, value) in dict.iter() {
                    let key = key.value().to_string();
                    let taken = prefixed || flat.contains(&key);
                    let key = if taken { format!("{name}.{key}") } else { key };
                    stack.push((key, value.clone()));
                }
            }
            Value::List(items) if lists => {
                prefixed |= !items.is_empty();
                let named = |(i, item): (usize, &Value)| (format!("{name}.{i}"), item.clone());
                stack.extend(items.iter().enumerate().map(named));
            }
            _ => {
                flat.insert(name.as_str(), value);
            }
        }
    }
    *record = Value::from(flat);
}

#[cfg(test)]
mod tests {
    use request::value::Style;
    use serde_json::json;

    use super::*;

    #[test]
    fn snake_case_separates_words_and_numbers() {
        for (key, expected) in [
            ("fooBar", "foo_bar"),
            ("Some Name", "some_name"),
            ("HTTPServer", "httpserver"),
            ("2ndPlace", "_2_nd_place"),
            ("a--b", "a_b"),
            ("_x", "_x"),
        ] {
            assert_eq!(snake(key), expected, "{key}");
        }
    }

    #[test]
    fn flattening_prefixes_what_a_list_held() {
        let mut record = Value::from(&json!({"a": {"b": 1}, "l": [{"b": 2}]}));
        flatten(&mut record, true);
        assert_eq!(record.json_text(Style::Compact), r#"{"l.0.b":2,"a.b":1}"#);
    }
}

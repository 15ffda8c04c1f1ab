//! What must not stand in a cassette, and what stands there instead.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::strings::rewrite;

/// Begins what stands in a secret's place. Its characters stand in any text as they are.
const REMOVED: &str = "removed";

/// Shorter secrets cannot be told from ordinary text.
const SHORTEST: usize = 4;

/// Names of settings and parameters whose values are secret, without case and separators.
const SECRETIVE: [&str; 19] = [
    "accesstoken",
    "apikey",
    "apisecret",
    "apitoken",
    "assertion",
    "authtoken",
    "bearertoken",
    "clientassertion",
    "clientsecret",
    "idtoken",
    "jwt",
    "passphrase",
    "password",
    "privatekey",
    "refreshtoken",
    "secret",
    "sessiontoken",
    "signature",
    "token",
];

/// Header fields whose names hold one of these carry credentials.
const CREDENTIALS: [&str; 7] = ["auth", "cookie", "key", "secret", "session", "sign", "token"];

/// A secret, and what stands in its place.
#[derive(Debug)]
struct Secret {
    value: String,
    instead: String,
}

/// Removes secrets from texts: those of the configuration, and those that answers gave.
pub(super) struct Redactor(Mutex<Vec<Secret>>);

impl std::fmt::Debug for Redactor {
    /// Without what it knows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Of a configuration: the values that its specification calls secret, and those whose names
    /// do. Gives the configuration without them too.
    pub(super) fn of(specification: &Value, config: &Value) -> (Self, Value) {
        let redactor = Self(Mutex::default());
        let mut clean = config.clone();
        redactor.take(&mut clean, &[specification], &mut Vec::new());
        (redactor, clean)
    }

    /// Takes secrets out of a part of the configuration that these schemas describe.
    fn take(&self, config: &mut Value, schemas: &[&Value], path: &mut Vec<String>) {
        match config {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let own: Vec<&Value> = schemas.iter().flat_map(|s| of_field(s, name)).collect();
                    path.push(name.clone());
                    self.take(value, &own, path);
                    path.pop();
                }
            }
            Value::Array(list) => {
                let own: Vec<&Value> =
                    schemas.iter().filter_map(|schema| schema.get("items")).collect();
                for value in list {
                    self.take(value, &own, path);
                }
            }
            Value::String(text) => {
                let named = path.last().is_some_and(|name| is_secretive(name));
                let is_address = text.starts_with("http://") || text.starts_with("https://");
                if schemas.iter().any(|s| is_secret(s)) || (named && !is_address) {
                    *text = self.learn(text, &path.join("."));
                }
            }
            Value::Number(_) if schemas.iter().any(|s| is_secret(s)) => {
                let number = config.to_string();
                *config = Value::String(self.learn(&number, &path.join(".")));
            }
            _ => {}
        }
    }

    /// Remembers a secret; gives what stands in its place.
    fn learn(&self, value: &str, name: &str) -> String {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if value.starts_with(REMOVED) || value.is_empty() {
            return value.to_owned();
        }
        if let Some(known) = secrets.iter().find(|secret| secret.value == value) {
            return known.instead.clone();
        }
        let instead = format!("{REMOVED}.{name}");
        secrets.push(Secret { value: value.to_owned(), instead: instead.clone() });
        // A secret that holds another one goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
        instead
    }

    /// A text without secrets, however they are written in it.
    pub(super) fn text(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clean = text.to_owned();
        let long = secrets.iter().filter(|secret| secret.value.len() >= SHORTEST);
        for secret in long.clone() {
            let escaped = utf8_percent_encode(&secret.value, NON_ALPHANUMERIC).to_string();
            for form in [&secret.value, &escaped, &escaped.replace("%20", "+")] {
                clean = clean.replace(form.as_str(), &secret.instead);
            }
        }
        let values: Vec<&str> = long.map(|secret| secret.value.as_str()).collect();
        without_disguises(&clean, &values)
    }

    /// An address without secrets: its parts are judged as the API reads them.
    pub(super) fn url(&self, url: &str) -> String {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let parts: Vec<String> = path.split('/').map(|part| self.part(part)).collect();
        if query.is_empty() {
            return parts.join("/");
        }
        format!("{}?{}", parts.join("/"), self.form(query))
    }

    /// A form, or a query, without secrets.
    fn form(&self, form: &str) -> String {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if is_secretive(name) && !value.is_empty() => {
                let known = self.part(value);
                let instead = if known.starts_with(REMOVED) { &known } else { REMOVED };
                format!("{name}={instead}")
            }
            Some((name, value)) => format!("{name}={}", self.part(value)),
            None => self.part(pair),
        };
        form.split('&').map(pair).collect::<Vec<_>>().join("&")
    }

    /// A part of an address; as it was where it holds no secret.
    fn part(&self, part: &str) -> String {
        let spaced = part.replace('+', " ");
        let plain = percent_decode_str(&spaced).decode_utf8_lossy();
        let clean = self.text(&plain);
        if clean == plain { self.text(part) } else { clean.replace(' ', "+") }
    }

    /// The body of a request without secrets.
    pub(super) fn body(&self, body: &str) -> String {
        let is_json = body.starts_with(['{', '[']);
        if is_json {
            return rewrite(body, |key, value| {
                if key.is_some_and(is_secretive) && !value.is_empty() {
                    let known = self.text(value);
                    let instead = if known.starts_with(REMOVED) { known } else { REMOVED.into() };
                    return Some(instead);
                }
                Some(self.text(value))
            });
        }
        let is_form = body.contains('=') && !body.contains(['<', '\n', '"', ' ']);
        if is_form { self.form(body) } else { self.text(body) }
    }

    /// The body of an answer without secrets. The tokens that it hands out are secrets from now
    /// on; `number` tells those of one answer from those of another. A field `token` is one where
    /// the call was made to get it.
    pub(super) fn answer(&self, body: &str, is_login: bool, number: usize) -> String {
        if !body.trim_start().starts_with(['{', '[']) {
            return self.text(body);
        }
        rewrite(body, |key, value| {
            let Some(name) = key.filter(|key| is_secretive(key) && (is_login || *key != "token"))
            else {
                return Some(self.text(value));
            };
            Some(self.learn(value, &format!("{name}.{number}")))
        })
    }

    /// A header field without secrets.
    pub(super) fn header(&self, name: &str, value: &str) -> String {
        let lower = name.to_ascii_lowercase();
        if CREDENTIALS.iter().any(|word| lower.contains(word)) {
            return REMOVED.to_owned();
        }
        self.text(value)
    }

    /// What a text still gives away: the names of the secrets in it.
    pub(super) fn leaks(&self, text: &str) -> Vec<String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = secrets.iter().filter(|s| s.value.len() >= SHORTEST && text.contains(&s.value));
        found.map(|secret| secret.instead.clone()).collect()
    }
}

/// Whether something was taken out of a text.
pub(super) fn is_redacted(text: &str) -> bool {
    text.contains(REMOVED)
}

/// Words of a text that hold a secret in Base64 are replaced whole.
fn without_disguises(text: &str, secrets: &[&str]) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let hides = |word: &str| {
        let decoded = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word));
        decoded.is_ok_and(|bytes| {
            let plain = String::from_utf8_lossy(&bytes);
            secrets.iter().any(|secret| plain.contains(secret))
        })
    };
    let words = text.split(|c| !is_base64(c)).filter(|word| word.len() > SHORTEST && hides(word));
    let mut hiding: Vec<&str> = words.collect();
    hiding.sort_by_key(|word| std::cmp::Reverse(word.len()));
    hiding.iter().fold(text.to_owned(), |clean, word| clean.replace(word, REMOVED))
}

fn is_secretive(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    SECRETIVE.contains(&plain.to_ascii_lowercase().as_str())
}

fn is_secret(schema: &Value) -> bool {
    schema.get("airbyte_secret").and_then(Value::as_bool) == Some(true)
}

/// The schemas of a field: its own, and those of alternatives.
fn of_field<'s>(schema: &'s Value, name: &str) -> Vec<&'s Value> {
    let own = schema.get("properties").and_then(|properties| properties.get(name));
    let lists = ["oneOf", "anyOf", "allOf"].iter().filter_map(|list| schema.get(*list)?.as_array());
    own.into_iter().chain(lists.flatten().flat_map(|one| of_field(one, name))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> (Redactor, Value) {
        let specification = json!({"properties": {
            "key": {"airbyte_secret": true},
            "login": {"oneOf": [{"properties": {"pin": {"type": "integer", "airbyte_secret": true}}}]},
        }});
        let config = json!({
            "key": "k/ey +1\"",
            "login": {"pin": 4_815_162},
            "password": "hunter22",
            "token_url": "https://a.example/token",
        });
        Redactor::of(&specification, &config)
    }

    #[test]
    fn secrets_of_a_configuration_are_known_by_specification_and_by_name() {
        let (_, clean) = redactor();
        let expected = json!({
            "key": "removed.key",
            "login": {"pin": "removed.login.pin"},
            "password": "removed.password",
            "token_url": "https://a.example/token",
        });
        assert_eq!(clean, expected);
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let (redactor, _) = redactor();
        for (url, clean) in [
            ("https://a.example/x?k=k%2Fey%20%2B1%22&n=1", "https://a.example/x?k=removed.key&n=1"),
            ("https://a.example/k%2Fey+%2B1%22/x", "https://a.example/removed.key/x"),
            ("https://a.example/x?access_token=abc", "https://a.example/x?access_token=removed"),
            ("https://a.example/x?p=dXNlcjpodW50ZXIyMg==", "https://a.example/x?p=removed=="),
            ("https://a.example/x?q=a%20b&page=2", "https://a.example/x?q=a%20b&page=2"),
        ] {
            assert_eq!(redactor.url(url), clean);
        }
        let body = r#"{"a": "k/ey +1\"", "n": 1.50, "client_secret": "?", "b": ["hunter22!"]}"#;
        let clean = r#"{"a": "removed.key", "n": 1.50, "client_secret": "removed", "b": ["removed.password!"]}"#;
        assert_eq!(redactor.body(body), clean);
        assert_eq!(redactor.body("a=hunter22&grant=x"), "a=removed.password&grant=x");
        assert_eq!(redactor.header("X-Api-Key", "anything"), "removed");
        assert_eq!(redactor.header("X-Version", "4815162"), "removed.login.pin");
    }

    #[test]
    fn what_an_answer_hands_out_is_a_secret_from_then_on() {
        let (redactor, _) = redactor();
        let clean = redactor.answer(r#"{"access_token": "abcdef", "expires_in": 60}"#, true, 7);
        assert_eq!(clean, r#"{"access_token": "removed.access_token.7", "expires_in": 60}"#);
        assert_eq!(
            redactor.url("https://a.example/?t=abcdef"),
            "https://a.example/?t=removed.access_token.7"
        );
        assert_eq!(redactor.answer(r#"{"token": "next-9"}"#, false, 8), r#"{"token": "next-9"}"#);
        assert_eq!(redactor.leaks("…abcdef…"), ["removed.access_token.7"]);
    }
}

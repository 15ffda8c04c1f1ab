//! JSON in and out, tokens and key order kept.

use std::sync::Arc;

use jiter::{Jiter, JiterError, Peek};

use super::{Dict, Key, Number, Selection, Value};

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 128;

/// A text that is not JSON. It says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {reason} at byte {at}")]
pub struct JsonError {
    /// Offset of the fault.
    pub at: usize,
    reason: String,
}

/// How JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No white space; texts as they are.
    Compact,
    /// As Python's `json.dumps`: a space after `,` and `:`, only ASCII.
    Python,
}

impl Value {
    /// Reads a JSON text whole.
    pub fn from_json(text: &[u8]) -> Result<Self, JsonError> {
        Self::select_json(text, &Selection::All)
    }

    /// Reads the selected parts of a JSON text. Fields that are not selected are absent.
    pub fn select_json(text: &[u8], selection: &Selection) -> Result<Self, JsonError> {
        let mut jiter = Jiter::new(text).with_allow_inf_nan();
        let fault = |e: &JiterError| JsonError { at: e.index, reason: reason(e) };
        let first = jiter.peek().map_err(|e| fault(&e))?;
        let value = read(&mut jiter, first, selection, 0).map_err(|e| fault(&e))?;
        jiter.finish().map_err(|e| fault(&e))?;
        Ok(value)
    }

    /// Appends the value as JSON. Dates and times are texts as Python's `str` shows them,
    /// undefined is null.
    pub fn write_json(&self, out: &mut Vec<u8>, style: Style) {
        let separator: (&[u8], &[u8]) = match style {
            Style::Compact => (b",", b":"),
            Style::Python => (b", ", b": "),
        };
        match self {
            Self::Undefined | Self::None => out.extend_from_slice(b"null"),
            Self::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Self::Number(number) => write_number(number, out, style),
            Self::Str(text) => write_text(text, out, style),
            Self::List(items) | Self::Tuple(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(separator.0);
                    }
                    item.write_json(out, style);
                }
                out.push(b']');
            }
            Self::Dict(dict) => write_dict(dict, out, style, separator),
            Self::Object(object) => write_dict(&object.items, out, style, separator),
            Self::DateTime(_) | Self::Date(_) | Self::Period(_) | Self::Method(_) => {
                write_text(&self.to_string(), out, style);
            }
        }
    }

    /// The value as JSON text.
    pub fn json_text(&self, style: Style) -> String {
        let mut out = Vec::new();
        self.write_json(&mut out, style);
        String::from_utf8(out).unwrap_or_default()
    }

    /// The value as `serde_json` has it. Floats and integers beyond 64 bits lose their token.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::from_str(&self.json_text(Style::Compact)).unwrap_or_default()
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => {
                Number::from_token(&number.to_string()).map_or(Self::None, Self::Number)
            }
            serde_json::Value::String(text) => Self::from(text.as_str()),
            serde_json::Value::Array(items) => {
                Self::from(items.iter().map(Self::from).collect::<Vec<_>>())
            }
            serde_json::Value::Object(fields) => Self::from(Dict::from(fields)),
        }
    }
}

impl From<&serde_json::Map<String, serde_json::Value>> for Dict {
    fn from(fields: &serde_json::Map<String, serde_json::Value>) -> Self {
        fields.iter().map(|(key, value)| (key.as_str(), Value::from(value))).collect()
    }
}

fn reason(error: &JiterError) -> String {
    let text = error.to_string();
    text.split(" at ").next().unwrap_or_default().to_owned()
}

fn read(
    jiter: &mut Jiter<'_>,
    peek: Peek,
    selection: &Selection,
    depth: usize,
) -> Result<Value, JiterError> {
    match peek {
        Peek::Null => jiter.known_null().map(|()| Value::None),
        Peek::True | Peek::False => jiter.known_bool(peek).map(Value::Bool),
        Peek::String => jiter.known_str().map(Value::from),
        Peek::Array => {
            let mut items = Vec::new();
            let mut next = jiter.known_array()?;
            while let Some(item) = next {
                items.push(deeper(jiter, item, &Selection::All, depth)?);
                next = jiter.array_step()?;
            }
            Ok(Value::from(items))
        }
        Peek::Object => read_object(jiter, selection, depth),
        _ => {
            let token = jiter.known_number_bytes(peek)?;
            let number = std::str::from_utf8(token).ok().and_then(number);
            Ok(number.map_or(Value::None, Value::Number))
        }
    }
}

/// A number token; `NaN` and the infinities are read as the reference reads them.
fn number(token: &str) -> Option<Number> {
    match token {
        "NaN" => Some(Number::from(f64::NAN)),
        "Infinity" => Some(Number::from(f64::INFINITY)),
        "-Infinity" => Some(Number::from(f64::NEG_INFINITY)),
        _ => Number::from_token(token),
    }
}

fn deeper(
    jiter: &mut Jiter<'_>,
    peek: Peek,
    selection: &Selection,
    depth: usize,
) -> Result<Value, JiterError> {
    if depth >= MAX_DEPTH {
        return Err(JiterError {
            error_type: jiter::JiterErrorType::JsonError(
                jiter::JsonErrorType::RecursionLimitExceeded,
            ),
            index: jiter.current_index(),
        });
    }
    read(jiter, peek, selection, depth + 1)
}

fn read_object(
    jiter: &mut Jiter<'_>,
    selection: &Selection,
    depth: usize,
) -> Result<Value, JiterError> {
    let mut dict = Dict::default();
    let mut key = jiter.known_object()?.map(Arc::<str>::from);
    while let Some(name) = key {
        let peek = jiter.peek()?;
        match selection.field(&name) {
            Some(part) => {
                let value = deeper(jiter, peek, part, depth)?;
                dict.insert(Key::from(name), value);
            }
            None => jiter.known_skip(peek)?,
        }
        key = jiter.next_key()?.map(Arc::<str>::from);
    }
    Ok(Value::from(dict))
}

fn write_number(number: &Number, out: &mut Vec<u8>, style: Style) {
    let text = match style {
        Style::Compact => number.json(),
        Style::Python => number.repr(),
    };
    out.extend_from_slice(match text.as_str() {
        "nan" => b"NaN",
        "inf" => b"Infinity",
        "-inf" => b"-Infinity",
        other => other.as_bytes(),
    });
}

fn write_dict(dict: &Dict, out: &mut Vec<u8>, style: Style, separator: (&[u8], &[u8])) {
    out.push(b'{');
    for (at, (key, value)) in dict.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator.0);
        }
        match key.value() {
            Value::Str(text) => write_text(text, out, style),
            Value::None | Value::Bool(_) | Value::Number(_) => {
                out.push(b'"');
                key.value().write_json(out, style);
                out.push(b'"');
            }
            other => write_text(&other.to_string(), out, style),
        }
        out.extend_from_slice(separator.1);
        value.write_json(out, style);
    }
    out.push(b'}');
}

fn write_text(text: &str, out: &mut Vec<u8>, style: Style) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            c if c < ' ' || (style == Style::Python && !(' '..='\u{7e}').contains(&c)) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            c => {
                let mut bytes = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
    out.push(b'"');
}

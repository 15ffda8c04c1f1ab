//! Filters that encode and digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::super::arguments::{Args, integer, required};
use super::super::error::Halt;
use super::super::operators;
use crate::value::{Style, Value};

pub(super) fn apply(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    let plain = || match value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Undefined => Err(Halt::Undefined),
        other => Err(Halt::failed(format!("{name} takes a text, not {}", other.type_name()))),
    };
    match name {
        "hash" => hash(value, args),
        "hmac" => keyed(value, args),
        "base64encode" => Ok(Value::from(STANDARD.encode(plain()?))),
        "base64decode" => {
            let kept: String = plain()?
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c))
                .collect();
            let bytes = STANDARD.decode(kept).map_err(|_| Halt::failed("not base64"))?;
            String::from_utf8(bytes).map(Value::from).map_err(|_| Halt::failed("not UTF-8"))
        }
        // The reference's filter of this name encodes.
        "base64binascii_decode" => {
            let text = plain()?;
            if !text.is_ascii() {
                return Err(Halt::failed("not ASCII"));
            }
            Ok(Value::from(STANDARD.encode(text)))
        }
        "urlencode" => urlencode(value),
        "string" => match value {
            Value::Str(_) => Ok(value.clone()),
            other => {
                operators::printed(other)?;
                serializable(other)?;
                Ok(Value::from(format!("\"\"\"{}\"\"\"", other.json_text(Style::Python))))
            }
        },
        _ => to_json(value, args),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn hash(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [kind, salt] = args.bind("hash", ["hash_type", "salt"])?;
    let kind = kind.map_or_else(|| "md5".to_owned(), |kind| kind.to_string());
    let mut input = operators::printed(value)?;
    if let Some(salt) = salt.filter(Value::is_truthy) {
        input.push_str(&salt.to_string());
    }
    let digest = match kind.as_str() {
        "md5" => hex(&Md5::digest(input)),
        "sha224" => hex(&Sha224::digest(input)),
        "sha256" => hex(&Sha256::digest(input)),
        "sha384" => hex(&Sha384::digest(input)),
        "sha512" => hex(&Sha512::digest(input)),
        other => {
            return Err(Halt::failed(format!(
                "no hash `{other}`; there are md5, sha224, sha256, sha384 and sha512"
            )));
        }
    };
    Ok(Value::from(digest))
}

fn keyed(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [key, kind] = args.bind("hmac", ["key", "hash_type"])?;
    let key = required(key, "hmac", "key")?.to_string();
    if kind.is_some_and(|kind| kind != Value::from("sha256")) {
        return Err(Halt::failed("only sha256 is allowed"));
    }
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.map_err(|_| Halt::failed("a key of impossible length"))?;
    mac.update(operators::printed(value)?.as_bytes());
    Ok(Value::from(hex(&mac.finalize().into_bytes())))
}

/// What `json.dumps` accepts.
fn serializable(value: &Value) -> Result<(), Halt> {
    match value {
        Value::Undefined | Value::DateTime(_) | Value::Date(_) | Value::Period(_) => {
            Err(Halt::type_error(format!("{} is not JSON serializable", value.type_name())))
        }
        Value::List(items) | Value::Tuple(items) => items.iter().try_for_each(serializable),
        Value::Dict(dict) => dict.values().try_for_each(serializable),
        Value::Object(_) => Err(Halt::type_error("not JSON serializable")),
        _ => Ok(()),
    }
}

/// Jinja2's `tojson`: keys sorted, safe inside HTML.
fn to_json(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [indent] = args.bind("tojson", ["indent"])?;
    if let Some(indent) = indent.filter(|indent| !indent.is_nothing()) {
        integer(&indent, "tojson")?;
        return Err(Halt::failed("tojson with an indent is not supported"));
    }
    operators::printed(value)?;
    serializable(value)?;
    let text = sort_keys(value).json_text(Style::Python);
    let safe = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027");
    Ok(Value::from(safe))
}

fn sort_keys(value: &Value) -> Value {
    match value {
        Value::Dict(dict) => {
            let mut items: Vec<_> = dict.iter().map(|(k, v)| (k.clone(), sort_keys(v))).collect();
            items.sort_by_key(|(key, _)| key.value().to_string());
            Value::from(items.into_iter().collect::<crate::value::Dict>())
        }
        Value::List(items) | Value::Tuple(items) => {
            Value::from(items.iter().map(sort_keys).collect::<Vec<_>>())
        }
        other => other.clone(),
    }
}

fn urlencode(value: &Value) -> Result<Value, Halt> {
    operators::printed(value)?;
    let quote = |value: &Value| crate::requester::quote(&value.to_string(), "/");
    let plus = |value: &Value| crate::requester::quote_plus(&value.to_string());
    match value {
        Value::Dict(dict) => {
            let pairs = dict.iter().map(|(k, v)| format!("{}={}", plus(k.value()), plus(v)));
            Ok(Value::from(pairs.collect::<Vec<_>>().join("&")))
        }
        Value::List(items) | Value::Tuple(items) => {
            let mut pairs = Vec::new();
            for item in items.iter() {
                let [key, value] = operators::iterate(item)?
                    .try_into()
                    .map_err(|_| Halt::failed("urlencode takes pairs"))?;
                pairs.push(format!("{}={}", plus(&key), plus(&value)));
            }
            Ok(Value::from(pairs.join("&")))
        }
        Value::Undefined => Ok(Value::from("")),
        other => Ok(Value::from(quote(other))),
    }
}

//! URLs, joined as Python's `urllib.parse` joins them.

use percent_encoding::percent_decode_str;

use super::body::form_text;
use super::encode::requote;
use crate::error::Error;
use crate::value::Dict;

/// A URL in its five parts, as `urlsplit` cuts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'u> {
    scheme: &'u str,
    host: &'u str,
    path: &'u str,
    query: &'u str,
    fragment: &'u str,
}

fn split(url: &str) -> Parts<'_> {
    let (scheme, rest) = match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("", url),
    };
    let (host, rest) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            rest.split_at_checked(end).unwrap_or((rest, ""))
        }
        None => ("", rest),
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Parts { scheme, host, path, query, fragment }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn unsplit(parts: Parts<'_>) -> String {
    let mut url = String::new();
    if !parts.scheme.is_empty() {
        url.push_str(parts.scheme);
        url.push(':');
    }
    if !parts.host.is_empty() {
        url.push_str("//");
        url.push_str(parts.host);
        if !parts.path.is_empty() && !parts.path.starts_with('/') {
            url.push('/');
        }
    }
    url.push_str(parts.path);
    for (mark, part) in [('?', parts.query), ('#', parts.fragment)] {
        if !part.is_empty() {
            url.push(mark);
            url.push_str(part);
        }
    }
    url
}

/// A base and a path: the base alone when the path is empty; else as a browser resolves the
/// path within the base as a directory. An absolute URL replaces the base, a query of the base
/// is lost.
pub fn join(base: &str, path: &str) -> String {
    if path.is_empty() {
        return base.to_owned();
    }
    if base.is_empty() {
        return path.to_owned();
    }
    let directory = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
    let (base, found) = (split(&directory), split(path));
    if !found.scheme.is_empty() && found.scheme != base.scheme {
        return path.to_owned();
    }
    if !found.host.is_empty() {
        return unsplit(Parts { scheme: base.scheme, ..found });
    }
    if found.path.is_empty() {
        let query = if found.query.is_empty() { base.query } else { found.query };
        return unsplit(Parts { query, fragment: found.fragment, ..base });
    }
    let resolved = resolve(base.path, found.path);
    unsplit(Parts { path: &resolved, query: found.query, fragment: found.fragment, ..base })
}

/// A path within the directory of another, with `.` and `..` taken out.
fn resolve(base: &str, path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    if path.starts_with('/') {
        segments.extend(path.split('/'));
    } else {
        let mut parent: Vec<&str> = base.split('/').collect();
        parent.pop();
        segments.extend(parent);
        segments.extend(path.split('/'));
        // Empty segments inside the base go, the first and the last one stay.
        let last = segments.len().saturating_sub(1);
        let mut at = 0;
        segments.retain(|segment| {
            at += 1;
            at == 1 || at > last || !segment.is_empty()
        });
    }
    let mut resolved: Vec<&str> = Vec::new();
    for segment in &segments {
        match *segment {
            ".." => {
                resolved.pop();
            }
            "." => {}
            other => resolved.push(other),
        }
    }
    if matches!(segments.last(), Some(&("." | ".."))) {
        resolved.push("");
    }
    let joined = resolved.join("/");
    if joined.is_empty() { "/".to_owned() } else { joined }
}

/// Scheme and host (with port, in lower case) of an absolute URL.
pub fn origin(url: &str) -> Result<(String, String), Error> {
    let parts = split(url.trim());
    let scheme = parts.scheme.to_ascii_lowercase();
    let host = parts.host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(port).unwrap_or(&host).to_owned();
    if !matches!(scheme.as_str(), "http" | "https") || host.is_empty() {
        return Err(Error::Url { url: without_query(url) });
    }
    Ok((scheme, host))
}

/// A URL up to its query, without user information: what errors may show.
pub fn without_query(url: &str) -> String {
    let parts = split(url);
    let host = parts.host.rsplit('@').next().unwrap_or_default();
    unsplit(Parts { host, query: "", fragment: "", ..parts })
}

/// The URL with its parameters, those left out that its own query already holds.
pub fn with_params(url: &str, params: &Dict) -> Result<String, Error> {
    let parts = split(url.trim());
    let present = query_pairs(parts.query);
    let mut added = Dict::default();
    for (key, value) in params.iter() {
        let name = key.value().to_string();
        if value.as_dict().is_some() {
            let what = format!("request parameter `{name}`");
            return Err(Error::Kind { what, wanted: "a text, a number or a list of them" });
        }
        let text = value.to_string();
        if !present.iter().any(|(k, v)| *k == name && *v == text) {
            added.insert(key.clone(), value.clone());
        }
    }
    let encoded = form_text(&added);
    let query = match (requote(parts.query, "@/?"), encoded) {
        (own, encoded) if encoded.is_empty() => own,
        (own, encoded) if own.is_empty() => encoded,
        (own, encoded) => format!("{own}&{encoded}"),
    };
    let path = if parts.path.is_empty() { "/".to_owned() } else { requote(parts.path, "@/") };
    let whole = unsplit(Parts { path: &path, query: &query, fragment: "", ..parts });
    origin(&whole)?;
    Ok(whole)
}

/// The path of a URL.
pub(crate) fn url_path(url: &str) -> &str {
    split(url).path
}

/// The parameters of a URL.
pub(crate) fn parameters(url: &str) -> Vec<(String, String)> {
    query_pairs(split(url).query)
}

/// First value of each name in a query; blank ones do not count.
fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key);
        if !value.is_empty() && !pairs.iter().any(|(present, _)| *present == key) {
            pairs.push((key, decode(value)));
        }
    }
    pairs
}

//! Answer headers as templates read them.

use request::error_handler::headers_value;
use request::value::{Dict, Selection, Value};

/// The headers under the names that templates read them by; `link` is the parsed `Link` header.
pub(super) fn value(headers: &[(String, String)], read: Option<&Selection>) -> Value {
    let mut value = headers_value(headers, read);
    let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    let text: Vec<&str> = named.map(|(_, text)| text.as_str()).collect();
    if let Some(dict) = value.as_dict_mut() {
        dict.insert("link", links(&text.join(", ")));
    }
    value
}

/// `<https://…>; rel="next", …` by relation, or by address where there is none.
fn links(header: &str) -> Value {
    let mut links = Dict::default();
    for part in split_links(header) {
        let (url, parameters) = part.split_once(';').unwrap_or((part, ""));
        let url = url.trim_matches(['<', '>', ' ', '\'', '"']);
        let mut link = Dict::default();
        link.insert("url", Value::from(url));
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { break };
            let name = name.trim_matches([' ', '\'', '"']);
            link.insert(name, Value::from(value.trim_matches([' ', '\'', '"'])));
        }
        let name = link.get("rel").or_else(|| link.get("url")).map(ToString::to_string);
        links.insert(name.unwrap_or_default().as_str(), Value::from(link));
    }
    Value::from(links)
}

/// A comma followed by `<` separates links; a comma alone may be part of an address.
fn split_links(header: &str) -> Vec<&str> {
    let header = header.trim_matches([' ', '\'', '"']);
    let mut parts = Vec::new();
    let (mut rest, mut from) = (header, 0);
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(',')).map(|i| i + from) {
        let tail = rest.get(at + 1..).unwrap_or_default();
        if tail.trim_start().starts_with('<') {
            parts.push(rest.get(..at).unwrap_or_default());
            (rest, from) = (tail.trim_start(), 0);
        } else {
            from = at + 1;
        }
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers_are_read_by_relation() {
        let headers = [(
            "Link".to_owned(),
            r#"<http://h/a?x=1,2>; rel="next"; title="t", <http://h/b>; rel=last"#.to_owned(),
        )];
        let value = value(&headers, None);
        let url = |rel| value.get("link").and_then(|l| l.get(rel)).and_then(|l| l.get("url"));
        assert_eq!(url("next").and_then(Value::as_str), Some("http://h/a?x=1,2"));
        assert_eq!(url("last").and_then(Value::as_str), Some("http://h/b"));
    }

    #[test]
    fn a_header_is_found_under_the_name_that_the_template_uses() {
        let headers = [("x-next-page".to_owned(), "2".to_owned())];
        let mut read = Selection::nothing();
        read.add(&["X-Next-Page".to_owned()]);
        assert_eq!(
            value(&headers, Some(&read)).get("X-Next-Page").and_then(Value::as_str),
            Some("2")
        );
        let all = value(&headers, Some(&Selection::All));
        assert!(all.get("X-Next-Page").is_some() && all.get("x-next-page").is_some());
    }
}

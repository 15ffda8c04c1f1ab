//! Answer headers as templates read them.

use request::value::{Dict, Selection, Value};

/// The headers that templates read, under the names they read them by; `link` is the parsed
/// `Link` header. Names are found without regard to case.
pub(super) fn value(headers: &[(String, String)], read: Option<&Selection>) -> Value {
    let mut dict = Dict::default();
    let mut add = |name: &str| {
        if let Some(text) = find(headers, name) {
            dict.insert(name, Value::from(text.as_str()));
        }
    };
    match read {
        None => {}
        Some(Selection::Fields(fields)) => fields.keys().for_each(|name| add(name)),
        Some(Selection::All) => {
            for (name, _) in headers {
                add(name);
                add(&capitalised(name));
            }
        }
    }
    dict.insert("link", links(find(headers, "link").as_deref().unwrap_or_default()));
    Value::from(dict)
}

/// The values of a header, joined as HTTP allows.
fn find(headers: &[(String, String)], name: &str) -> Option<String> {
    let named = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// `x-next-page` → `X-Next-Page`.
fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
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

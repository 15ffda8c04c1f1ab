//! Redirects: where they may lead, and what the next call looks like.

use ports::{Method, Request};
use url::Url;

use crate::policy::{Forbidden, host_name, matches_host};

/// Most redirects of one call.
pub(crate) const MAX_REDIRECTS: usize = 30;

/// Where an answer sends the caller, when it does.
pub(crate) fn target(url: &Url, status: u16, location: Option<&str>) -> Option<Url> {
    match (status, location) {
        (301 | 302 | 303 | 307 | 308, Some(location)) => url.join(location).ok(),
        _ => None,
    }
}

/// The next call. Refuses a place that is neither the same host nor listed by the request; the
/// method and the `Authorization` field follow what browsers and Python's requests do.
pub(crate) fn follow(
    mut request: Request,
    from: &Url,
    to: &Url,
    status: u16,
) -> Result<Request, Forbidden> {
    let same = same_host(from, to);
    if !same && !matches_host(&request.redirect_hosts, &host_name(to), to.port_or_known_default()) {
        return Err(Forbidden(format!("redirect to {} is not allowed", host_name(to))));
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Forbidden("redirect from https to plain http is not allowed".to_owned()));
    }
    if !same {
        request.headers.retain(|(name, _)| {
            !name.eq_ignore_ascii_case("authorization") && !name.eq_ignore_ascii_case("cookie")
        });
    }
    if becomes_get(request.method, status) {
        request.method = Method::Get;
        request.body = None;
        let of_body = ["content-length", "content-type", "transfer-encoding"];
        request.headers.retain(|(name, _)| !of_body.iter().any(|f| name.eq_ignore_ascii_case(f)));
    }
    to.as_str().clone_into(&mut request.url);
    Ok(request)
}

fn becomes_get(method: Method, status: u16) -> bool {
    match status {
        302 | 303 => method != Method::Head,
        301 => method == Method::Post,
        _ => false,
    }
}

/// The same name at the same port, or the step from plain http to https at the usual ports.
fn same_host(from: &Url, to: &Url) -> bool {
    let ports = (from.port_or_known_default(), to.port_or_known_default());
    host_name(from) == host_name(to)
        && (ports.0 == ports.1 || ports == (Some(80), Some(443)) && to.scheme() == "https")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(method: Method, hosts: &[&str]) -> Request {
        Request {
            method,
            url: "https://api.example.com/a".to_owned(),
            headers: vec![("Authorization".to_owned(), "Bearer x".to_owned())],
            body: Some("body".into()),
            timeout: Duration::from_secs(1),
            max_body: 1,
            redirect_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    fn hop(request: Request, to: &str, status: u16) -> Result<Request, Forbidden> {
        let from = Url::parse(&request.url).unwrap();
        follow(request, &from, &Url::parse(to).unwrap(), status)
    }

    #[test]
    fn the_same_host_keeps_its_credentials() {
        let next = hop(request(Method::Get, &[]), "https://API.example.com/b", 307).unwrap();
        assert_eq!(next.headers.len(), 1);
        assert_eq!(next.url, "https://api.example.com/b");
    }

    #[test]
    fn a_listed_host_is_followed_without_credentials() {
        let next =
            hop(request(Method::Get, &["cdn.example.com"]), "https://cdn.example.com/b", 302);
        assert!(next.unwrap().headers.is_empty());
    }

    #[test]
    fn other_hosts_ports_and_plain_http_are_refused() {
        for to in [
            "https://evil.example.com/",
            "https://api.example.com:8443/",
            "http://api.example.com/",
        ] {
            assert!(hop(request(Method::Get, &[]), to, 302).is_err(), "{to}");
        }
    }

    #[test]
    fn a_post_becomes_a_get_unless_the_status_forbids_it() {
        let to = "https://api.example.com/b";
        let seen = hop(request(Method::Post, &[]), to, 303).unwrap();
        assert_eq!((seen.method, seen.body), (Method::Get, None));
        let kept = hop(request(Method::Post, &[]), to, 308).unwrap();
        assert_eq!((kept.method, kept.body.is_some()), (Method::Post, true));
    }

    #[test]
    fn an_answer_without_a_location_is_an_answer() {
        let url = Url::parse("https://api.example.com/a").unwrap();
        assert_eq!(target(&url, 302, None), None);
        assert_eq!(target(&url, 200, Some("/b")), None);
        assert_eq!(target(&url, 301, Some("/b")).unwrap().path(), "/b");
    }
}

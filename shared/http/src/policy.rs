//! Where calls may go.

use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use crate::address::{Reach, reach};

/// Where calls may go: https to public addresses, and whatever scheme to loopback, for the hosts
/// that are listed.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    local: Arc<[String]>,
}

/// A call that the policy forbids, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Forbidden(pub(crate) String);

impl Policy {
    /// Public addresses only.
    pub fn public() -> Self {
        Self::default()
    }

    /// Also loopback, for these hosts: `name` (any port) or `name:port`.
    pub fn with_local(hosts: &[String]) -> Self {
        Self { local: hosts.iter().map(|host| normal(host)).collect() }
    }

    /// Judges a URL as far as its text goes: scheme, listed port, and an address in place of a
    /// name. Names are judged when they are resolved.
    pub(crate) fn judge_url(&self, url: &Url) -> Result<(), Forbidden> {
        let Some(host) = url.host() else {
            return Err(Forbidden("the URL names no host".to_owned()));
        };
        let name = host_name(url);
        let local = matches_host(&self.local, &name, url.port_or_known_default());
        if !local && self.names(&name) {
            return Err(Forbidden("the host is listed with another port".to_owned()));
        }
        if !local && url.scheme() != "https" {
            return Err(Forbidden("plain http is for listed local hosts only".to_owned()));
        }
        match host {
            Host::Ipv4(ip) => self.judge_address(&name, IpAddr::V4(ip)),
            Host::Ipv6(ip) => self.judge_address(&name, IpAddr::V6(ip)),
            Host::Domain(_) => Ok(()),
        }
    }

    /// Judges the port of a host: one that is listed with ports has no others.
    pub(crate) fn judge_port(&self, name: &str, port: u16) -> Result<(), Forbidden> {
        if self.names(name) && !matches_host(&self.local, name, Some(port)) {
            return Err(Forbidden("the host is listed with another port".to_owned()));
        }
        Ok(())
    }

    /// Judges an address that a host's name stands for.
    pub(crate) fn judge_address(&self, name: &str, ip: IpAddr) -> Result<(), Forbidden> {
        match reach(ip) {
            Reach::Public => Ok(()),
            Reach::Loopback if self.names(name) => Ok(()),
            Reach::Loopback => Err(Forbidden(format!("{ip} is a loopback address"))),
            Reach::Closed(kind) => Err(Forbidden(format!("{ip} is a {kind}"))),
        }
    }

    /// Whether a host is listed for any port.
    fn names(&self, name: &str) -> bool {
        self.local.iter().any(|entry| split_port(entry).0 == name)
    }
}

/// Whether one of the entries (`name` or `name:port`) means this host and port.
pub(crate) fn matches_host(entries: &[String], name: &str, port: Option<u16>) -> bool {
    entries.iter().any(|entry| {
        let entry = normal(entry);
        let (listed, at) = split_port(&entry);
        listed == name && (at.is_none() || at == port)
    })
}

/// The host of a URL: lower case, no brackets, no trailing dot.
pub(crate) fn host_name(url: &Url) -> String {
    normal(url.host_str().unwrap_or_default())
}

fn normal(host: &str) -> String {
    host.trim().trim_end_matches('.').replace(['[', ']'], "").to_ascii_lowercase()
}

/// Splits `name:port`; what has several colons is a bare IPv6 address.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy::with_local(&["127.0.0.1:8080".to_owned(), "LocalHost".to_owned(), "::1".to_owned()])
    }

    #[track_caller]
    fn check(url: &str, allowed: bool) {
        let verdict = policy().judge_url(&Url::parse(url).unwrap());
        assert_eq!(verdict.is_ok(), allowed, "{url}: {verdict:?}");
    }

    #[test]
    fn only_listed_hosts_may_be_local() {
        check("http://127.0.0.1:8080/a", true);
        check("http://127.0.0.1:8081/a", false);
        check("https://127.0.0.1:8081/a", false);
        check("http://localhost:1/", true);
        check("http://[::1]:99/", true);
        check("http://127.0.0.2:8080/", false);
    }

    #[test]
    fn plain_http_is_refused_elsewhere() {
        check("http://api.example.com/", false);
        check("https://api.example.com/", true);
    }

    #[test]
    fn an_address_in_disguise_is_judged_as_what_it_is() {
        check("https://2852039166/latest/meta-data", false);
        check("https://0x7f.1/", false);
        check("https://[::ffff:169.254.169.254]/", false);
    }

    #[test]
    fn a_listed_host_may_not_point_at_the_private_network() {
        assert!(policy().judge_address("localhost", [127, 0, 0, 1].into()).is_ok());
        assert!(policy().judge_address("localhost", [10, 0, 0, 1].into()).is_err());
        assert!(policy().judge_address("rebound.example.com", [127, 0, 0, 1].into()).is_err());
    }
}

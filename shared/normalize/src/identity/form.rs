//! Values as they are compared.

use std::net::IpAddr;

use super::rules::{Fact, Form};
use crate::convert::net;

impl Fact {
    /// The value as it is compared; none when it says nothing.
    pub(super) fn normal(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let value = match self.form {
            Form::Text => Some(text.to_owned()),
            Form::Lower => Some(text.to_lowercase()),
            Form::Mac => net::mac(text).ok().flatten(),
            Form::Ip => net::ip(text, net::Reach::Machine).ok().flatten(),
            Form::Hostname => hostname(text),
            Form::ShortName => hostname(text).and_then(|name| short(&name)),
        };
        let value = value.filter(|value| !value.is_empty())?;
        let like = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, &value));
        let says = !like(&self.ignore) && (self.only.is_empty() || like(&self.only));
        says.then_some(value)
    }
}

/// A host name; an address is none.
fn hostname(text: &str) -> Option<String> {
    net::hostname(text).filter(|name| name.parse::<IpAddr>().is_err())
}

fn short(name: &str) -> Option<String> {
    name.split('.').next().map(str::to_owned)
}

/// Whether a text fits a pattern, in which `*` stands for any text; case does not count.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, after)) = left.split_once(piece) else { return false };
        left = after;
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, text: &str, expected: Option<&str>) {
        let fact = Fact { form, ..Fact::default() };
        assert_eq!(fact.normal(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn hardware_addresses_are_compared_in_one_form() {
        for text in ["0A:1B:2C:3D:4E:5F", "0a-1b-2c-3d-4e-5f", "0a1b.2c3d.4e5f"] {
            check(Form::Mac, text, Some("0a:1b:2c:3d:4e:5f"));
        }
        for text in ["00:00:00:00:00:00", "FF-FF-FF-FF-FF-FF", "0a:1b", "not an address", ""] {
            check(Form::Mac, text, None);
        }
    }

    #[test]
    fn addresses_that_mean_no_machine_elsewhere_say_nothing() {
        let nothing = [
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80:0:0:0:8:0:0:1",
            "ff02::1",
            "::",
            "10.0.0",
        ];
        for text in nothing {
            check(Form::Ip, text, None);
        }
        check(Form::Ip, " 10.1.2.3 ", Some("10.1.2.3"));
        check(Form::Ip, "2001:0db8:0:0:0:0:0:1", Some("2001:db8::1"));
        check(Form::Ip, "::ffff:10.1.2.3", Some("10.1.2.3"));
    }

    #[test]
    fn host_names_are_compared_without_case_final_dot_and_local_suffix() {
        check(Form::Hostname, "WIN-A.WORKGROUP", Some("win-a"));
        check(Form::Hostname, "web-1.example.com.", Some("web-1.example.com"));
        check(Form::Hostname, "10.1.2.3", None);
        check(Form::ShortName, "Anna-MBP.lan", Some("anna-mbp"));
        check(Form::ShortName, "ip-10-1-2-3.ec2.internal", Some("ip-10-1-2-3"));
    }

    #[test]
    fn values_like_an_ignored_pattern_say_nothing() {
        let fact = |ignore: &[&str], only: &[&str]| Fact {
            ignore: ignore.iter().map(ToString::to_string).collect(),
            only: only.iter().map(ToString::to_string).collect(),
            ..Fact::default()
        };
        let ignoring = fact(&["none", "desktop-*", "*filled*o.e.m*"], &[]);
        for text in ["None", "DESKTOP-1", "To Be Filled By O.E.M."] {
            assert_eq!(ignoring.normal(text), None, "{text}");
        }
        assert_eq!(ignoring.normal("my-desktop-1").as_deref(), Some("my-desktop-1"));
        let public = fact(&[], &["*.com", "*.net"]);
        assert_eq!(public.normal("a.example.com").as_deref(), Some("a.example.com"));
        assert_eq!(public.normal("a.internal"), None);
    }

    #[test]
    fn a_pattern_s_parts_do_not_overlap() {
        assert!(glob("a*a", "aa"));
        assert!(!glob("a*a", "a"));
        assert!(glob("*", ""));
        assert!(glob("a*b*c", "a-b-b-c"));
        assert!(!glob("a*b*c", "a-c-b"));
    }
}

//! Which addresses are the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Globally reachable.
    Public,
    /// This machine.
    Loopback,
    /// Anything else, by name: never called.
    Closed(&'static str),
}

/// Classifies an address by the IANA special-purpose registries
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>).
/// An IPv6 address that carries an IPv4 one is as far as the one it carries.
pub(crate) fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [127, ..] => Reach::Loopback,
        [0, ..] => Reach::Closed("unspecified address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Closed("private address"),
        [100, 64..=127, ..] => Reach::Closed("carrier-grade NAT address"),
        [169, 254, ..] => Reach::Closed("link-local or metadata address"),
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Reach::Closed("reserved address"),
        [224..=239, ..] => Reach::Closed("multicast address"),
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if ip == Ipv6Addr::LOCALHOST {
        return Reach::Loopback;
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Closed("unspecified address"),
        // Mapped and compatible (::ffff:a.b.c.d, ::a.b.c.d), NAT64, 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b]
        | [0x64, 0xff9b, 0, 0, 0, 0, a, b]
        | [0x2002, a, b, ..] => carried(a, b),
        // NAT64 of a private network, unique local.
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff, ..] => Reach::Closed("private address"),
        // Teredo and the protocol assignments around it, documentation, discard-only.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff | 0x100, ..] => Reach::Closed("reserved address"),
        [0xfe80..=0xfebf, ..] => Reach::Closed("link-local or metadata address"),
        [0xff00..=0xffff, ..] => Reach::Closed("multicast address"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Closed("reserved address"),
    }
}

fn carried(high: u16, low: u16) -> Reach {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    match reach_v4(Ipv4Addr::new(a, b, c, d)) {
        // An address that hides loopback inside IPv6 has no honest use.
        Reach::Loopback => Reach::Closed("loopback address inside IPv6"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ip: &str, expected: Reach) {
        assert_eq!(reach(ip.parse().unwrap()), expected, "{ip}");
    }

    #[test]
    fn public_addresses_are_public() {
        for ip in ["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111"] {
            check(ip, Reach::Public);
        }
    }

    #[test]
    fn loopback_is_told_apart() {
        check("127.0.0.1", Reach::Loopback);
        check("127.255.0.9", Reach::Loopback);
        check("::1", Reach::Loopback);
    }

    #[test]
    fn closed_addresses_are_closed() {
        for ip in [
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
        ] {
            assert!(matches!(reach(ip.parse().unwrap()), Reach::Closed(_)), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_ipv6_counts_as_itself() {
        for ip in [
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(matches!(reach(ip.parse().unwrap()), Reach::Closed(_)), "{ip}");
        }
        check("::ffff:1.1.1.1", Reach::Public);
        check("64:ff9b::1.1.1.1", Reach::Public);
    }
}

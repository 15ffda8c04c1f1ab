//! Names and addresses of machines, in the one form in which they are compared.

use std::net::{IpAddr, Ipv6Addr};

use super::Problem;
use crate::violation::Rule;

/// Which addresses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All.
    Any,
    /// Those that name one machine.
    Machine,
    /// Those of networks of one's own: RFC 1918, unique local, shared by a carrier.
    Private,
    /// Those that the world can reach.
    Public,
}

/// Twelve hexadecimal digits as `aa:bb:cc:dd:ee:ff`; none for the address of nobody or everybody.
pub(crate) fn mac(text: &str) -> Result<Option<String>, Problem> {
    let fault = || Problem::of(Rule::Type, "a hardware address, such as 0a:1b:2c:3d:4e:5f");
    let mut digits = String::with_capacity(17);
    let mut count = 0;
    for sign in text.trim().chars() {
        match sign {
            ':' | '-' | '.' => {}
            _ if sign.is_ascii_hexdigit() && count < 12 => {
                if count > 0 && count % 2 == 0 {
                    digits.push(':');
                }
                digits.push(sign.to_ascii_lowercase());
                count += 1;
            }
            _ => return Err(fault()),
        }
    }
    if count != 12 {
        return Err(fault());
    }
    let is_all = |digit: char| digits.chars().all(|sign| sign == digit || sign == ':');
    Ok((!is_all('0') && !is_all('f')).then_some(digits))
}

/// An address in its shortest form; none when it is of another reach, or names no machine
/// (loopback, link-local, multicast, unspecified) and a reach is asked for.
pub(crate) fn ip(text: &str, reach: Reach) -> Result<Option<String>, Problem> {
    let text = text.trim();
    let bare = text.split_once('%').map_or(text, |(bare, _)| bare);
    let address: IpAddr = bare.parse().map_err(|_| Problem::of(Rule::Type, "an IP address"))?;
    let address = address.to_canonical();
    let is_meant = match reach {
        Reach::Any => true,
        Reach::Machine => names_one(address),
        Reach::Private => names_one(address) && is_private(address),
        Reach::Public => names_one(address) && !is_private(address),
    };
    Ok(is_meant.then(|| address.to_string()))
}

fn names_one(address: IpAddr) -> bool {
    let is_odd = address.is_loopback() || address.is_multicast() || address.is_unspecified();
    !is_odd
        && match address {
            IpAddr::V4(four) => !four.is_link_local() && !four.is_broadcast(),
            IpAddr::V6(six) => !six.is_unicast_link_local(),
        }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            four.is_private() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(six) => Ipv6Addr::is_unique_local(&six),
    }
}

/// Endings that say nothing about which machine it is.
const LOCAL: [&str; 4] = [".workgroup", ".localdomain", ".local", ".lan"];

/// A name in lower case, without the last dot and without endings of local networks.
pub(crate) fn hostname(text: &str) -> Option<String> {
    let name = text.trim().trim_end_matches('.').to_lowercase();
    let bare = LOCAL.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    (!bare.is_empty()).then(|| bare.to_owned())
}

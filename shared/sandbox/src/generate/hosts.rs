//! Machines as three vendors of security agents see them, each in its own shape.
//!
//! The first rows of each vendor are sightings of eight machines that are kept in a file, eighteen
//! in all; those behind them are sightings of machines by number, each seen by two vendors.

mod crowdstrike;
mod qualys;
mod tenable;

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Draft, Rendered};
use crate::account::Account;
use crate::dice::Dice;
use crate::tick::Tick;

const DAY: i64 = 86_400_000;

/// The instant of the file that stands for the birth of a world.
const ANCHOR: &str = "2026-03-03T00:00:00Z";

static KNOWN: LazyLock<Vec<Known>> =
    LazyLock::new(|| serde_json::from_str(include_str!("hosts/machines.json")).unwrap_or_default());

/// A sighting that is kept in the file.
#[derive(Debug, Deserialize)]
struct Known {
    source: String,
    id: String,
    fields: Sighting,
}

/// What one vendor says of one machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Sighting {
    hostname: String,
    hostname_aliases: Vec<String>,
    internal_ips: Vec<String>,
    external_ips: Vec<String>,
    mac_addresses: Vec<String>,
    os_name: String,
    os_kernel: Option<String>,
    serial_number: Option<String>,
    bios_uuid: Option<String>,
    cloud_account_id: Option<String>,
    cloud_instance_id: Option<String>,
    software: Vec<Value>,
    first_seen: Option<Timestamp>,
    last_seen: Timestamp,
}

impl Sighting {
    fn is_windows(&self) -> bool {
        self.os_name.contains("Windows")
    }

    fn platform(&self) -> &'static str {
        match self.os_name.as_str() {
            name if name.contains("Windows") => "Windows",
            name if name.contains("macOS") || name.contains("Ventura") => "Mac",
            _ => "Linux",
        }
    }

    /// The name with its domain, where it has one.
    fn full_name(&self) -> &str {
        let with_domain = |name: &&String| name.contains('.');
        self.hostname_aliases.iter().find(with_domain).unwrap_or(&self.hostname)
    }

    fn short_name(&self) -> &str {
        let without = |name: &&String| !name.contains('.');
        self.hostname_aliases.iter().find(without).unwrap_or(&self.hostname)
    }

    fn internal_ip(&self) -> Option<&str> {
        self.internal_ips.first().map(String::as_str)
    }

    fn external_ip(&self) -> Option<&str> {
        self.external_ips.first().map(String::as_str)
    }
}

/// A row of a vendor, by its place among the vendor's rows.
struct Seen {
    id: String,
    what: Sighting,
}

fn known(source: &str) -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(move |known| known.source == source)
}

fn seen(draft: &Draft<'_>) -> Seen {
    let (source, place) = (draft.account.source, usize::try_from(draft.ordinal).unwrap_or(0));
    if let Some(known) = known(source).nth(place) {
        return Seen { id: known.id.clone(), what: known.fields.clone() };
    }
    let behind = draft.ordinal - i64::try_from(known(source).count()).unwrap_or(0);
    let number = machine_at(source, behind);
    let id = match source {
        "qualys" => (10_000 + number).to_string(),
        "crowdstrike" => format!("{number:032x}"),
        _ => format!("7e000000-0000-4000-9000-{number:012x}"),
    };
    Seen { id, what: machine(draft.seed, number) }
}

/// A vendor does not see every third machine, each another third.
fn blind(source: &str) -> i64 {
    match source {
        "qualys" => 0,
        "crowdstrike" => 1,
        _ => 2,
    }
}

/// The number of the machine at a place among those that a vendor sees.
fn machine_at(source: &str, place: i64) -> i64 {
    let within = (0..3).filter(|third| *third != blind(source));
    let third = within.skip(usize::from(place % 2 == 1)).min().unwrap_or(0);
    place / 2 * 3 + third
}

/// How many rows a vendor has where there are so many machines beside those of the file.
pub(crate) fn rows(account: &Account, machines: u32) -> i64 {
    let seen = (0..i64::from(machines)).filter(|number| number % 3 != blind(account.source));
    i64::try_from(known(account.source).count() + seen.count()).unwrap_or(0)
}

/// When a row was made and last changed, where it is one of the file's: as long before the world
/// began as the file says.
pub(crate) fn instants(account: &Account, ordinal: i64, born: Tick) -> Option<(Tick, Tick)> {
    let known = known(account.source).nth(usize::try_from(ordinal).ok()?)?;
    let anchor: Timestamp = ANCHOR.parse().ok()?;
    let before = |at: Timestamp| born.plus_millis(at.as_millisecond() - anchor.as_millisecond());
    let updated = before(known.fields.last_seen).whole_milli();
    let first = known.fields.first_seen.map_or(updated.plus_millis(-30 * DAY), before);
    Some((first.whole_milli(), updated))
}

/// A machine, by its number: a server in a cloud mostly, or a laptop.
fn machine(seed: u64, number: i64) -> Sighting {
    let mut dice = Dice::of(seed, "machines", &[number]);
    let octet = |shift: u32| (number >> shift) & 0xff;
    let (a, b, c) = (octet(16) + 16, octet(8), octet(0));
    let mac = format!("0a:00:{:02x}:{a:02x}:{b:02x}:{c:02x}", 16 + dice.below(200));
    let external = format!("203.0.{}.{}", 113 + (number & 1), 1 + dice.below(250));
    let common = Sighting {
        external_ips: vec![external],
        mac_addresses: vec![mac],
        software: vec![json!({"name": "curl", "version": format!("8.{}", dice.below(12))})],
        ..Sighting::default()
    };
    if dice.permille(150) {
        let name = format!("staff-{number}");
        return Sighting {
            hostname_aliases: vec![format!("{name}.local")],
            hostname: name,
            internal_ips: vec![format!("192.168.{b}.{c}")],
            os_name: dice.pick(&["macOS 14", "Windows 11 Pro", "Ubuntu 22.04"]).to_owned(),
            ..common
        };
    }
    let server = Sighting {
        internal_ips: vec![format!("10.{a}.{b}.{c}")],
        cloud_account_id: Some("111122223333".to_owned()),
        cloud_instance_id: Some(format!("i-{number:017x}")),
        ..common
    };
    if dice.permille(200) {
        let name = format!("ec2amaz-{number:07x}");
        return Sighting {
            hostname_aliases: vec![name.clone(), format!("{name}.workgroup")],
            hostname: name,
            os_name: "Windows Server 2022 Datacenter".to_owned(),
            ..server
        };
    }
    Sighting {
        hostname: format!("ip-10-{a}-{b}-{c}.ec2.internal"),
        os_name: dice.pick(&["Amazon Linux 2", "Amazon Linux 2023", "Debian 12"]).to_owned(),
        os_kernel: Some(format!("6.1.{}", dice.below(90))),
        ..server
    }
}

/// Writes a row down as its vendor does.
pub(super) fn render(draft: &Draft<'_>) -> Rendered {
    let seen = seen(draft);
    let body = match draft.account.source {
        "qualys" => qualys::host(draft, &seen),
        "crowdstrike" => crowdstrike::device(draft, &seen),
        _ => tenable::asset(draft, &seen),
    };
    // What came last stands first, so that everything moves on when something comes.
    let number = draft.ordinal;
    Rendered { id: seen.id, number, facility: "", list: "", body: body.to_string() }
}

/// `{"$date": …}`, as an export of a document store has it.
fn date(at: Tick) -> Value {
    json!({"$date": at.millis_text()})
}

/// A whole number as such an export has it: wrapped where it is a long one.
fn long(number: i64) -> Value {
    if i32::try_from(number).is_ok() {
        return json!(number);
    }
    json!({"$numberLong": number.to_string()})
}

/// `2024-05-01T07:15:22Z`.
fn seconds(at: Tick) -> String {
    format!("{:.0}", at.timestamp())
}

/// One object of all the fields of several.
fn merged(parts: impl IntoIterator<Item = Value>) -> Value {
    let fields = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(fields.flatten().collect())
}

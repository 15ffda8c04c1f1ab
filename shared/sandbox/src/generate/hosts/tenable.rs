//! Tenable: assets with lists of everything.

use serde_json::{Value, json};

use super::{Seen, Sighting, date, merged};
use crate::generate::Draft;

pub(super) fn asset(draft: &Draft<'_>, seen: &Seen) -> Value {
    let (id, what) = (&seen.id, &seen.what);
    let software: Vec<String> = what.software.iter().map(product).collect();
    let asset = json!({
        "_id": id,
        "id": id,
        "tenable_id": id.replace('-', ""),
        "name": what.full_name(),
        "host_name": what.full_name(),
        "agent_name": what.full_name(),
        "display_fqdn": what.hostname,
        "fqdns": [what.hostname],
        "display_mac_address": what.mac_addresses.first(),
        "mac_addresses": what.mac_addresses,
        "system_type": "general-purpose",
        "types": ["host"],
        "bios_id": what.bios_uuid,
        "has_agent": true,
        "is_public": !what.external_ips.is_empty(),
        "is_deleted": false,
        "is_licensed": true,
        "installed_software": software,
        "mitigations": [],
        "tags": [{"id": "t1", "category": "team", "value": "platform", "type": "static"}],
        "sources": ["NESSUS_AGENT"],
        "network": {"id": "0", "name": "Default"},
        "last_scan_target": what.internal_ip(),
    });
    merged([asset, addresses(what), system(what), observed(draft), cloud(what)])
}

/// A product in the notation of CPE 2.2.
fn product(item: &Value) -> String {
    let text = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default();
    match item {
        Value::String(text) => text.clone(),
        _ => format!("cpe:/a:example:{}:{}", text("name"), text("version")),
    }
}

/// Public addresses stand beside private ones, and first.
fn addresses(what: &Sighting) -> Value {
    let all = || what.external_ips.iter().chain(&what.internal_ips);
    let of = |sign: char| all().filter(|ip| ip.contains(sign)).collect::<Vec<_>>();
    let four = of('.');
    json!({
        "display_ipv4_address": four.first(),
        "ipv4_addresses": four,
        "ipv6_addresses": of(':'),
    })
}

fn system(what: &Sighting) -> Value {
    let system = match &what.os_kernel {
        Some(kernel) => format!("Linux Kernel {kernel} on {}", what.os_name),
        None => what.os_name.clone(),
    };
    json!({"operating_systems": [system], "display_operating_system": system})
}

fn observed(draft: &Draft<'_>) -> Value {
    let mut now = draft.dice_now();
    let (first, last) = (date(draft.created), date(draft.updated));
    json!({
        "vuln_counts":
            {"low": now.below(20), "medium": now.below(20), "high": now.below(9), "critical": 0},
        "observation_sources": [{"name": "NESSUS_AGENT",
            "first_observed": draft.created.millis_text(),
            "last_observed": draft.updated.millis_text()}],
        "created": first,
        "updated": last,
        "first_observed": first,
        "last_observed": last,
        "last_licensed_scan_time": last,
        "last_authenticated_scan_time": draft.updated.millis_text(),
    })
}

fn cloud(what: &Sighting) -> Value {
    let Some(instance) = &what.cloud_instance_id else { return Value::Null };
    json!({
        "aws_ec2_instance_id": instance,
        "aws_owner_id": what.cloud_account_id,
        "aws_region": "us-east-1",
        "aws_availability_zone": "us-east-1a",
        "aws_vpc_id": "vpc-1",
        "aws_subnet_id": "subnet-1",
        "aws_ec2_instance_type": "t3.medium",
        "aws_ec2_ami_id": "ami-0",
        "aws_ec2_state_name": "running",
        "aws_ec2_group_names": ["servers"],
    })
}

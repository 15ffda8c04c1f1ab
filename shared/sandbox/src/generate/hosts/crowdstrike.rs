//! Devices as `CrowdStrike` has them: flat; what is not known is left out.

use serde_json::{Value, json};

use super::{Seen, Sighting, date, merged, seconds};
use crate::generate::Draft;

pub(super) fn device(draft: &Draft<'_>, seen: &Seen) -> Value {
    let (id, what) = (&seen.id, &seen.what);
    let mac = what.mac_addresses.first().map(|mac| mac.replace(':', "-"));
    let applied = format!("{:.9}", draft.created.timestamp());
    let device = json!({
        "_id": id,
        "device_id": id,
        "cid": "c1d0",
        "hostname": what.full_name(),
        "local_ip": what.internal_ip(),
        "external_ip": what.external_ip(),
        "mac_address": mac,
        "os_version": what.os_name,
        "platform_name": what.platform(),
        "platform_id": "3",
        "kernel_version": what.os_kernel,
        "major_version": "6",
        "minor_version": "1",
        "agent_version": format!("7.1.{}", draft.revision),
        "agent_local_time": draft.updated.millis_text(),
        "status": "normal",
        "reduced_functionality_mode": "no",
        "provision_status": "Provisioned",
        "product_type_desc": if what.cloud_instance_id.is_some() { "Server" } else { "Workstation" },
        "serial_number": what.serial_number,
        "system_manufacturer": "Example Works",
        "system_product_name": "HVM domU",
        "cpu_signature": "263921",
        "groups": ["everyone"],
        "group_hash": "0a0b",
        "tags": [],
        "policies": [{"policy_type": "prevention", "policy_id": "p1", "applied": true,
            "settings_hash": "s1", "assigned_date": applied, "applied_date": applied,
            "rule_groups": []}],
        "device_policies": {"prevention": {"policy_id": "p1", "applied": true}},
        "config_id_base": "65994763",
        "meta": {"version": draft.revision.to_string(), "version_string": format!("1:{}", draft.revision)},
        "first_seen": seconds(draft.created),
        "last_seen": seconds(draft.updated),
        "modified_timestamp": date(draft.updated),
    });
    merged([device, cloud(what)])
}

fn cloud(what: &Sighting) -> Value {
    let Some(instance) = &what.cloud_instance_id else { return Value::Null };
    json!({
        "instance_id": instance,
        "service_provider": "AWS_EC2_V2",
        "service_provider_account_id": what.cloud_account_id,
        "zone_group": "us-east-1a",
        "bios_version": "4.11.example",
    })
}

//! Qualys: every list is wrapped twice.

use serde_json::{Value, json};

use super::{Seen, Sighting, date, long, seconds};
use crate::generate::Draft;

pub(super) fn host(draft: &Draft<'_>, seen: &Seen) -> Value {
    let what = &seen.what;
    let id: i64 = seen.id.parse().unwrap_or_default();
    let shown = |name: &str| if what.is_windows() { name.to_uppercase() } else { name.to_owned() };
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let modified = draft.updated.plus_millis(-7_200_000);
    let cloud = what.cloud_instance_id.is_some();
    json!({
        "_id": id,
        "id": id,
        "name": shown(what.short_name()),
        "dnsHostName": what.hostname,
        "fqdn": shown(what.full_name()),
        "netbiosName": what.is_windows().then(|| shown(what.short_name())),
        "address": what.internal_ip(),
        "os": what.os_name,
        "manufacturer": if cloud { "Xen" } else { "Example Works" },
        "model": if cloud { "HVM domU" } else { "Book 14" },
        "biosDescription": "Example BIOS 4.11",
        "timezone": if what.is_windows() { "+00:00" } else { "UTC" },
        "totalMemory": 3_907,
        "trackingMethod": "QAGENT",
        "type": "HOST",
        "cloudProvider": cloud.then_some("AWS"),
        "networkGuid": "11111111-2222-4333-8444-555555555555",
        "qwebHostId": 900_000 + id,
        "isDockerHost": "false",
        "created": seconds(draft.created),
        "modified": seconds(modified),
        "lastSystemBoot": seconds(draft.created),
        "lastVulnScan": date(modified.plus_millis(3_600_000)),
        "agentInfo": agent(draft, what, &mut dice),
        "account": listed("HostAssetAccount", [json!({"username": "root"})]),
        "networkInterface": listed("HostAssetInterface", interfaces(what)),
        "openPort": listed("HostAssetOpenPort",
            [json!({"port": 22, "protocol": "TCP", "serviceName": "ssh"})]),
        "processor": listed("HostAssetProcessor",
            [json!({"name": "Example CPU", "speed": 2_400})]),
        "software": listed("HostAssetSoftware", what.software.clone()),
        "volume": listed("HostAssetVolume",
            [json!({"name": "/", "size": long(8_577_331_200), "free": long(now.below(8_577_331_200))})]),
        "vuln": listed("HostAssetVuln", [json!({
            "qid": 370_000 + now.below(50),
            "hostInstanceVulnId": {"$numberLong": (9_000_000_000 + id).to_string()},
            "firstFound": seconds(draft.created),
            "lastFound": seconds(modified),
        })]),
        "tags": listed("TagSimple", [json!({"id": 1, "name": "Cloud Agent"})]),
        "sourceInfo": {"list": sources(draft, what)},
    })
}

/// `{"list": [{"HostAssetX": …}, …]}`.
fn listed(wrapper: &str, items: impl IntoIterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.into_iter().map(|item| json!({wrapper: item})).collect();
    json!({"list": items})
}

fn agent(draft: &Draft<'_>, what: &Sighting, dice: &mut crate::dice::Dice) -> Value {
    let millis = json!({"$date": {"$numberLong": draft.updated.millis().to_string()}});
    let checked_in = if draft.ordinal % 2 == 1 { millis } else { date(draft.updated) };
    json!({
        "agentId": dice.uuid(),
        "agentVersion": format!("5.0.0.{}", draft.revision),
        "status": "STATUS_ACTIVE",
        "platform": if what.is_windows() { "Windows" } else { "Linux" },
        "connectedFrom": what.external_ip(),
        "lastCheckedIn": checked_in,
        "location": "Nowhere",
        "locationGeoLatitude": "0.5",
        "locationGeoLongtitude": "-0.25",
        "chirpStatus": "Inventory scan complete",
        "activatedModule": dice.pick(&["VM,PC", "PC,VM"]),
        "activationKey": {"activationId": "a", "title": "Example"},
        "agentConfiguration": {"id": 1, "name": "Example"},
        "manifestVersion": {"sca": "1", "vm": "2"},
    })
}

/// One row an address, one a further card, and one of the public address alone.
fn interfaces(what: &Sighting) -> Vec<Value> {
    let card = |place: usize| {
        let mac = what.mac_addresses.get(place)?;
        Some(if what.is_windows() { mac.to_uppercase() } else { mac.clone() })
    };
    let name = if what.is_windows() { "Ethernet" } else { "eth" };
    let row = |mac: Option<String>, address: Option<&String>, place: usize| {
        json!({"interfaceName": format!("{name}{place}"), "macAddress": mac, "address": address,
            "hostname": what.hostname})
    };
    let mut rows: Vec<Value> =
        what.internal_ips.iter().map(|address| row(card(0), Some(address), 0)).collect();
    rows.extend((1..what.mac_addresses.len()).map(|place| row(card(place), None, place)));
    if let Some(mac) = card(0) {
        let local = "fe80:0:0:0:81b:2cff:fe3d:4e5f".to_owned();
        rows.push(row(Some(mac), Some(&local), 0));
    }
    let public = |address| json!({"address": address, "hostname": what.hostname});
    rows.extend(what.external_ip().map(public));
    rows
}

/// The cloud's own words, where there are any, and always an empty object behind them.
fn sources(draft: &Draft<'_>, what: &Sighting) -> Vec<Value> {
    let cloud = what.cloud_instance_id.as_ref().map(|instance| {
        json!({"Ec2AssetSourceSimple": {
            "instanceId": instance,
            "instanceType": "t3.medium",
            "imageId": "ami-0",
            "accountId": what.cloud_account_id,
            "region": "us-east-1",
            "availabilityZone": "us-east-1a",
            "vpcId": "vpc-1",
            "subnetId": "subnet-1",
            "macAddress": what.mac_addresses.first(),
            "privateIpAddress": what.internal_ip(),
            "publicIpAddress": what.external_ip(),
            "privateDnsName": what.hostname,
            "localHostname": what.hostname,
            "instanceState": "RUNNING",
            "groupId": "sg-1",
            "groupName": "servers",
            "reservationId": "r-1",
            "type": "EC_2",
            "zone": "VPC",
            "monitoringEnabled": "false",
            "spotInstance": "false",
            "assetId": draft.ordinal,
            "createdDate": seconds(draft.created),
            "firstDiscovered": seconds(draft.created),
            "lastUpdated": seconds(draft.updated),
            "ec2InstanceTags": {"tags": {"list": []}},
        }})
    });
    cloud.into_iter().chain([json!({"AssetSource": {}})]).collect()
}

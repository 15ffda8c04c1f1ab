use proptest::prelude::*;

use super::*;

fn curated(layer: Layer) -> CuratedKey {
    let made_from = "landing/rutter/orders/tenant=bluebird/a.ndjson".parse().unwrap();
    CuratedKey {
        layer,
        model: "order_line".parse().unwrap(),
        tenant: "bluebird".parse().unwrap(),
        month: "2024-05".parse().unwrap(),
        made_from: KeyDigest::of(&made_from),
        revision: Revision::of(3, b"version: 3\n"),
    }
}

#[test]
fn keys_have_the_documented_layout() {
    let rendered = Layer::ALL.map(|layer| curated(layer).render().unwrap().to_string());
    assert_eq!(
        rendered,
        [
            "curated/order_line/tenant=bluebird/month=2024-05/\
             71579d827b5331d5961828f28f31bfd4.v3-7b02700a.parquet",
            "receipts/order_line/tenant=bluebird/month=2024-05/\
             71579d827b5331d5961828f28f31bfd4.v3-7b02700a.json",
            "quarantine/order_line/tenant=bluebird/month=2024-05/\
             71579d827b5331d5961828f28f31bfd4.v3-7b02700a.ndjson",
            "underway/order_line/tenant=bluebird/month=2024-05/\
             71579d827b5331d5961828f28f31bfd4.v3-7b02700a.json",
        ]
    );
    let things = ThingsKey {
        model: "host".parse().unwrap(),
        tenant: "bluebird".parse().unwrap(),
        month: "2024-05".parse().unwrap(),
        id: "0a1b".to_owned(),
    };
    assert_eq!(
        things.render().unwrap().as_str(),
        "things/host/tenant=bluebird/month=2024-05/0a1b.parquet"
    );
    let snapshot = snapshot(7, "0a1b", 2);
    assert_eq!(
        snapshot.render().unwrap().as_str(),
        "snapshot/host/tenant=bluebird/00000007-0a1b/00002.parquet"
    );
    let pointer = pointer_key(&snapshot.model, &snapshot.tenant).unwrap();
    assert_eq!(pointer.as_str(), "pointers/host/tenant=bluebird/current.json");
}

fn snapshot(number: u64, id: &str, part: u32) -> SnapshotKey {
    let (model, tenant) = ("host".parse().unwrap(), "bluebird".parse().unwrap());
    SnapshotKey { model, tenant, number, id: id.to_owned(), part }
}

#[test]
fn a_key_in_another_spelling_is_not_a_key() {
    let good = curated(Layer::Curated).render().unwrap().to_string();
    for (from, to) in [
        (".parquet", ".json"),
        ("curated/", "curate/"),
        ("tenant=", "tenant"),
        ("month=2024-05", "month=2024-5"),
        (".v3-", ".v03-"),
        (".v3-", ".3-"),
        ("/order_line/", "/Order/"),
        ("2024-05/", "2024-05/x/"),
    ] {
        let bad: ObjectKey = good.replace(from, to).parse().unwrap();
        assert!(CuratedKey::parse(&bad).is_err(), "{bad}");
    }
    for bad in ["v1", "1-0a1b2c3d", "v1-0A1B2C3D", "v1-0a1b", "v-0a1b2c3d", "v01-0a1b2c3d"] {
        assert!(bad.parse::<Revision>().is_err(), "{bad}");
    }
}

#[test]
fn a_changed_file_is_another_revision() {
    assert_ne!(Revision::of(1, b"a"), Revision::of(1, b"b"));
    assert!(Revision::of(2, b"a") > Revision::of(1, b"b"));
}

proptest! {
    #[test]
    fn keys_read_back(
        layer in prop::sample::select(&Layer::ALL[..]),
        (model, tenant) in ("[a-z0-9_]{1,64}", "[a-z0-9_-]{1,64}"),
        from in "[a-z/=]{1,20}x",
        version in 1u32..1_000_000,
        number: u64,
        part: u32,
        id in "[0-9a-f]{1,32}",
    ) {
        let (model, tenant): (ModelName, TenantId) =
            (model.parse().unwrap(), tenant.parse().unwrap());
        let key = CuratedKey {
            layer,
            model: model.clone(),
            tenant: tenant.clone(),
            month: "2024-12".parse().unwrap(),
            made_from: KeyDigest(first(from.as_bytes(), DIGITS)),
            revision: Revision::of(version, from.as_bytes()),
        };
        let rendered = key.render().unwrap();
        prop_assert!(rendered.as_str().starts_with(&layer.tenant_prefix(&model, &tenant)));
        prop_assert!(rendered.as_str().starts_with(&layer.prefix(&model)));
        prop_assert_eq!(CuratedKey::parse(&rendered).unwrap(), key);
        let month = "2024-12".parse().unwrap();
        let things = ThingsKey { model: model.clone(), tenant: tenant.clone(), month, id: id.clone() };
        prop_assert_eq!(ThingsKey::parse(&things.render().unwrap()).unwrap(), things);
        let snapshot = SnapshotKey { model, tenant, number, id, part };
        prop_assert_eq!(SnapshotKey::parse(&snapshot.render().unwrap()).unwrap(), snapshot);
    }
}

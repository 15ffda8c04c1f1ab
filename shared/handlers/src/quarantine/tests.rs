use bytes::Bytes;
use lake::curated::{Broken, KeyDigest, PartCounts, ReceiptPart, Revision};
use lake::{Attempt, Codec, Commit, LineContext, LineHeader, Mode, PartWriter, SliceStart};
use model::Timestamp;
use ports::Attributes;
use testkit::MemoryStore;

use super::*;

fn attempt(tenant: &str) -> Attempt {
    Attempt {
        source: "shop".parse().unwrap(),
        stream: "orders".parse().unwrap(),
        tenant: tenant.parse().unwrap(),
        connection: "main".parse().unwrap(),
        month: "2026-01".parse().unwrap(),
        plan: "p1".parse().unwrap(),
        partition: "e3".parse().unwrap(),
        slice: SliceStart::ALL,
        fence: 1,
    }
}

async fn put(store: &MemoryStore, key: &ObjectKey, body: impl Into<Bytes>) {
    store.put(key, body.into(), &Attributes::default()).await.unwrap();
}

/// Lands two records; gives the landing object.
async fn land(store: &MemoryStore, attempt: &Attempt) -> ObjectKey {
    let header = LineHeader::new(&LineContext {
        tenant: &attempt.tenant,
        connection: &attempt.connection,
        stream: &attempt.stream,
        run: &"r1".parse().unwrap(),
        request_start: Timestamp::UNIX_EPOCH,
        slice: "e3.all",
        page: 1,
    });
    let mut writer = PartWriter::new(Codec::Zstd, 1 << 20).unwrap();
    for (ordinal, record) in [(0, r#"{"id":"a","total":1}"#), (1, r#"{"id":"b","total":"much"}"#)] {
        writer.write(&header, ordinal, None, record.as_bytes()).unwrap();
    }
    let part = writer.finish().unwrap().unwrap();
    let object = attempt.clone().part(1, Codec::Zstd).render().unwrap();
    put(store, &object, part.body.clone()).await;
    object
}

/// The entry of the second record.
fn entry(attempt: &Attempt, object: &ObjectKey, revision: &Revision) -> Quarantined {
    let broken = Broken {
        path: "total".to_owned(),
        field: Some("total".to_owned()),
        rule: "type".to_owned(),
        found: "a text of 4".to_owned(),
        accepted: "a number".to_owned(),
    };
    Quarantined {
        object: object.clone(),
        line: Some(2),
        place: None,
        tenant: attempt.tenant.clone(),
        connection: attempt.connection.clone(),
        source: attempt.source.clone(),
        stream: attempt.stream.clone(),
        model: "order".parse().unwrap(),
        revision: revision.clone(),
        run: "r1".parse().unwrap(),
        key: Some("{\"id\":\"b\"}".to_owned()),
        reason: Reason::Contract,
        violations: vec![broken],
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Lands two records of a tenant, of which a revision refuses so many.
async fn refused(store: &MemoryStore, tenant: &str, version: u32, refused: u64) {
    let (attempt, at) = (attempt(tenant), Timestamp::UNIX_EPOCH);
    let object = land(store, &attempt).await;
    let (model, revision): (ModelName, _) = ("order".parse().unwrap(), Revision::of(version, b"m"));
    let key = CuratedKey {
        layer: Layer::Quarantine,
        model: model.clone(),
        tenant: attempt.tenant.clone(),
        month: attempt.month,
        made_from: KeyDigest::of(&object),
        revision: revision.clone(),
    };
    let quarantine = key.render().unwrap();
    if refused > 0 {
        let entry = entry(&attempt, &object, &revision);
        put(store, &quarantine, serde_json::to_string(&entry).unwrap() + "\n").await;
    }
    let commit = Commit {
        attempt,
        window: None,
        mode: Mode::Incremental,
        generation: None,
        started: at,
        parts: Vec::new(),
        rows: 2,
        run: "r1".parse().unwrap(),
        at,
    };
    let counts = PartCounts { lines: 2, rows: 1, refused, records: 2, ..PartCounts::default() };
    let quarantine = (refused > 0).then_some(quarantine);
    let part = ReceiptPart { object, file: None, quarantine, counts };
    let receipt = Receipt::new((model, revision), &commit, vec![part], at).unwrap();
    put(store, &receipt.key().unwrap(), receipt.to_json().unwrap()).await;
}

fn filter(tenant: Option<&str>) -> Filter {
    Filter {
        models: vec!["order".parse().unwrap()],
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
    }
}

#[tokio::test]
async fn what_was_refused_is_counted_by_what_it_has_in_common() {
    let store = MemoryStore::default();
    refused(&store, "bluebird", 1, 1).await;
    refused(&store, "cedar", 1, 1).await;
    let all = summary(&store, &filter(None)).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|(g, f)| (g.tenant.as_str(), g.rule.as_str(), f.count)).collect();
    assert_eq!(told, [("bluebird", "type", 1), ("cedar", "type", 1)]);
    assert_eq!(summary(&store, &filter(Some("cedar"))).await.unwrap().len(), 1);
    assert!(summary(&store, &Filter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_leads_to_its_record() {
    let store = MemoryStore::default();
    refused(&store, "bluebird", 1, 1).await;
    let files = files(&store, &filter(None)).await.unwrap();
    let entry = entries(&store, &files[0]).await.unwrap().remove(0);
    let lines = BTreeSet::from([entry.line.unwrap(), 9]);
    let records = records(&store, &entry.object, &lines).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[&2], r#"{"id":"b","total":"much"}"#);
    assert_eq!(masked(&records[&2])["total"], "<text of 4>");
}

#[tokio::test]
async fn commits_are_taken_in_again_while_their_newest_receipt_has_refusals() {
    let store = MemoryStore::default();
    refused(&store, "bluebird", 1, 1).await;
    refused(&store, "cedar", 1, 1).await;
    refused(&store, "cedar", 2, 0).await;
    let commits = refused_commits(&store, &filter(None)).await.unwrap();
    let told: Vec<_> = commits.iter().map(|((m, c), n)| (m.as_str(), c.as_str(), *n)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("tenant=bluebird"), "{told:?}");
}

#[tokio::test]
async fn a_line_that_is_no_entry_is_named() {
    let store = MemoryStore::default();
    refused(&store, "bluebird", 1, 1).await;
    let key = files(&store, &filter(None)).await.unwrap().remove(0);
    put(&store, &key, "\n{}\n").await;
    let fault = entries(&store, &key).await.unwrap_err();
    assert!(fault.to_string().ends_with("line 2 cannot be read"), "{fault}");
}

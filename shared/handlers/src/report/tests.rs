use bytes::Bytes;
use lake::Sha256Hex;
use lake::delivery::{
    BatchDigest, FileDigest, GroupDigest, ItemOutcome, ItemRef, Refused, Seen, Verdict,
};
use ports::Attributes;
use testkit::MemoryStore;

use super::*;

mod publishing;

const NOW: &str = "2026-01-02T04:00:00Z";

struct Ground {
    deps: Deps,
}

fn tenant() -> TenantId {
    "heron".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Ground {
    async fn new() -> Self {
        let lake: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let config = "feeds:\n  loyalty:\n    from: {s3: {prefix: drop/heron/}}\n\
                      pushes:\n  crm: {destination: crm, from: [{feed: loyalty}]}\n";
        let configuration = Arc::new(Configuration::new(Arc::clone(&lake), "config/"));
        let ground = Self { deps: Deps { configuration, lake } };
        ground.put("config/tenants/heron.yaml", config.as_bytes()).await;
        let crm = include_bytes!("../../../../config/destinations/crm.yaml");
        ground.put("config/destinations/crm.yaml", crm).await;
        ground
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let body = Bytes::copy_from_slice(body);
        self.deps.lake.put(&key.parse().unwrap(), body, &Attributes::default()).await.unwrap();
    }

    async fn accepted(&self, name: &str, records: u64, refused: u64) -> Accepted {
        let sha256 = Sha256Hex::of(name.as_bytes());
        let accepted = Accepted {
            file: FileDigest::of(&[name]),
            origin: Origin::Feed("loyalty".parse().unwrap()),
            tenant: tenant(),
            kind: "user".to_owned(),
            rank: 0,
            accepted: at("2026-01-02T03:00:00Z").into(),
            name: name.to_owned(),
            sha256,
            bytes: 10,
            archive: None,
            parts: Vec::new(),
            records,
            refused: Some(Refused { key: "inbox/x".parse().unwrap(), rows: refused }),
        };
        let key = accepted.place().render().unwrap();
        self.put(key.as_str(), &accepted.to_json().unwrap()).await;
        accepted
    }

    async fn batch(&self, file: &Accepted, round: u32, verdicts: &[(u64, Verdict, &str)]) {
        let item = |(line, verdict, code): &(u64, Verdict, &str)| ItemOutcome {
            item: ItemRef { file: file.file.clone(), line: *line },
            verdict: *verdict,
            code: Some((*code).to_owned()),
            message: None,
            entity: None,
            then: None,
        };
        let sent = at("2026-01-02T03:01:30Z");
        let outcome = BatchOutcome {
            tenant: tenant(),
            push: "crm".parse().unwrap(),
            destination: "crm".parse().unwrap(),
            operation: "ADD_CUST".parse().unwrap(),
            day: file.accepted.day(),
            group: GroupDigest::of(&["g"]),
            batch: BatchDigest::of(&[file.name.as_str()]),
            round,
            status: Some(if round == 0 { 429 } else { 200 }),
            sent: Some(sent),
            answered: sent.checked_add(std::time::Duration::from_millis(200)).unwrap(),
            waited_ms: 5,
            items: verdicts.iter().map(item).collect(),
            next: Vec::new(),
        };
        let key = outcome.place().render().unwrap();
        self.put(key.as_str(), &outcome.to_json().unwrap()).await;
    }

    async fn report(&self) -> Report {
        let day: Day = "2026-01-02".parse().unwrap();
        let question = Question { tenant: None, from: day, to: day, now: at(NOW) };
        report(&self.deps, &question).await.unwrap()
    }
}

async fn ground() -> Ground {
    let ground = Ground::new().await;
    let users = ground.accepted("<b>users.csv", 3, 1).await;
    let again =
        [(2, Verdict::Again, "429"), (3, Verdict::Again, "429"), (4, Verdict::Again, "429")];
    ground.batch(&users, 0, &again).await;
    let done = [(2, Verdict::Ok, "200"), (3, Verdict::Duplicate, "604")];
    ground.batch(&users, 1, &done).await;
    let fact = FileFact {
        tenant: tenant(),
        feed: "loyalty".parse().unwrap(),
        seen: Seen { path: "in/bad.csv".to_owned(), size: 1, modified: at(NOW) },
        verdict: FileVerdict::Rejected,
        file: None,
        kind: None,
        records: 0,
        refused: 0,
        code: Some("CHECKSUM".to_owned()),
        message: Some("ask the partner to send it again".to_owned()),
        archive: None,
        at: at("2026-01-02T03:05:00Z"),
    };
    let key = fact.place().render().unwrap();
    ground.put(key.as_str(), &fact.to_json().unwrap()).await;
    ground
}

#[tokio::test]
async fn every_row_of_every_file_is_one_thing_in_the_report() {
    let report = ground().await.report().await;
    let [users, bad] = report.files.as_slice() else { panic!("{:?}", report.files) };
    let FileCounts { rows, ok, failed, duplicate, pending, .. } = users.counts;
    assert_eq!((rows, ok, failed, duplicate, pending), (4, 1, 1, 1, 1));
    assert!(users.adds_up && users.outcome == Some(FileEnd::Pending));
    assert_eq!((bad.verdict, bad.code.as_deref()), (FileVerdict::Rejected, Some("CHECKSUM")));
    let [push] = report.pushes.as_slice() else { panic!("{:?}", report.pushes) };
    assert_eq!(
        (push.calls, push.throttled, push.most_in_a_minute, push.limit),
        (2, 1, 2, Some(1000))
    );
    assert_eq!(push.minutes.len(), 1);
    assert_eq!(report.codes.len(), 3);
}

#[tokio::test]
async fn records_that_are_tried_once_more_are_a_line_of_their_own() {
    let ground = Ground::new().await;
    let first = ground.accepted("users.csv", 2, 0).await;
    ground.batch(&first, 0, &[(2, Verdict::Ok, "200"), (3, Verdict::Failed, "3217")]).await;
    let key = AgainKey {
        tenant: tenant(),
        day: first.accepted.day(),
        push: "crm".parse().unwrap(),
        failed: first.file.clone(),
    };
    let second = Accepted { file: key.file(), records: 1, refused: None, ..first };
    ground.put(key.render().unwrap().as_str(), &second.to_json().unwrap()).await;
    ground.batch(&second, 1, &[(3, Verdict::Ok, "200")]).await;
    let report = ground.report().await;
    let told: Vec<_> =
        report.files.iter().map(|line| (line.title(), line.outcome_word())).collect();
    let (title, again) = ("users.csv".to_owned(), "users.csv (again)".to_owned());
    assert_eq!(told, [(title, "PARTIAL"), (again, "SUCCESS")]);
    assert!(report.files.iter().all(|line| line.adds_up));
}

#[tokio::test]
async fn the_page_stands_alone_and_shows_names_as_text() {
    let page = ground().await.report().await.to_html();
    assert!(page.contains("&lt;b&gt;users.csv") && !page.contains("<b>users"));
    assert!(page.contains("limit 1000") && page.contains("CHECKSUM"));
    for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn the_text_says_how_rows_add_up() {
    let text = ground().await.report().await.to_string();
    let sums = "4 rows = 1 ok + 1 failed + 1 duplicate + 0 superseded + 0 unknown + 1 pending";
    assert!(text.contains(sums), "{text}");
    assert!(text.contains("at most 2 in a minute of 1000 allowed"), "{text}");
}

#[tokio::test]
async fn days_in_the_wrong_order_are_refused() {
    let ground = Ground::new().await;
    let (from, to) = ("2026-01-02".parse().unwrap(), "2026-01-01".parse().unwrap());
    let question = Question { tenant: None, from, to, now: at(NOW) };
    assert!(matches!(report(&ground.deps, &question).await, Err(Error::Days)));
}

use super::*;

#[tokio::test]
async fn users_and_transactions_of_one_look_count_in_this_order() {
    let world = World::new(FEED);
    world.put("heron_TRX_001.csv", TRX).await;
    world.put("heron_USER_001.csv", USERS).await;
    let looked = world.look().await;
    assert_eq!((looked.accepted, looked.records, looked.rejected), (2, 4, 0));
    let accepted = world.accepted().await;
    let kinds: Vec<&str> = accepted.iter().map(|file| file.kind.as_str()).collect();
    assert_eq!(kinds, ["user", "transaction"]);
    assert!(accepted[0].accepted < accepted[1].accepted);
    let expected = serde_json::json!({"external_id": "u2", "email": "b@x.example"});
    assert_eq!(world.records(&accepted[0]).await[1], (3, expected));
    let archived = world.lake.get(accepted[0].archive.as_ref().unwrap()).await.unwrap();
    assert_eq!(archived.body, USERS);
    let left = world.place.paths();
    assert_eq!(left, ["processed/heron_TRX_001.csv", "processed/heron_USER_001.csv"]);
    assert_eq!(world.look().await.seen, 0);
}

#[tokio::test]
async fn files_of_one_look_count_in_the_order_of_their_names() {
    let world = World::new(FEED);
    let names = ["heron_USER_003.csv", "heron_USER_001.csv", "heron_USER_002.csv"];
    for name in names {
        world.put(name, format!("{USERS}{name},c@x.example\n")).await;
    }
    world.look().await;
    world.put("heron_USER_000.csv", format!("{USERS}u0,c@x.example\n")).await;
    world.look().await;
    let mut accepted = world.accepted().await;
    accepted.sort_by_key(|file| file.accepted);
    let names: Vec<&str> = accepted.iter().map(|file| file.name.as_str()).collect();
    let expected = [1, 2, 3, 0].map(|number| format!("heron_USER_00{number}.csv"));
    assert_eq!(names, expected);
    let mut instants: Vec<_> = accepted.iter().map(|file| file.accepted).collect();
    instants.dedup();
    assert_eq!(instants.len(), 4);
}

#[tokio::test]
async fn the_same_content_counts_once_whatever_its_name() {
    let world = World::new(FEED);
    world.put("heron_USER_001.csv", USERS).await;
    world.put("heron_USER_002.csv", USERS).await;
    world.look().await;
    world.put("heron_USER_001.csv", USERS).await;
    world.put("again.csv", USERS).await;
    world.look().await;
    assert_eq!(world.accepted().await.len(), 1);
    world.check_outcome("heron_USER_002.csv", FileVerdict::Duplicate, Some("DUPLICATE")).await;
    world.check_outcome("again.csv", FileVerdict::Duplicate, Some("DUPLICATE")).await;
    assert!(world.place.paths().contains(&"duplicate/again.csv".to_owned()));
    let archived = world.lake.list_all("archive/").await.unwrap();
    assert_eq!(archived.len(), 1, "what a duplicate brought is not kept twice");
}

#[tokio::test]
async fn a_correction_is_one_more_file_or_is_refused() {
    for (word, files) in [("process", 2), ("reject", 1)] {
        let world = World::new(&format!("{FEED}corrections: {word}\n"));
        world.put("heron_USER_001.csv", USERS).await;
        world.look().await;
        world.put("heron_USER_001.csv", USERS.replace("u2", "u3")).await;
        world.look().await;
        assert_eq!(world.accepted().await.len(), files, "{word}");
        if files == 1 {
            let code = Some("CORRECTION");
            world.check_outcome("heron_USER_001.csv", FileVerdict::Rejected, code).await;
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_kept_with_its_reason_and_nothing_of_it_counts() {
    let world = World::new(&format!("{FEED}limits: {{min_bytes: 5, max_bytes: 200}}\n"));
    let cases: &[(&str, &[u8], &str)] = &[
        ("heron_TRX_001.csv", b"trx_id,amount\nt1,1.50\nT,2,1.50\n", "COUNT_MISMATCH"),
        ("heron_TRX_002.csv", b"trx_id,amount\nt1,1.50\nT,1,9.50\n", "TOTAL_MISMATCH"),
        ("heron_TRX_003.csv", b"trx_id,price\nt1,1.50\n", "HEADER"),
        ("heron_USER_004.csv", b"external_id,email\nu1\n", "TOO_MANY_ERRORS"),
        ("heron_USER_005.csv", b"tiny", "FILE_TOO_SMALL"),
        ("heron_USER_006.csv", &[b'x'; 300], "FILE_TOO_LARGE"),
        ("heron_USER_007.csv.gz", b"this is no gzip file", "ARCHIVE"),
        ("heron_USER_008.csv.pgp", b"this is no message", "DECRYPT"),
        ("heron_USER_009.json", b"[{\"external_id\": ", "SYNTAX"),
    ];
    for (name, body, _) in cases {
        world.put(name, body).await;
    }
    world.put("other.csv", "color,size\nred,1\n").await;
    let looked = world.look().await;
    assert_eq!((looked.accepted, looked.rejected), (0, cases.len() as u64 + 1));
    for (name, _, code) in cases {
        world.check_outcome(name, FileVerdict::Rejected, Some(code)).await;
    }
    world.check_outcome("other.csv", FileVerdict::Unclassified, Some("UNCLASSIFIED")).await;
    assert!(world.accepted().await.is_empty());
    assert!(world.lake.list_all("inbox/").await.unwrap().is_empty(), "parts are gone as well");
    let failed = world.lake.list_all("failed/").await.unwrap();
    let ends = |end: &str| failed.iter().filter(|meta| meta.key.as_str().ends_with(end)).count();
    assert_eq!(ends("/reason.json"), cases.len() + 1);
    assert_eq!(ends(".csv") + ends(".gz") + ends(".pgp") + ends(".json"), failed.len());
    assert_eq!(ends("heron_TRX_001.csv"), 1);
    assert!(world.place.paths().iter().all(|path| path.starts_with("failed/")));
}

#[tokio::test]
async fn a_file_that_was_refused_may_come_again_when_the_feed_takes_it() {
    let mut world = World::new(&format!("{FEED}limits: {{max_error_pct: 0}}\n"));
    let body = "external_id,email\nu1,a@x.example\nu2\n";
    world.put("heron_USER_001.csv", body).await;
    assert_eq!(world.look().await.rejected, 1);
    let document = Document::parse("f", &format!("{FEED}limits: {{max_error_pct: 60}}\n")).unwrap();
    world.feed = Arc::new(Feed::parse(&document).unwrap());
    world.put("heron_USER_001.csv", body).await;
    assert_eq!(world.look().await.accepted, 1);
    let accepted = world.accepted().await;
    let refused = accepted[0].refused.as_ref().unwrap();
    let rows = world.lake.get(&refused.key).await.unwrap().body;
    let row: Value = serde_json::from_slice(&rows).unwrap();
    assert_eq!((row["line"].as_u64(), row["code"].as_str()), (Some(3), Some("RAGGED_ROW")));
}

#[tokio::test]
async fn a_growing_file_waits_until_it_has_stayed_the_same() {
    let world = World::new(&FEED.replace("stable_for: 0s", "stable_for: 1m"));
    world.put("heron_USER_001.csv.part", USERS).await;
    world.put("heron_USER_001.csv", "external_id,em").await;
    let looked = world.look().await;
    assert_eq!((looked.waiting, looked.seen), (1, 1));
    assert!(looked.next.is_some());
    world.put("heron_USER_001.csv", USERS).await;
    assert_eq!(world.look().await.waiting, 1);
    assert_eq!(world.look().await.accepted, 1);
    assert!(world.place.paths().contains(&"heron_USER_001.csv.part".to_owned()));
}

#[tokio::test]
async fn a_marker_says_when_a_file_is_whole_and_what_it_holds() {
    let feed = FEED.replace("stable_for: 0s", "markers: [.ctl, .done], file_alone: 10m");
    let world = World::new(&feed);
    world.put("heron_USER_001.csv", USERS).await;
    assert_eq!(world.look().await.waiting, 1);
    world.put("heron_USER_001.csv.done", "").await;
    world.put("heron_USER_002.csv", format!("{USERS}u9,c@x.example\n")).await;
    world.put("heron_USER_002.ctl", "file=heron_USER_002.csv;records=4").await;
    world.put("heron_USER_003.csv", format!("{USERS}u8,c@x.example\n")).await;
    world.put("heron_USER_003.csv.ctl", "sha256=00ff").await;
    let looked = world.look().await;
    assert_eq!((looked.accepted, looked.rejected), (1, 2));
    let (rejected, count) = (FileVerdict::Rejected, Some("COUNT_MISMATCH"));
    world.check_outcome("heron_USER_002.csv", rejected, count).await;
    world.check_outcome("heron_USER_003.csv", rejected, Some("CHECKSUM")).await;
    assert!(world.place.paths().contains(&"processed/heron_USER_001.csv.done".to_owned()));
}

#[tokio::test]
async fn a_file_or_a_marker_alone_and_a_late_feed_are_told_once() {
    let feed =
        FEED.replace("stable_for: 0s", "markers: [.done], file_alone: 10m, marker_alone: 10m");
    let world = World::new(&format!("{feed}expect: {{every: 20m, late_after: 5m}}\n"));
    world.put("heron_USER_001.csv", USERS).await;
    world.put("heron_USER_002.csv.done", "").await;
    let metrics = Arc::new(MemoryMetrics::default());
    let mut late = 0;
    for _ in 0..12 {
        world.clock.advance(Duration::from_mins(5));
        let mut deps = world.deps(&Arc::new(Faults::none()));
        deps.metrics = Arc::<MemoryMetrics>::clone(&metrics);
        let deadline = Deadline::at(world.clock.now().checked_add(Duration::from_mins(9)).unwrap());
        let answer = handle(&deps, Event::Work(Work::Look(key())), deadline).await.unwrap();
        let Answer::Work(Outcome::Looked(looked)) = answer else { panic!("{answer:?}") };
        late += u32::from(looked.late);
    }
    assert!(late > 1);
    for metric in [Metric::FilesUnmarked, Metric::MarkersAlone, Metric::FilesLate] {
        assert!((metrics.sum(metric) - 1.0).abs() < f64::EPSILON, "{metric:?}");
    }
}

#[tokio::test]
async fn a_place_that_nobody_may_write_to_works_by_the_ledger_alone() {
    let world = World::new(&format!("{FEED}after: leave\n"));
    world.put("heron_USER_001.csv", USERS).await;
    assert_eq!(world.look().await.accepted, 1);
    assert_eq!(world.look().await.seen, 0);
    assert_eq!(world.place.paths(), ["heron_USER_001.csv"]);
    world.put("heron_USER_001.csv", USERS.replace("u1", "u7")).await;
    assert_eq!(world.look().await.accepted, 1);
}

#[tokio::test]
async fn of_two_workers_at_once_one_takes_a_file() {
    let world = World::new(FEED);
    world.put("heron_USER_001.csv", USERS).await;
    let faults = Arc::new(Faults::none());
    let both = futures_util::future::join(world.try_look(&faults), world.try_look(&faults)).await;
    drop(both);
    world.look().await;
    assert_eq!(world.accepted().await.len(), 1);
}

#[tokio::test]
async fn a_large_file_is_fetched_in_parts_and_goes_on_where_it_was_left() {
    use std::fmt::Write;
    let world = World::new(FEED);
    let mut body = "external_id,email\n".to_owned();
    for n in 0..700_000 {
        writeln!(body, "u{n},user{n}@x.example").unwrap();
    }
    assert!(body.len() > 17 << 20);
    world.put("heron_USER_001.csv", &body).await;
    // The connection is lost in the middle, twice.
    let uploads = |call: &testkit::Call| call.verb == "Uploads::upload";
    let none = Arc::new(Faults::none());
    let dry = World::new(FEED);
    dry.put("heron_USER_001.csv", &body).await;
    dry.try_look(&none).await.unwrap();
    let second = none.log().iter().enumerate().filter(|(_, call)| uploads(call)).nth(1).unwrap().0;
    let faults = Arc::new(Faults::of(Fault::Once(second as u64 + 1, Side::Before)));
    world.try_look(&faults).await.unwrap();
    assert_eq!(world.accepted().await.len(), 0);
    let rest = Arc::new(Faults::none());
    world.try_look(&rest).await.unwrap();
    assert_eq!(
        rest.log().iter().filter(|call| uploads(call)).count(),
        2,
        "part 1 is not sent again"
    );
    let accepted = world.accepted().await;
    assert_eq!(accepted[0].records, 700_000);
    assert_eq!(accepted[0].sha256, lake::Sha256Hex::of(body.as_bytes()));
    assert!(accepted[0].parts.iter().all(|part| part.records <= 5_000 && part.bytes <= 4 << 20));
}

#[tokio::test]
async fn a_refused_file_is_taken_in_once_its_feed_is_mended() {
    let mut world = World::new(&format!("{FEED}limits: {{max_records: 1}}\n"));
    world.put("heron_USER_001.csv", USERS).await;
    assert_eq!(world.look().await.rejected, 1);
    world
        .check_outcome("heron_USER_001.csv", FileVerdict::Rejected, Some("TOO_MANY_RECORDS"))
        .await;
    assert_eq!(world.again().await.unwrap().rejected, 1, "nothing was mended");
    world.feed = World::new(FEED).feed;
    assert_eq!(world.again().await.unwrap().accepted, 1);
    world.check_outcome("heron_USER_001.csv", FileVerdict::Accepted, None).await;
    let accepted = world.accepted().await;
    assert_eq!((accepted.len(), accepted[0].records), (1, 2));
    let archived = world.lake.get(accepted[0].archive.as_ref().unwrap()).await.unwrap();
    assert_eq!(archived.body, USERS);
    assert!(matches!(world.again().await, Err(Error::Again { .. })), "it counts");
    world.put("heron_USER_002.csv", USERS).await;
    assert_eq!(world.look().await.duplicates, 1);
}

#[tokio::test]
async fn a_file_that_was_never_fetched_or_was_announced_has_to_be_sent_once_more() {
    let world = World::new(&format!("{FEED}limits: {{max_bytes: 9}}\n"));
    world.put("heron_USER_001.csv", USERS).await;
    world.look().await;
    let reason = world.again().await.unwrap_err().to_string();
    assert!(reason.ends_with("refused before it was fetched: have it sent once more"), "{reason}");
    let feed = FEED.replace("{stable_for: 0s}", "{markers: [.ctl]}");
    let world = World::new(&feed);
    world.put("heron_USER_001.csv", USERS).await;
    world.put("heron_USER_001.csv.ctl", "records=7").await;
    assert_eq!(world.look().await.rejected, 1);
    let reason = world.again().await.unwrap_err().to_string();
    assert!(reason.contains("marker: have both sent once more"), "{reason}");
}

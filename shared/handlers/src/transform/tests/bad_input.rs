use super::*;

/// A line as extract writes it, around any record.
fn line(record: &str) -> String {
    format!(
        "{{\"_tenant\":\"bluebird\",\"_connection\":\"main\",\"_stream\":\"orders\",\"_run\":\"r1\",\
         \"_request_start\":\"2024-05-01T07:15:22.500000000Z\",\"_cursor\":null,\"_slice\":\"e3.all\",\
         \"_page\":1,\"_ordinal\":0,\"record\":{record}}}\n"
    )
}

/// Commits an object of these bytes, as if it had this many lines.
async fn committed(ground: &Ground, codec: Codec, body: Vec<u8>, rows: u64) -> ObjectKey {
    let attempt = attempt("p1");
    let key = attempt.clone().part(1, codec).render().unwrap();
    let sha256 = lake::Sha256Hex::of(&body);
    let part = PartRef { key: key.clone(), rows, bytes: body.len() as u64, sha256 };
    ground.put(key.as_str(), body).await;
    ground.commit(&attempt, vec![part]).await
}

async fn taken(text: &[u8], rows: u64) -> Ground {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = committed(&ground, Codec::Plain, text.to_vec(), rows).await;
    ground.take(&commit).await.unwrap();
    ground
}

#[tokio::test]
async fn every_bad_line_is_set_aside_with_its_rule_and_the_rest_goes_on() {
    let good = line(&order("a", "1"));
    let mut text = good.clone().into_bytes();
    let deep = format!("{{\"id\":\"x\",\"total\":1,\"d\":{}{}}}", "[".repeat(500), "]".repeat(500));
    let cases: &[(&str, &str)] = &[
        ("not json\n", "json"),
        ("\n", "json"),
        ("[1]\n", "json"),
        (&line("{\"id\":\"x\",\"total\":NaN}"), "json"),
        (&good.replace("bluebird", "harbor"), "place"),
        (&good.replace("\"main\"", "\"other\""), "place"),
        (&line("{\"id\":\"x\",\"total\":\"much\"}"), "type"),
        (&line("{\"id\":\"x\"}"), "required"),
        (&line("{\"id\":\"x\",\"id\":\"y\",\"total\":1}"), "duplicate_key"),
        (&line("{\"id\":\"x\",\"Id\":\"y\",\"total\":1}"), "colliding_keys"),
        (&line(&deep), "depth"),
        (&line("{\"id\":\"x\",\"total\":123456789012345678901234567890}"), "overflow"),
        (&line("7"), "shape"),
        (&good.replace("\"record\":{", "\"_deleted\":true,\"record\":{"), "key"),
    ];
    for (bad, _) in cases {
        text.extend_from_slice(bad.as_bytes());
    }
    text.extend_from_slice(
        &line("{\"id\":\"x\",\"total\":1,\"note\":\"\u{1}\"}")
            .replace('\u{1}', "\\u0001")
            .into_bytes(),
    );
    let mut broken = line(&order("utf", "1")).into_bytes();
    let at = broken.iter().position(|b| *b == b'u').unwrap();
    broken[at] = 0xff;
    text.extend_from_slice(&broken);
    text.extend_from_slice(line(&order("z", "2")).as_bytes());
    let rows = cases.len() as u64 + 4;
    let ground = taken(&text, rows).await;
    assert_eq!(ground.rows("order", &["id"]).await, ["a", "x", "z"]);
    let refused = ground.quarantined("order").await;
    let expected: Vec<&str> = cases.iter().map(|(_, rule)| *rule).chain(["utf8"]).collect();
    let found: Vec<&str> = refused.iter().map(|e| e.violations[0].rule.as_str()).collect();
    assert_eq!(found, expected);
    let numbers: Vec<u64> = refused.iter().filter_map(|e| e.line).collect();
    let wanted: Vec<u64> = (2..cases.len() as u64 + 2).chain([cases.len() as u64 + 3]).collect();
    assert_eq!(numbers, wanted);
    let counts = ground.counts("order").await;
    assert_eq!((counts.lines, counts.rows, counts.bad, counts.missing), (rows, 3, rows - 3, 0));
    assert_eq!(ground.count(Metric::RowsQuarantined), rows - 3);
    let told = serde_json::to_string(&refused).unwrap();
    assert!(!told.contains("much") && !told.contains("12345"), "{told}");
}

#[tokio::test]
async fn an_object_cut_within_a_line_keeps_what_is_whole_and_counts_what_is_missing() {
    let whole: String = ["a", "b", "c", "d"].map(|id| line(&order(id, "1"))).concat();
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = committed(&ground, Codec::Plain, whole.clone().into_bytes(), 4).await;
    let cut = whole.find("\"c\"").unwrap();
    ground.put(ground.keys("landing/").await[0].as_str(), whole.as_bytes()[..cut].to_vec()).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.rows("order", &["id"]).await, ["a", "b"]);
    let refused = ground.quarantined("order").await;
    assert_eq!(
        rules(&refused),
        [
            (Some(3), Reason::Line, vec!["json"]),
            (None, Reason::Object, vec!["digest"]),
            (None, Reason::Object, vec!["rows"]),
        ]
    );
    let counts = ground.counts("order").await;
    assert_eq!((counts.lines, counts.rows, counts.bad, counts.missing), (4, 2, 1, 1));
    assert_eq!(ground.count(Metric::ObjectsDamaged), 1);
}

#[tokio::test]
async fn an_object_that_is_not_there_is_told_and_its_lines_are_missing() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = committed(&ground, Codec::Plain, line("{}").into_bytes(), 7).await;
    ground.lake.delete(&ground.keys("landing/").await[0].parse().unwrap()).await.unwrap();
    ground.take(&commit).await.unwrap();
    let refused = ground.quarantined("order").await;
    let found: Vec<_> = refused.iter().map(|e| e.violations[0].rule.as_str()).collect();
    assert_eq!(found, ["absent", "rows"]);
    let counts = ground.counts("order").await;
    assert_eq!((counts.lines, counts.missing), (7, 7));
    assert_eq!(ground.receipts("order").await[0].parts[0].file, None);
}

#[tokio::test]
async fn a_bomb_is_read_to_its_limit_and_no_further() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut packed, line(&order("a", "1")).as_bytes()).unwrap();
    let zeros = vec![b'0'; 16 << 20];
    for _ in 0..80 {
        std::io::Write::write_all(&mut packed, &zeros).unwrap();
    }
    let body = packed.finish().unwrap();
    assert!(body.len() < 1 << 20);
    let commit = committed(&ground, Codec::Zstd, body, 3).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.rows("order", &["id"]).await, ["a"]);
    let refused = ground.quarantined("order").await;
    let found: Vec<_> = refused.iter().map(|e| (e.line, e.violations[0].rule.as_str())).collect();
    assert_eq!(found, [(Some(2), "size"), (None, "size"), (None, "rows")]);
}

#[tokio::test]
async fn an_object_that_does_not_unpack_is_told() {
    for codec in [Codec::Zstd, Codec::Gzip] {
        let ground = Ground::new(&[("order", ORDER)]).await;
        let commit = committed(&ground, codec, line(&order("a", "1")).into_bytes(), 1).await;
        ground.take(&commit).await.unwrap();
        let refused = ground.quarantined("order").await;
        let found: Vec<_> = refused.iter().map(|e| e.violations[0].rule.as_str()).collect();
        assert_eq!(found, ["codec", "rows"]);
    }
}

#[tokio::test]
async fn an_object_of_another_tenant_is_not_opened() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let foreign = Attempt { tenant: "harbor".parse().unwrap(), ..attempt("p1") };
    let part = ground.land(&foreign, 1, &[Landed::Record(&order("a", "1"))]).await;
    let commit = ground.commit(&attempt("p1"), vec![part]).await;
    ground.take(&commit).await.unwrap();
    let refused = ground.quarantined("order").await;
    let found: Vec<_> = refused.iter().map(|e| e.violations[0].rule.as_str()).collect();
    assert_eq!(found, ["place", "rows"]);
    assert_eq!(ground.keys("curated/").await, [""; 0]);
}

#[tokio::test]
async fn a_field_that_lets_nothing_pass_fails_the_message_and_names_line_field_and_rule() {
    let strict = ORDER.replace("note: string", "note: {type: integer, on_violation: fail}");
    let ground = Ground::new(&[("order", &strict)]).await;
    let commit = ground
        .landed(
            "p1",
            &[
                Landed::Record(&order("a", "1")),
                Landed::Record(r#"{"id":"b","total":1,"note":"secret"}"#),
            ],
        )
        .await;
    let error = ground.take(&commit).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    let told = error.to_string();
    let words = ["p00001.ndjson", "line 2", "`order`", "note", "type"];
    assert!(words.iter().all(|word| told.contains(word)) && !told.contains("secret"), "{told}");
    assert_eq!(ground.keys("receipts/").await, [""; 0]);
    // The model is mended; the commit was not taken in, so nothing has to be said.
    ground.put("config/models/order.yaml", ORDER).await;
    assert_eq!(ground.take(&commit).await.unwrap()[0].rows, 2);
}

#[tokio::test]
async fn what_is_no_commit_is_refused_for_good() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = ground.landed("p1", &[Landed::Record(&order("a", "1"))]).await;
    for bad in ["{", "{\"format\":9}"] {
        ground.put(commit.as_str(), bad).await;
        assert_eq!(ground.take(&commit).await.unwrap_err().retry(), Retry::Never, "{bad}");
    }
    let landing = ground.keys("landing/").await[0].parse().unwrap();
    assert_eq!(ground.take(&landing).await.unwrap_err().retry(), Retry::Never);
    ground.lake.delete(&commit).await.unwrap();
    assert_eq!(ground.take(&commit).await.unwrap(), []);
}

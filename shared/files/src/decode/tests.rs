mod packed;

use std::io::Write;

use model::document::Document;

use super::*;
use crate::refusal::RowCode;

const FEED: &str = r"
pattern: '^(?P<client>[a-z]+)_(?P<entity>USER|TRX)_(?P<seq>\d+)\.'
kinds:
  user: {entities: [USER], columns: [id, email]}
  transaction: {entities: [TRX], columns: [trx_id, amount], tags: {type: trx}}
";

fn feed(more: &str) -> Arc<Feed> {
    let document = Document::parse("feeds/test.yaml", &format!("{FEED}{more}")).unwrap();
    Arc::new(Feed::parse(&document).unwrap_or_else(|faults| panic!("{faults:?}")))
}

fn plan(more: &str, name: &str, bytes: &[u8]) -> Plan {
    Plan {
        feed: feed(more),
        name: name.to_owned(),
        size: bytes.len() as u64,
        tags: BTreeMap::new(),
        control: None,
        keys: Keys::default(),
    }
}

/// Feeds bytes in pieces of this size; gives the records and what it came to.
fn run(plan: Plan, bytes: &[u8], piece: usize) -> (Vec<(u64, String)>, Result<Decoded, Refusal>) {
    let mut chunks = bytes.chunks(piece.max(1));
    let mut decoding = Decoding::start(plan).unwrap();
    let mut records = Vec::new();
    loop {
        match decoding.step() {
            Step::Wants => match chunks.next() {
                Some(chunk) => decoding.feed(Bytes::copy_from_slice(chunk)),
                None => decoding.end(),
            },
            Step::Part(part) => records.extend(
                part.rows().map(|r| (r.line, String::from_utf8(r.record.to_vec()).unwrap())),
            ),
            Step::Done(done) => return (records, done.map(|decoded| *decoded)),
        }
    }
}

#[track_caller]
fn check(more: &str, name: &str, bytes: &[u8], expected: &[(u64, &str)]) {
    for piece in [1, 7, 1 << 20] {
        let (records, done) = run(plan(more, name, bytes), bytes, piece);
        done.unwrap_or_else(|refusal| panic!("{name} by {piece}: {refusal}"));
        let found: Vec<_> = records.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!(found, expected, "{name} by {piece}");
    }
}

#[track_caller]
fn check_refused(more: &str, name: &str, bytes: &[u8], code: Code) {
    let (_, done) = run(plan(more, name, bytes), bytes, 11);
    assert_eq!(done.unwrap_err().code, code, "{name}");
}

const A: (u64, &str) = (2, r#"{"id":"1","email":"a@x"}"#);
const B: (u64, &str) = (3, r#"{"id":"2","email":"b@x"}"#);

#[test]
fn dialects_of_rows_give_the_same_records() {
    let name = "heron_USER_1.csv";
    for text in [
        "id,email\n1,a@x\n2,b@x\n",
        "id,email\r\n1,a@x\r\n2,b@x\r\n",
        "id,email\r1,a@x\r2,b@x\r",
        "\u{feff}id,email\n1,a@x\n2,b@x",
        "id;email\n1;a@x\n2;b@x\n",
        "id|email\n1|a@x\n2|b@x\n",
        "id\temail\n1\ta@x\n2\tb@x\n",
        "id\u{1}email\n1\u{1}a@x\n2\u{1}b@x\n",
        " id , \"email\" \n 1, \"a@x\"\n2 ,b@x \n",
    ] {
        check("", name, text.as_bytes(), &[A, B]);
    }
    check("", "heron_USER_1.psv", b"id|email\n1|a@x\n2|b@x\n", &[A, B]);
    let headless = "format: {header: [id, email]}\n";
    check(headless, name, b"1,a@x\n2,b@x\n", &[(1, A.1), (2, B.1)]);
}

#[test]
fn encodings_give_the_same_records() {
    let text = "id,email\n1,é@x\n";
    let expected = [(2, r#"{"id":"1","email":"é@x"}"#)];
    let utf16 = |mark: u16, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(mark).chain(text.encode_utf16()).flat_map(to).collect()
    };
    check("", "heron_USER_1.csv", &utf16(0xfeff, u16::to_le_bytes), &expected);
    check("", "heron_USER_1.csv", &utf16(0xfeff, u16::to_be_bytes), &expected);
    let old = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    check("format: {encoding: windows-1252}\n", "heron_USER_1.csv", &old, &expected);
    let odd = [0xff, 0xfe, 0x00, 0xd8, b'a', 0];
    check_refused("", "heron_USER_1.csv", &odd, Code::Charset);
}

#[test]
fn quotes_keep_blanks_delimiters_and_line_breaks_and_lines_are_counted_across_them() {
    let text = "id,email\n\"1\",\" a,\"\"b\"\"\nc \"\n\n2,b@x\n";
    let expected = [(2, "{\"id\":\"1\",\"email\":\" a,\\\"b\\\"\\nc \"}"), (5, B.1)];
    check("", "heron_USER_1.csv", text.as_bytes(), &expected);
    let escaped = "id,email\n1,\"a\\\"b\"\n";
    let expected = [(2, r#"{"id":"1","email":"a\"b"}"#)];
    check("format: {escape: '\\'}\n", "heron_USER_1.csv", escaped.as_bytes(), &expected);
}

#[test]
fn nothing_is_null_numbers_and_dates_are_read_as_the_feed_says() {
    let more = "format: {delimiter: ';'}\ncolumns: {id: {required: true}, Betrag: {name: amount, decimal: comma}, Tag: {name: day, date: '%d.%m.%Y'}}\n";
    let text = "id;email;Betrag;Tag\n1;NULL;1.234,50;31.12.2025\n";
    let record = r#"{"id":"1","email":null,"amount":"1234.50","day":"2025-12-31"}"#;
    check(more, "heron_USER_1.csv", text.as_bytes(), &[(2, record)]);
    let more = format!("{more}limits: {{max_error_pct: 100}}\n");
    let text = "id;email;Betrag;Tag\n;a;1;31.12.2025\n2;a;x;31.12.2025\n3;a;1;2025-12-31\n4;a\n";
    let (_, done) = run(plan(&more, "heron_USER_1.csv", b""), text.as_bytes(), 5);
    let codes: Vec<_> = done.unwrap().refused.iter().map(|row| (row.line, row.code)).collect();
    let expected =
        [(2, RowCode::Missing), (3, RowCode::Number), (4, RowCode::Date), (5, RowCode::Ragged)];
    assert_eq!(codes, expected);
}

#[test]
fn json_and_ndjson_keep_their_tokens() {
    let expected = [(1, r#"{"id":1.10,"email":"a b"}"#), (2, r#"{"id":2,"email":null}"#)];
    let list = "[ {\"id\": 1.10,\n \"email\": \"a b\"}, {\"id\":2,\"email\":null} ]";
    check("", "heron_USER_1.json", list.as_bytes(), &expected);
    let wrapped = format!("{{\"meta\": {{\"n\": [1]}}, \"data\": {{\"items\": {list}}}}}");
    let more = "format: {records: [data, items]}\n";
    check(more, "heron_USER_1.json", wrapped.as_bytes(), &expected);
    let lines = "{\"id\": 1.10, \"email\": \"a b\"}\n{\"id\":2,\"email\":null}\n";
    check("", "heron_USER_1.ndjson", lines.as_bytes(), &expected);
    check_refused("", "heron_USER_1.json", b"[{\"id\": 1}, ", Code::Syntax);
    let broken = "{\"id\":1}\nnot json\n[1]\n";
    let more = "limits: {max_error_pct: 100}\n";
    let (_, done) = run(plan(more, "heron_USER_1.ndjson", b""), broken.as_bytes(), 3);
    let codes: Vec<_> = done.unwrap().refused.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(codes, [(2, RowCode::Json), (3, RowCode::NotAnObject)]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_packed_is_unpacked_and_bombs_are_not() {
    let text = b"id,email\n1,a@x\n2,b@x\n";
    check("", "heron_USER_1.csv.gz", &gzip(text), &[A, B]);
    check("", "heron_USER_1.csv", &gzip(text), &[A, B]);
    let zstd = zstd::encode_all(text.as_slice(), 3).unwrap();
    check("", "heron_USER_1.csv.zst", &zstd, &[A, B]);
    let torn = gzip(text);
    check_refused("", "heron_USER_1.csv.gz", &torn[..torn.len() - 9], Code::Archive);
    let bomb = gzip(&vec![b'0'; 8 << 20]);
    check_refused("", "heron_USER_1.csv.gz", &bomb, Code::Bomb);
    let more = "limits: {max_unpacked_bytes: 10}\n";
    check_refused(more, "heron_USER_1.csv.gz", &gzip(text), Code::Bomb);
    check_refused("encryption: {pgp: required}\n", "heron_USER_1.csv", text, Code::NotEncrypted);
}

#[test]
fn a_kind_is_told_by_name_then_header_then_tags() {
    let kind = |name: &str, text: &str, tags: &[(&str, &str)]| {
        let mut plan = plan("", name, b"");
        plan.tags = tags.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        run(plan, text.as_bytes(), 100).1.map(|decoded| decoded.kind).map_err(|r| r.code)
    };
    assert_eq!(kind("heron_USER_1.csv", "id,email\n", &[]), Ok("user".to_owned()));
    assert_eq!(kind("x.csv", "amount,trx_id\n", &[]), Ok("transaction".to_owned()));
    assert_eq!(kind("x.csv", "a,b\n", &[("type", "TRX")]), Ok("transaction".to_owned()));
    assert_eq!(kind("x.csv", "a,b\n", &[]), Err(Code::Unclassified));
    assert_eq!(kind("x.csv", "id,email,trx_id,amount\n", &[]), Err(Code::Unclassified));
    assert_eq!(kind("heron_TRX_1.csv", "id,email\n", &[]), Err(Code::Header));
}

#[test]
fn edges_announce_what_a_file_holds() {
    let more = "verify: {header: H, trailer: T, trailer_required: true}\n";
    let whole = "H|heron|USER|20260102|1\nid,email\n1,a@x\n2,b@x\nT|2\n";
    check(more, "heron_USER_1.csv", whole.as_bytes(), &[(3, A.1), (4, B.1)]);
    let cut = "H|heron|USER|20260102|1\nid,email\n1,a@x\n2,b@x\n";
    check_refused(more, "heron_USER_1.csv", cut.as_bytes(), Code::TrailerMissing);
    let wrong = whole.replace("T|2", "T|3");
    check_refused(more, "heron_USER_1.csv", wrong.as_bytes(), Code::CountMismatch);
    let other = whole.replace("|USER|", "|TRX|");
    check_refused(more, "heron_USER_1.csv", other.as_bytes(), Code::Header);
}

#[test]
fn a_record_without_an_end_is_refused_before_it_fills_memory() {
    let mut text = b"id,email\n1,\"".to_vec();
    text.resize(4 << 20, b'x');
    check_refused("", "heron_USER_1.csv", &text, Code::RecordTooLarge);
    check_refused("", "heron_USER_1.ndjson", &text, Code::RecordTooLarge);
    let mut list = b"[{\"id\":\"".to_vec();
    list.resize(4 << 20, b'x');
    check_refused("", "heron_USER_1.json", &list, Code::RecordTooLarge);
}

/// A gigabyte of rows goes through in parts of bounded size; nothing else is kept.
#[test]
fn a_long_file_is_given_in_bounded_parts() {
    let line = format!("12345,{}@x\n", "a".repeat(2_000));
    let chunk = Bytes::from(line.repeat(500));
    let mut decoding = Decoding::start(plan("", "heron_USER_1.csv", b"")).unwrap();
    let (mut fed, mut records) = (0, 0);
    loop {
        match decoding.step() {
            Step::Wants if fed == 0 => decoding.feed(Bytes::from_static(b"id,email\n")),
            Step::Wants if fed < 100 => decoding.feed(chunk.clone()),
            Step::Wants => {
                decoding.end();
                continue;
            }
            Step::Part(part) => {
                let bytes: usize = part.rows().map(|row| row.record.len() + 40).sum();
                assert!(part.len() <= 5_000 && bytes <= 4 << 20);
                records += part.len();
                continue;
            }
            Step::Done(done) => {
                assert_eq!(done.unwrap().records, records as u64);
                break;
            }
        }
        fed += 1;
    }
    assert_eq!(records, 99 * 500);
}

#[test]
fn a_decoding_that_is_dropped_ends() {
    let mut decoding = Decoding::start(plan("", "heron_USER_1.csv", b"")).unwrap();
    assert!(matches!(decoding.step(), Step::Wants));
    decoding.feed(Bytes::from_static(b"id,email\n1,a"));
    drop(decoding);
}

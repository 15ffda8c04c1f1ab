use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::line::LineContext;

fn header(run: &str) -> LineHeader {
    LineHeader::new(&LineContext {
        tenant: &"bluebird".parse().unwrap(),
        connection: &"main".parse().unwrap(),
        stream: &"orders".parse().unwrap(),
        run: &run.parse().unwrap(),
        request_start: "2024-05-01T07:15:22.5Z".parse().unwrap(),
        slice: "e3.all",
        page: 1,
    })
}

fn part(codec: Codec, run: &str, records: &[String]) -> Option<Part> {
    let mut writer = PartWriter::new(codec, 1 << 20).unwrap();
    for (ordinal, record) in (0..).zip(records) {
        writer.write(&header(run), ordinal, None, record.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn lines(body: &Bytes, codec: Codec, limits: Limits) -> Result<Vec<String>, ReadError> {
    let mut reader = LineReader::new(body.clone(), codec, limits)?;
    let mut all = Vec::new();
    while let Some(line) = reader.next_line()? {
        all.push(String::from_utf8(line.to_vec()).unwrap());
    }
    Ok(all)
}

fn packed(codec: Codec, text: &str) -> Vec<u8> {
    match codec {
        Codec::Plain => text.as_bytes().to_vec(),
        Codec::Zstd => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
    }
}

#[test]
fn an_empty_writer_gives_no_part() {
    for codec in Codec::ALL {
        assert_eq!(part(codec, "r1", &[]), None);
    }
}

#[test]
fn the_writer_is_full_at_its_limit_and_empty_after_finishing() {
    for codec in Codec::ALL {
        let mut writer = PartWriter::new(codec, 4096).unwrap();
        let record = format!("{{\"x\":\"{}\"}}", "a".repeat(500));
        while !writer.is_full() {
            writer.write(&header("r1"), writer.rows(), None, record.as_bytes()).unwrap();
        }
        let full = writer.finish().unwrap().unwrap();
        assert!(full.rows >= 5 && full.body.len() < 4096 + 1024, "{codec:?} {}", full.body.len());
        assert_eq!((writer.rows(), writer.is_full()), (0, false));
        assert_eq!(writer.finish().unwrap(), None);
    }
}

#[test]
fn several_members_and_frames_are_read_to_the_end() {
    for codec in Codec::ALL {
        let body = [packed(codec, "a\nb"), packed(codec, "c\nd\n"), packed(codec, "e")].concat();
        let read = lines(&Bytes::from(body), codec, Limits::default()).unwrap();
        assert_eq!(read, ["a", "bc", "d", "e"], "{codec:?}");
    }
}

#[test]
fn content_over_the_limit_is_refused_before_it_is_unpacked() {
    for codec in Codec::ALL {
        let body = Bytes::from(packed(codec, &"x\n".repeat(1 << 20)));
        let limits = Limits { content: 1000, line: 100 };
        assert!(matches!(lines(&body, codec, limits), Err(ReadError::Content { limit: 1000 })));
        let enough = Limits { content: 2 << 20, line: 2 };
        assert_eq!(lines(&body, codec, enough).unwrap().len(), 1 << 20);
    }
}

#[test]
fn a_line_over_the_limit_is_refused() {
    for codec in Codec::ALL {
        let body = Bytes::from(packed(codec, &format!("a\n{}\n", "x".repeat(100))));
        let limits = Limits { content: 1000, line: 100 };
        let refused = lines(&body, codec, limits);
        assert!(matches!(refused, Err(ReadError::Line { number: 2, limit: 100 })), "{refused:?}");
    }
}

#[test]
fn what_follows_a_line_over_the_limit_is_read() {
    for codec in Codec::ALL {
        let long = "x".repeat(350);
        let text = format!("a\n{long}\nb\n{long}\n\nc");
        let limits = Limits { content: 1000, line: 100 };
        let mut reader = LineReader::new(packed(codec, &text).into(), codec, limits).unwrap();
        let mut found = Vec::new();
        loop {
            match reader.next_line() {
                Ok(Some(line)) => found.push(String::from_utf8(line.to_vec()).unwrap()),
                Ok(None) => break,
                Err(ReadError::Line { number, .. }) => found.push(format!("long {number}")),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(found, ["a", "long 2", "b", "long 4", "", "c"], "{codec:?}");
    }
}

#[test]
fn cut_and_foreign_content_is_an_error() {
    for codec in [Codec::Zstd, Codec::Gzip] {
        let whole = packed(codec, &"some text\n".repeat(1000));
        let cut = Bytes::copy_from_slice(&whole[..whole.len() - 3]);
        assert!(lines(&cut, codec, Limits::default()).is_err(), "{codec:?}");
        assert!(lines(&Bytes::from("plain\n"), codec, Limits::default()).is_err(), "{codec:?}");
    }
}

#[test]
fn the_records_digest_leaves_metadata_aside() {
    let records = ["{\"id\":1}".to_owned(), "{\"id\":2}".to_owned()];
    let first = part(Codec::Plain, "r1", &records).unwrap();
    let again = part(Codec::Zstd, "r2", &records).unwrap();
    assert_eq!(first.records, again.records);
    assert_ne!(first.sha256, again.sha256);
    let other = part(Codec::Plain, "r1", &["{\"id\":12}".to_owned()]).unwrap();
    assert_ne!(first.records, other.records);
}

proptest! {
    #[test]
    fn parts_read_back(
        codec in prop::sample::select(&Codec::ALL[..]),
        texts in prop::collection::vec(any::<String>(), 1..40),
    ) {
        let records: Vec<String> =
            texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
        let part = part(codec, "r1", &records).unwrap();
        prop_assert_eq!(part.rows, records.len() as u64);
        prop_assert_eq!(&part.sha256, &Sha256Hex::of(&part.body));
        let read = lines(&part.body, codec, Limits::default()).unwrap();
        prop_assert_eq!(read.len(), records.len());
        for (line, record) in read.iter().zip(&records) {
            prop_assert_eq!(crate::line::Line::parse(line.as_bytes()).unwrap().record.get(), record);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_harm(
        codec in prop::sample::select(&Codec::ALL[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        is_packed: bool,
    ) {
        let body = if is_packed { packed(codec, &String::from_utf8_lossy(&bytes)) } else { bytes };
        let limits = Limits { content: 100, line: 50 };
        if let Ok(mut reader) = LineReader::new(Bytes::from(body), codec, limits) {
            let mut taken = 0;
            while let Ok(Some(line)) = reader.next_line() {
                prop_assert!(line.len() <= 50);
                taken += line.len();
                drop(crate::line::Line::parse(line));
            }
            prop_assert!(taken <= 100);
        }
    }
}

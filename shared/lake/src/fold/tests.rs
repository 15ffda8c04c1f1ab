use model::{CursorValue, RunId};

use super::*;
use crate::commit::{Generation, PartRef};
use crate::digest::{RecordsDigest, Sha256Hex};
use crate::key::Attempt;
use crate::key::tests::attempt;
use crate::line::{LineContext, LineHeader, write_line, write_tombstone};
use crate::part::{Codec, Part};

/// A stream's lake, told step by step; instants are seconds.
#[derive(Default)]
struct Story {
    commits: Vec<Commit>,
    objects: BTreeMap<ObjectKey, Vec<String>>,
}

enum Told {
    Row(u64, i64),
    Gone(u64),
}

use Told::{Gone, Row as Seen};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key() -> Vec<Vec<String>> {
    vec![vec!["id".to_owned()]]
}

impl Story {
    /// One more attempt, which started at `second`; not committed yet.
    fn land(&mut self, second: i64, told: &[Told]) -> Commit {
        let attempt = Attempt { fence: self.objects.len() as u64 + 1, ..attempt() };
        let run: RunId = "r1".parse().unwrap();
        let header = LineHeader::new(&LineContext {
            tenant: &attempt.tenant,
            connection: &attempt.connection,
            stream: &attempt.stream,
            run: &run,
            request_start: at(second),
            slice: "e3.all",
            page: 1,
        });
        let lines: Vec<String> = (0..).zip(told).map(|(n, told)| line(&header, n, told)).collect();
        let landing = attempt.clone().part(1, Codec::Plain).render().unwrap();
        let body = lines.concat().into();
        let (sha256, records) = (Sha256Hex::of(b""), RecordsDigest::default());
        let part = Part { body, rows: 1, sha256, records };
        self.objects.insert(landing.clone(), lines);
        Commit {
            attempt,
            window: None,
            mode: Mode::Incremental,
            generation: None,
            started: at(second),
            parts: vec![PartRef::new(landing, &part)],
            rows: part.rows,
            run,
            at: at(second),
        }
    }

    fn incremental(&mut self, second: i64, told: &[Told]) {
        let commit = self.land(second, told);
        self.commits.push(commit);
    }

    /// One slice of a refresh; `slices` when it closes the generation.
    fn refresh(&mut self, second: i64, number: u64, slices: Option<u64>, told: &[Told]) {
        let commit = self.land(second, told);
        let generation = Some(Generation { number, slices });
        self.commits.push(Commit { mode: Mode::FullRefresh, generation, ..commit });
    }

    #[track_caller]
    fn shows(&self, expected: &[&str]) {
        let rows = latest_rows(&key(), &self.commits, &self.objects).unwrap();
        let records: Vec<String> = rows.into_values().flatten().map(|row| row.record).collect();
        assert_eq!(records, expected);
    }
}

fn record(id: u64, version: i64) -> String {
    format!("{{\"id\":{id},\"v\":{version}}}")
}

fn line(header: &LineHeader, ordinal: u64, told: &Told) -> String {
    let mut out = Vec::new();
    match told {
        Seen(id, version) => {
            let cursor = CursorValue::Instant(at(*version));
            write_line(&mut out, header, ordinal, Some(&cursor), record(*id, *version).as_bytes());
        }
        Gone(id) => {
            let key = RowKey::of(&record(*id, 0), &key()).unwrap();
            write_tombstone(&mut out, header, ordinal, &key);
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn the_latest_version_shows_in_whatever_order_it_arrives() {
    let mut story = Story::default();
    story.incremental(20, &[Seen(1, 7)]);
    story.incremental(10, &[Seen(1, 9), Seen(2, 1)]);
    story.shows(&[r#"{"id":1,"v":9}"#, r#"{"id":2,"v":1}"#]);
}

#[test]
fn what_is_not_committed_does_not_show() {
    let mut story = Story::default();
    story.incremental(10, &[Seen(1, 1)]);
    story.land(20, &[Seen(1, 2), Gone(1), Seen(3, 3)]);
    story.shows(&[r#"{"id":1,"v":1}"#]);
}

#[test]
fn a_tombstone_hides_what_was_seen_before_it_and_nothing_later() {
    let mut story = Story::default();
    story.incremental(10, &[Seen(1, 5), Seen(2, 5)]);
    story.incremental(20, &[Gone(1), Gone(2)]);
    story.shows(&[]);
    story.incremental(30, &[Seen(2, 4)]);
    story.shows(&[r#"{"id":2,"v":4}"#]);
}

#[test]
fn an_attempt_that_takes_over_parts_sees_their_rows_again() {
    let mut story = Story::default();
    story.incremental(10, &[Seen(1, 5)]);
    story.incremental(20, &[Gone(1)]);
    let again = Commit {
        started: at(30),
        attempt: Attempt { fence: 9, ..attempt() },
        ..story.commits[0].clone()
    };
    story.commits.push(again);
    story.shows(&[r#"{"id":1,"v":5}"#]);
}

#[test]
fn a_generation_shows_once_it_is_whole() {
    let mut story = Story::default();
    story.refresh(10, 1, Some(1), &[Seen(1, 1), Seen(2, 1)]);
    story.refresh(20, 2, None, &[Seen(1, 2)]);
    story.shows(&[r#"{"id":1,"v":1}"#, r#"{"id":2,"v":1}"#]);
    story.refresh(21, 2, Some(1), &[Seen(1, 3)]);
    story.shows(&[r#"{"id":1,"v":3}"#]);
}

#[test]
fn an_empty_generation_shows_nothing() {
    let mut story = Story::default();
    story.refresh(10, 1, Some(1), &[Seen(1, 1)]);
    let empty = story.land(20, &[]);
    let generation = Some(Generation { number: 2, slices: Some(1) });
    story.commits.push(Commit {
        mode: Mode::FullRefresh,
        generation,
        parts: Vec::new(),
        rows: 0,
        ..empty
    });
    story.shows(&[]);
}

#[test]
fn increments_build_on_the_generation_before_them() {
    let mut story = Story::default();
    story.incremental(5, &[Seen(1, 100), Seen(9, 100)]);
    story.refresh(10, 1, Some(1), &[Seen(1, 1), Seen(2, 1)]);
    story.incremental(20, &[Seen(2, 2), Seen(3, 1)]);
    story.shows(&[r#"{"id":1,"v":1}"#, r#"{"id":2,"v":2}"#, r#"{"id":3,"v":1}"#]);
}

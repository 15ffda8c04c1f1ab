use model::document::Document;

use super::*;

fn feed(text: &str) -> Feed {
    let text = format!("kinds: {{user: {{entities: [USER]}}}}\n{text}");
    Feed::parse(&Document::parse("feeds/test.yaml", &text).unwrap()).unwrap()
}

fn entry(path: &str) -> Entry {
    Entry { path: path.to_owned(), size: 1, modified: Timestamp::UNIX_EPOCH }
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn uploads_under_way_are_not_looked_at() {
    let names = ["a.csv.part", ".a.csv", "b.tmp", "c.csv~", "d.filepart", "e.csv"];
    let look = Look::at(&feed(""), &names.map(entry));
    let found: Vec<_> = look.files.iter().map(|found| found.entry.path.as_str()).collect();
    assert_eq!(found, ["e.csv"]);
}

#[test]
fn a_file_is_whole_when_two_looks_far_enough_apart_saw_the_same() {
    let feed = feed("complete: {stable_for: 1m}\n");
    let first = Sight::after(None, &entry("a"), later(0));
    assert!(!first.is_stable(&feed, later(600)));
    let soon = Sight::after(Some(first), &entry("a"), later(30));
    assert!(!soon.is_stable(&feed, later(30)));
    let second = Sight::after(Some(soon), &entry("a"), later(60));
    assert!(second.is_stable(&feed, later(60)));
    let grown = Entry { size: 2, ..entry("a") };
    assert!(!Sight::after(Some(second), &grown, later(61)).is_stable(&feed, later(61)));
}

#[test]
fn a_marker_stands_for_the_file_that_it_names() {
    let feed = feed("complete: {markers: [.done, .ctl]}\n");
    let names = ["a.csv", "a.csv.done", "b.csv.gz", "b.ctl", "c.csv", "d.csv.done"];
    let look = Look::at(&feed, &names.map(entry));
    let marked: Vec<_> =
        look.files.iter().map(|f| (f.entry.path.as_str(), f.marker.as_deref())).collect();
    let expected = [("a.csv", Some("a.csv.done")), ("b.csv.gz", Some("b.ctl")), ("c.csv", None)];
    assert_eq!(marked, expected);
    assert_eq!(look.lone, [entry("d.csv.done")]);
}

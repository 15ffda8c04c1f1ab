//! Every file under `events/` is an event that its function decodes, and no folder is without a
//! function.

use std::fs;
use std::path::{Path, PathBuf};

use handlers::job::Job;
use handlers::{
    compact, event, export, extract, files, push, report, schedule, transform, webhook,
};
use ports::Received;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The events of a function, by name.
fn events(function: &str) -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(root().join("events").join(function))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no event for {function}");
    found
}

#[test]
fn every_folder_of_events_belongs_to_a_function_of_this_test() {
    let mut folders: Vec<_> = fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(
        folders,
        [
            "compact",
            "export",
            "extract",
            "intake",
            "push",
            "report",
            "schedule",
            "transform",
            "webhook"
        ]
    );
    for folder in folders {
        assert!(root().join("functions").join(&folder).is_dir(), "{folder}");
    }
}

#[test]
fn every_event_of_schedule_is_decoded() {
    for (name, text) in events("schedule") {
        let event: schedule::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let sweep = matches!(event, schedule::Event::Sweep { .. });
        assert_eq!(sweep, name == "sweep.json", "{name}");
    }
}

#[test]
fn every_event_of_compact_is_decoded() {
    for (name, text) in events("compact") {
        let event: compact::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let sweep = matches!(event, compact::Event::Sweep { .. });
        assert_eq!(sweep, name == "sweep.json", "{name}");
    }
}

#[test]
fn every_event_of_extract_is_decoded_and_only_poison_is_no_job() {
    for (name, text) in events("extract") {
        let event: extract::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let extract::Event::Batch(batch) = event else {
            assert_eq!(name, "by_hand.json");
            continue;
        };
        let messages: Vec<Received> = batch.records.into_iter().map(Received::from).collect();
        assert!(!messages.is_empty(), "{name}");
        let poison = messages.iter().filter(|m| serde_json::from_str::<Job>(&m.body).is_err());
        assert_eq!(poison.count(), usize::from(name == "poison_message.json"), "{name}");
        for message in &messages {
            assert!(!message.group.is_empty(), "{name}");
            assert_eq!(message.not_before.is_some(), name == "too_early.json", "{name}");
        }
    }
}

#[test]
fn every_event_of_push_is_decoded_and_only_poison_is_no_work() {
    for (name, text) in events("push") {
        let event: push::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let batch = match event {
            push::Event::Batch(batch) => batch,
            push::Event::Work(work) => {
                let begins = match work {
                    push::Work::Push { .. } | push::Work::Take { .. } => "by_hand",
                    push::Work::Again { .. } => "again",
                    push::Work::Sweep { .. } => "sweep",
                };
                assert!(name.starts_with(begins), "{name}");
                continue;
            }
        };
        for message in batch.records.into_iter().map(Received::from) {
            let told = event::created_keys(&message.body);
            let work = serde_json::from_str::<push::Work>(&message.body);
            let is_poison = told.is_none() && work.is_err();
            assert_eq!(is_poison, name == "poison_message.json", "{name}");
        }
    }
}

#[test]
fn every_event_of_transform_is_decoded_and_only_poison_is_no_work() {
    for (name, text) in events("transform") {
        let event: transform::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let batch = match event {
            transform::Event::Batch(batch) => batch,
            transform::Event::Work(work) => {
                let begins = match work {
                    transform::Work::Take(_) => "by_hand",
                    transform::Work::Sweep { .. } => "sweep",
                    transform::Work::Replay { .. } => "replay",
                };
                assert!(name.starts_with(begins), "{name}");
                continue;
            }
        };
        let messages: Vec<Received> = batch.records.into_iter().map(Received::from).collect();
        assert!(!messages.is_empty(), "{name}");
        for message in &messages {
            let told = event::created_keys(&message.body);
            let work = serde_json::from_str::<transform::Work>(&message.body);
            assert!(told.is_none() || work.is_err(), "{name}");
            let is_poison = told.is_none() && work.is_err();
            assert_eq!(is_poison, name == "poison_message.json", "{name}");
        }
    }
}

#[test]
fn every_event_of_intake_is_decoded_and_only_poison_is_no_look() {
    for (name, text) in events("intake") {
        let event: files::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let batch = match event {
            files::Event::Batch(batch) => batch,
            files::Event::Work(work) => {
                let begins = match work {
                    files::Work::Sweep { .. } => "sweep",
                    files::Work::Again { .. } => "again",
                    files::Work::Look(_) => "by_hand",
                };
                assert!(name.starts_with(begins), "{name}");
                continue;
            }
        };
        for message in batch.records.into_iter().map(Received::from) {
            let told = event::created_keys(&message.body);
            let work = serde_json::from_str::<files::Work>(&message.body);
            let is_poison = told.is_none() && work.is_err();
            assert_eq!(is_poison, name == "poison_message.json", "{name}");
        }
    }
}

#[test]
fn every_event_of_webhook_is_decoded() {
    for (name, text) in events("webhook") {
        let event: Result<webhook::Event, _> = serde_json::from_str(&text);
        assert!(event.is_ok(), "{name}: {event:?}");
    }
}

#[test]
fn every_event_of_export_is_decoded() {
    for (name, text) in events("export") {
        let event: export::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let expected = match event {
            export::Event::Customer { .. } => "one_customer.json",
            export::Event::Due { .. } => "due.json",
            export::Event::All { .. } => "all.json",
        };
        assert_eq!(name, expected);
    }
}

#[test]
fn every_event_of_report_is_decoded() {
    for (name, text) in events("report") {
        let event: report::publish::Event =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let expected = match event {
            report::publish::Event::Day { .. } => "one_day.json",
            report::publish::Event::Due { .. } => "due.json",
        };
        assert_eq!(name, expected);
    }
}

//! The files, one after the other.

mod broken;
mod control;
mod loyalty;
mod second;
mod till;

pub(super) use control::control;
pub(super) use loyalty::loyalty;
pub(super) use second::second_wave;
pub(super) use till::till;

use super::Landing;
use super::maker::Label;
use super::people::Record;

/// `heron_USER_20260301120000_001<rest>`.
fn name(entity: &str, sequence: u32, rest: &str) -> String {
    format!("heron_{entity}_20260301120000_{sequence:03}{rest}")
}

fn label(landing: Landing, name: String, special: &'static str) -> Label {
    Label { landing, wave: 0, name, special }
}

/// Writes another text into one record.
fn set(records: &mut [Record], at: usize, key: &str, text: &str) {
    if let Some(record) = records.get_mut(at) {
        record.insert(key.to_owned(), text.into());
    }
}

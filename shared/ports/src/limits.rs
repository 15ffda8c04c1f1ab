//! The limits of the services, checked the same way by every adapter: what works on one machine
//! works there too. All of them are pure; adapters call them before they touch anything.

use std::time::Duration;

use crate::object_store::{Attributes, ObjectError};
use crate::queue::{Message, QueueError};
use crate::scheduler::{Cadence, Schedule, SchedulerError};
use crate::table::{Key, MAX_ITEM_BYTES, MAX_TRANSACTION_ITEMS, Query, TableError, Write, WriteId};
use crate::uploads::{MAX_PARTS, MIN_PART_BYTES, PartTag};

/// Bytes an item holds besides its key and body: attribute names, version, expiry.
const ITEM_OVERHEAD: usize = 128;

/// Most bytes of the items of one transaction (DynamoDB's limit).
const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes of a message, attributes included.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Most attributes of a message that are the sender's; SQS takes ten and three are ours.
const MAX_ATTRIBUTES: usize = 7;

/// Most bytes of an object's user metadata, names and values together
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
const MAX_METADATA_BYTES: usize = 2048;

/// A cause that is only a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Because(String);

/// Whether a table takes this key.
pub fn check_key(key: &Key) -> Result<(), TableError> {
    let part = |name: &str, text: &str, most: usize| {
        if text.is_empty() || text.len() > most {
            let reason = format!("{name} key of {} bytes, 1 to {most} are allowed", text.len());
            return Err(TableError::Refused { reason });
        }
        Ok(())
    };
    part("partition", &key.partition, 2048)?;
    part("sort", &key.sort, 1024)
}

/// Whether a table takes this query.
pub fn check_query(query: &Query) -> Result<(), TableError> {
    if query.limit == 0 {
        return Err(TableError::Refused { reason: "a page of no items".to_owned() });
    }
    check_key(&Key { partition: query.partition.clone(), sort: "-".to_owned() })
}

/// Whether a table takes these writes as one transaction.
pub fn check_writes(writes: &[Write], write: &WriteId) -> Result<(), TableError> {
    let refuse = |reason: String| Err(TableError::Refused { reason });
    if !(1..=64).contains(&write.0.len()) {
        return refuse(format!("write id of {} bytes, 1 to 64 are allowed", write.0.len()));
    }
    if !(1..=MAX_TRANSACTION_ITEMS).contains(&writes.len()) {
        let most = MAX_TRANSACTION_ITEMS;
        return refuse(format!("transaction of {} writes, 1 to {most} are allowed", writes.len()));
    }
    let mut keys = std::collections::BTreeSet::new();
    let mut total = 0;
    for each in writes {
        check_key(each.key())?;
        if !keys.insert(each.key()) {
            return refuse(format!("two writes of one transaction at `{}`", each.key()));
        }
        total += item_bytes(each);
        if item_bytes(each) > MAX_ITEM_BYTES {
            let bytes = item_bytes(each);
            return refuse(format!("item of {bytes} bytes, {MAX_ITEM_BYTES} are allowed"));
        }
    }
    if total > MAX_TRANSACTION_BYTES {
        return refuse(format!(
            "transaction of {total} bytes, {MAX_TRANSACTION_BYTES} are allowed"
        ));
    }
    Ok(())
}

fn item_bytes(write: &Write) -> usize {
    match write {
        Write::Put { key, body, .. } => {
            key.partition.len() + key.sort.len() + body.len() + ITEM_OVERHEAD
        }
        Write::Delete { .. } | Write::Check { .. } => 0,
    }
}

/// Whether a queue takes this message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
pub fn check_message(message: &Message) -> Result<(), QueueError> {
    let refuse = |reason: String| Err(QueueError::Refused { reason });
    let attributes: usize = message.attributes.iter().map(|(n, v)| n.len() + v.len()).sum();
    let bytes = message.body.len() + message.group.len() + attributes;
    if message.body.is_empty() || bytes > MAX_MESSAGE_BYTES {
        return refuse(format!("message of {bytes} bytes, 1 to {MAX_MESSAGE_BYTES} are allowed"));
    }
    if !message.body.chars().all(carried) {
        return refuse("body with a control character that SQS does not carry".to_owned());
    }
    if !(1..=128).contains(&message.group.len())
        || !message.group.bytes().all(|b| b.is_ascii_graphic())
    {
        return refuse(format!("group `{}`, 1 to 128 visible ASCII characters", message.group));
    }
    if message.attributes.len() > MAX_ATTRIBUTES {
        let count = message.attributes.len();
        return refuse(format!("{count} attributes, {MAX_ATTRIBUTES} are allowed"));
    }
    for (name, value) in &message.attributes {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if name.is_empty() || name.len() > 256 || !name.bytes().all(fits) || value.is_empty() {
            return refuse(format!("attribute `{name}`, use A-Z a-z 0-9 _ . - and a value"));
        }
    }
    Ok(())
}

/// Whether SQS carries the character (those of XML 1.0).
fn carried(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether an object store takes these attributes for the object at `key`.
pub fn check_attributes(
    key: &model::ObjectKey,
    attributes: &Attributes,
) -> Result<(), ObjectError> {
    let refuse = |reason: String| {
        let source = Box::new(Because(reason));
        Err(ObjectError::Refused { key: key.to_string(), source })
    };
    let total: usize = attributes.metadata.iter().map(|(n, v)| n.len() + v.len()).sum();
    if total > MAX_METADATA_BYTES {
        return refuse(format!("{total} bytes of metadata, {MAX_METADATA_BYTES} are allowed"));
    }
    for (name, value) in &attributes.metadata {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
        if name.is_empty() || !name.bytes().all(fits) || !value.bytes().all(visible) {
            return refuse(format!("metadata `{name}`: lower-case names and visible ASCII only"));
        }
    }
    Ok(())
}

/// Whether an upload of the object at `key` takes a part of this number.
pub fn check_part(key: &model::ObjectKey, number: u32) -> Result<(), ObjectError> {
    if (1..=MAX_PARTS).contains(&number) {
        return Ok(());
    }
    let source = Box::new(Because(format!("part {number}, 1 to {MAX_PARTS} are allowed")));
    Err(ObjectError::Refused { key: key.to_string(), source })
}

/// Whether an upload can be completed with these parts.
pub fn check_parts(key: &model::ObjectKey, parts: &[PartTag]) -> Result<(), ObjectError> {
    let refuse = |reason: String| {
        let source = Box::new(Because(reason));
        Err(ObjectError::Refused { key: key.to_string(), source })
    };
    let Some((_, before)) = parts.split_last() else {
        return refuse("an upload of no parts".to_owned());
    };
    if let Some(small) = before.iter().find(|part| part.size < MIN_PART_BYTES) {
        let PartTag { number, size, .. } = small;
        return refuse(format!("part {number} of {size} bytes, {MIN_PART_BYTES} are the least"));
    }
    if !parts.is_sorted_by(|a, b| a.number < b.number) {
        return refuse("the parts' numbers do not rise".to_owned());
    }
    Ok(())
}

/// Whether a scheduler takes this schedule
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>).
pub fn check_schedule(schedule: &Schedule) -> Result<(), SchedulerError> {
    let refuse =
        |reason: String| Err(SchedulerError::Refused { name: schedule.name.clone(), reason });
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !(1..=64).contains(&schedule.name.len()) || !schedule.name.bytes().all(fits) {
        return refuse("a name has 1 to 64 of A-Z a-z 0-9 - _ .".to_owned());
    }
    if !whole_minutes(schedule.jitter) || schedule.jitter > Duration::from_hours(24) {
        return refuse("a jitter is 0 to 1440 whole minutes".to_owned());
    }
    match &schedule.cadence {
        Cadence::Every(every) if every.is_zero() || !whole_minutes(*every) => {
            refuse("an interval is whole minutes, at least one".to_owned())
        }
        Cadence::Every(_) => Ok(()),
        Cadence::Cron { expression, timezone } => match model::Cron::parse(expression, timezone) {
            Ok(_) => Ok(()),
            Err(fault) => refuse(fault.to_string()),
        },
    }
}

fn whole_minutes(span: Duration) -> bool {
    span.subsec_nanos() == 0 && span.as_secs().is_multiple_of(60)
}

/// A dead letter's reason as a message attribute can carry it: not empty, not long, and without
/// characters that SQS refuses.
pub fn carried_reason(reason: &str) -> String {
    let fitting: String = reason.chars().filter(|c| carried(*c)).take(512).collect();
    if fitting.is_empty() { "no reason given".to_owned() } else { fitting }
}

//! JSON: an object a line, or a list of objects.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::output::Output;
use super::{Plan, damaged};
use crate::decimal::Decimal;
use crate::refusal::{Code, Refusal, RowCode, out_of, through};

/// Gives the objects of lines to the output.
pub(super) fn lines(
    plan: &Plan,
    reader: &mut dyn BufRead,
    output: &mut Output<'_>,
) -> Result<(), Refusal> {
    let most = plan.feed.limits.max_record_bytes;
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = Read::take(&mut *reader, most as u64 + 1).read_until(b'\n', &mut line);
        if read.map_err(damaged)? == 0 {
            return Ok(());
        }
        number += 1;
        if line.len() > most && !line.ends_with(b"\n") {
            let message = format!(
                "line {number} has more than {most} bytes; raise `limits.max_record_bytes` of the \
                 feed if this is meant"
            );
            return Err(Refusal::new(Code::RecordTooLarge, message));
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let Ok(value) = serde_json::from_slice::<&RawValue>(text) else {
            output.refuse(number, RowCode::Json, "the line is not JSON".to_owned())?;
            continue;
        };
        object(number, value, output)?;
    }
}

/// Gives the objects of a list to the output.
pub(super) fn list(
    plan: &Plan,
    reader: &mut dyn BufRead,
    output: &mut Output<'_>,
) -> Result<(), Refusal> {
    let used = Rc::new(Cell::new(0));
    let most = plan.feed.limits.max_record_bytes;
    let guarded = Guarded { reader, used: Rc::clone(&used), most };
    let mut deserializer = serde_json::Deserializer::from_reader(guarded);
    let mut stopped = None;
    let walk = Walk { path: &plan.feed.format.records, output, used: &used, stopped: &mut stopped };
    let walked = walk.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if let Some(refusal) = stopped {
        return Err(refusal);
    }
    walked.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_io() {
            return out_of(error.into(), Code::Archive, "the file is damaged or was cut off");
        }
        let at = plan.feed.format.records.join(".");
        let expected = match at.as_str() {
            "" => "one list of objects".to_owned(),
            at => format!("an object with a list of objects at `{at}`"),
        };
        let message = format!("it stops being {expected} at line {line}, column {column}");
        Refusal::new(Code::Syntax, message)
    })
}

/// Takes a value if it is an object.
fn object(line: u64, value: &RawValue, output: &mut Output<'_>) -> Result<(), Refusal> {
    let text = value.get();
    if !text.starts_with('{') {
        let message = "it is JSON, but no object".to_owned();
        return output.refuse(line, RowCode::NotAnObject, message);
    }
    if !output.is_classified() {
        output.classify(&names(text))?;
    }
    let Some(total) = output.total_field() else {
        return output.record(line, &compact(text), None);
    };
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let number = match value.get(total) {
        Some(Value::String(text)) => Decimal::parse(text),
        Some(Value::Number(number)) => Decimal::parse(&number.to_string()),
        _ => None,
    };
    if number.is_some() {
        return output.record(line, &compact(text), number);
    }
    let message = format!("`{total}` is no number, and is summed up");
    output.refuse(line, RowCode::Number, message)
}

/// The names of an object.
fn names(text: &str) -> Vec<String> {
    let names = serde_json::from_str::<serde_json::Map<String, Value>>(text);
    names.map(|object| object.into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
}

/// The text without blanks outside of strings, and so without line breaks.
fn compact(text: &str) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let kept = quoted || !byte.is_ascii_whitespace();
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        kept
    };
    text.bytes().filter(keep).collect()
}

/// Counts the bytes of one record.
struct Guarded<'r> {
    reader: &'r mut dyn BufRead,
    used: Rc<Cell<usize>>,
    most: usize,
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.used.set(self.used.get() + read);
        if self.used.get() > self.most {
            let message = format!(
                "a record, or what stands before the list, has more than {} bytes; raise \
                 `limits.max_record_bytes` of the feed if this is meant",
                self.most
            );
            return Err(through(Refusal::new(Code::RecordTooLarge, message)));
        }
        Ok(read)
    }
}

/// Walks to the list, and through it.
struct Walk<'w, 'p> {
    path: &'w [String],
    output: &'w mut Output<'p>,
    used: &'w Cell<usize>,
    stopped: &'w mut Option<Refusal>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            deserializer.deserialize_seq(self)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = list.next_element::<Box<RawValue>>()? {
            number += 1;
            self.used.set(0);
            if let Err(refusal) = object(number, &value, self.output) {
                *self.stopped = Some(refusal);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else { return Ok(()) };
        let mut found = false;
        let Walk { output, used, stopped, .. } = self;
        while let Some(name) = map.next_key::<String>()? {
            if name == *first && !found {
                found = true;
                let walk = Walk { path: rest, output, used, stopped };
                map.next_value_seed(walk)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::custom("no list")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_record_keeps_its_strings() {
        let text = "{ \"a b\" : \"x \\\" y\\\\\" ,\n \"c\": [1, 2 ] }";
        let expected = "{\"a b\":\"x \\\" y\\\\\",\"c\":[1,2]}";
        assert_eq!(String::from_utf8(compact(text)).unwrap(), expected);
    }
}

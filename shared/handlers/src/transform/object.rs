//! One landing object, read once for all models that want it.

use bytes::Bytes;
use lake::curated::{Curated, PartCounts};
use lake::{
    Attempt, Codec, LandingKey, Limits, Line, LineReader, PartRef, ReadError, RowKey, Sha256Hex,
};
use model::{ObjectKey, RunId, Timestamp};
use normalize::{Fact, MAX_RECORD, Reader};

use super::Error;
use super::models::Known;
use super::refuse::{About, Quarantine, rule_of, unreadable};
use super::row::{Failed, Numbered, Origin, Rows};

/// Stored bytes of a landing object that is read; extract's parts stay far below.
pub(super) const MAX_STORED: u64 = 256 << 20;

/// What an object may unpack to, and how long a line may be: a record and what stands around it.
pub(super) const LIMITS: Limits = Limits { content: 1 << 30, line: MAX_RECORD + (64 << 10) };

/// `vanished` is told of objects that have at least so many records.
const TELLING: u64 = 100;

/// The commit that names the object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) run: &'a RunId,
    pub(super) primary_key: &'a [Vec<String>],
    pub(super) at: Timestamp,
}

/// What a model makes of an object.
#[derive(Debug)]
pub(super) struct Shaped {
    pub(super) counts: PartCounts,
    pub(super) curated: Option<Curated>,
    pub(super) quarantine: Option<Vec<u8>>,
    pub(super) drift: Vec<Fact>,
    /// Whether the object is not what the commit names.
    pub(super) damaged: bool,
}

/// One model at work on an object.
struct Desk<'a> {
    known: &'a Known,
    reader: Reader<'a>,
    rows: Rows<'a>,
}

/// Why an object is not what its commit names.
struct Damage {
    rule: &'static str,
    found: String,
    accepted: &'static str,
}

/// Makes rows of an object for each of some models; `body` is none when there is no such object.
pub(super) fn shape(
    source: Source<'_>,
    part: &PartRef,
    body: Option<Bytes>,
    models: &[&Known],
) -> Result<Vec<Shaped>, Error> {
    let mut desks =
        models.iter().map(|known| desk(source, part, known)).collect::<Result<Vec<_>, _>>()?;
    let (read, damage) = match damage(source.attempt, part, body.as_ref()) {
        Some(damage) if damage.rule != "digest" => (0, Some(damage)),
        damage => {
            let (read, broken) = lines(source, part, body.unwrap_or_default(), &mut desks)?;
            (read, damage.or(broken))
        }
    };
    let missing = part.rows.saturating_sub(read);
    desks.into_iter().map(|desk| finish(desk, (read, missing), damage.as_ref())).collect()
}

fn desk<'a>(source: Source<'a>, part: &'a PartRef, known: &'a Known) -> Result<Desk<'a>, Error> {
    let Attempt { source: name, stream, connection, .. } = source.attempt;
    let origin = Origin {
        connection: connection.as_str(),
        source: name.as_str(),
        stream: stream.as_str(),
        object: &part.key,
    };
    let made_by = (&known.name, &known.revised.revision);
    let quarantine = Quarantine::new(source.attempt, made_by, (&part.key, source.run), source.at);
    let rows = Rows::new(known, origin, quarantine).map_err(|error| encode(known, error))?;
    let reader = known.model().reader(name.as_str(), stream.as_str());
    let reader = reader.ok_or_else(|| lake::KeyFault::Layout {
        expected: "a stream that the model reads",
        text: stream.to_string(),
    })?;
    Ok(Desk { known, reader, rows })
}

fn encode(known: &Known, source: lake::curated::CuratedError) -> Error {
    Error::Encode { model: known.name.clone(), source }
}

/// What is wrong with the object as a whole. An object of other bytes than its commit names is
/// read all the same: what is in it is told apart line by line.
fn damage(attempt: &Attempt, part: &PartRef, body: Option<&Bytes>) -> Option<Damage> {
    let damage = |rule, found, accepted| Some(Damage { rule, found, accepted });
    if !is_of(attempt, &part.key) {
        return damage("place", "another stream's object".to_owned(), "an object of the stream");
    }
    let Some(body) = body else {
        return damage("absent", "no object".to_owned(), "the object that the commit names");
    };
    if part.bytes > MAX_STORED || body.len() as u64 > MAX_STORED {
        return damage("size", format!("{} bytes", part.bytes.max(body.len() as u64)), "256 MiB");
    }
    if Sha256Hex::of(body) != part.sha256 {
        let found = format!("{} other bytes", body.len());
        return damage("digest", found, "the bytes whose SHA-256 the commit names");
    }
    None
}

/// Whether an object lies where objects of the commit's stream lie.
pub(super) fn is_of(attempt: &Attempt, key: &ObjectKey) -> bool {
    LandingKey::parse(key).is_ok_and(|LandingKey { attempt: of, .. }| {
        of.tenant == attempt.tenant
            && of.connection == attempt.connection
            && of.source == attempt.source
            && of.stream == attempt.stream
    })
}

/// Reads all lines; gives their number, and why there are no more when that is not their end.
fn lines(
    source: Source<'_>,
    part: &PartRef,
    body: Bytes,
    desks: &mut [Desk<'_>],
) -> Result<(u64, Option<Damage>), Error> {
    let broken = |error: &ReadError| {
        let (rule, found) = unreadable(error);
        Some(Damage { rule, found, accepted: "content that unpacks within its limits" })
    };
    let mut reader = match LineReader::new(body, Codec::of_key(&part.key), LIMITS) {
        Ok(reader) => reader,
        Err(error) => return Ok((0, broken(&error))),
    };
    let mut number = 0;
    loop {
        match reader.next_line() {
            Ok(None) => return Ok((number, None)),
            Ok(Some(text)) => {
                number += 1;
                line(source, &part.key, (number, text), desks)?;
            }
            Err(ReadError::Line { limit, .. }) => {
                number += 1;
                let found = format!("more than {limit} bytes");
                refuse(desks, number, || rule_of("size", found.clone(), "a shorter line"));
            }
            Err(error) => return Ok((number, broken(&error))),
        }
    }
}

fn refuse(desks: &mut [Desk<'_>], number: u64, broken: impl Fn() -> lake::curated::Broken) {
    let about = About { line: Some(number), ..About::default() };
    for desk in desks {
        desk.rows.bad(about, broken());
    }
}

/// Whether a line says that it is of the commit's stream.
pub(super) fn is_line_of(line: &Line<'_>, attempt: &Attempt) -> bool {
    line.tenant == attempt.tenant.as_str()
        && line.connection == attempt.connection.as_str()
        && line.stream == attempt.stream.as_str()
}

fn line(
    source: Source<'_>,
    object: &ObjectKey,
    (number, text): (u64, &[u8]),
    desks: &mut [Desk<'_>],
) -> Result<(), Error> {
    if let Err(error) = std::str::from_utf8(text) {
        let found = format!("other bytes at byte {}", error.valid_up_to());
        refuse(desks, number, || rule_of("utf8", found.clone(), "UTF-8"));
        return Ok(());
    }
    let Ok(line) = Line::parse(text) else {
        let found = format!("{} bytes that are none", text.len());
        refuse(desks, number, || rule_of("json", found.clone(), "a landing line"));
        return Ok(());
    };
    if !is_line_of(&line, source.attempt) {
        let found = "another tenant, connection or stream".to_owned();
        refuse(desks, number, || rule_of("place", found.clone(), "those of the object's key"));
        return Ok(());
    }
    let record = (!line.deleted).then(|| line.record.get());
    let key = record.and_then(|record| RowKey::of(record, source.primary_key));
    let key = key.as_ref().map(RowKey::as_str);
    let numbered = Numbered { line: &line, number, key };
    for Desk { known, reader, rows } in desks {
        rows.take(reader, numbered).map_err(|failed| match failed {
            Failed::Encode(error) => encode(known, error),
            Failed::Violated(refusal) => {
                let (object, model) = (object.clone(), known.name.clone());
                Error::Violated { object, line: number, model, refusal }
            }
        })?;
    }
    Ok(())
}

fn finish(
    desk: Desk<'_>,
    (read, missing): (u64, u64),
    damage: Option<&Damage>,
) -> Result<Shaped, Error> {
    let Desk { known, reader, rows } = desk;
    let (mut counts, curated, mut quarantine) =
        rows.finish().map_err(|error| encode(known, error))?;
    if let Some(Damage { rule, found, accepted }) = damage {
        quarantine.object(rule, found.clone(), accepted);
    }
    if missing > 0 {
        quarantine.object("rows", format!("{missing} lines fewer"), "the lines that it names");
    }
    (counts.lines, counts.missing) = (read + missing, missing);
    debug_assert!(counts.add_up(), "a line is lost: {counts:?}");
    let (records, _) = reader.counts();
    let told = |fact: &Fact| fact.kind != normalize::DriftKind::Vanished || records >= TELLING;
    Ok(Shaped {
        counts,
        curated,
        quarantine: quarantine.finish(),
        drift: reader.drift().into_iter().filter(told).collect(),
        damaged: damage.is_some() || missing > 0,
    })
}

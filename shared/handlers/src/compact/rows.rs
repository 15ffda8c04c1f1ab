//! The rows of a snapshot, pass by pass: first which are kept, then these.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::Mode;
use lake::curated::{
    CuratedReader, CuratedWriter, Kept, LINEAGE, Lineage, SNAPSHOT, Selection, SnapshotKey,
    Standing, StreamId, Value, Visible, VisiblePart, columns,
};
use model::{ObjectKey, fixed_text};
use ports::Attributes;

use super::snapshot::Plan;
use super::{Error, Place};

/// A file that is read.
pub(super) struct Input {
    key: ObjectKey,
    live: Option<Live>,
}

/// A file of a landing object, and how that stands.
struct Live {
    stream: StreamId,
    object: ObjectKey,
    started: String,
    generation: Option<u64>,
}

impl Input {
    /// A file of a landing object.
    pub(super) fn live(
        key: ObjectKey,
        stream: StreamId,
        object: ObjectKey,
        part: &VisiblePart,
    ) -> Self {
        let (started, generation) = (fixed_text(part.started), part.generation);
        Self { key, live: Some(Live { stream, object, started, generation }) }
    }

    /// A file of the former snapshot.
    pub(super) fn kept(key: ObjectKey) -> Self {
        Self { key, live: None }
    }
}

impl Live {
    /// Whether a row is of the landing object that the file was made from.
    fn holds(&self, row: &Lineage<'_>) -> bool {
        row.object == self.object.as_str()
            && row.connection == self.stream.connection.as_str()
            && row.source == self.stream.source.as_str()
            && row.stream == self.stream.stream.as_str()
    }
}

/// What a snapshot says of a row of its own, beside where it comes from.
struct Own<'a> {
    mode: &'a str,
    generation: Option<u64>,
    started: &'a str,
}

impl<'a> Own<'a> {
    fn read(values: &[Value<'a>]) -> Option<Self> {
        let [Value::Text(mode), generation, Value::Text(started)] = values else { return None };
        let generation = match generation {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        Some(Self { mode, generation, started })
    }
}

/// The landing objects and generations of streams, by names as rows have them.
struct Streams<'a>(BTreeMap<[&'a str; 3], &'a Visible>);

impl<'a> Streams<'a> {
    fn new(streams: &'a BTreeMap<StreamId, Visible>) -> Self {
        let key = |stream: &'a StreamId| {
            [stream.connection.as_str(), stream.source.as_str(), stream.stream.as_str()]
        };
        Self(streams.iter().map(|(stream, visible)| (key(stream), visible)).collect())
    }

    /// How a row of the former snapshot stands now; none when it is not visible any more.
    fn standing(&self, row: &Lineage<'_>, own: &Own<'_>) -> Option<(String, Option<u64>)> {
        let nothing = Visible::default();
        let visible = self.0.get(&[row.connection, row.source, row.stream]).copied();
        let visible = visible.unwrap_or(&nothing);
        let part = row.object.parse::<ObjectKey>().ok();
        let part = part.and_then(|object| visible.parts.get(&object));
        if part.is_some_and(|part| i64::from(part.version) > row.version) {
            return None;
        }
        let generation = own.generation.filter(|_| own.mode == mode(Some(0)));
        let counts = match (generation, visible.whole) {
            (Some(number), whole) => whole.is_some_and(|(whole, _)| whole == number),
            (None, whole) => whole.is_none_or(|(_, at)| *own.started >= *fixed_text(at)),
        };
        let started = part.map(|part| fixed_text(part.started)).unwrap_or_default();
        let started = started.max(own.started.to_owned());
        match (part, counts) {
            (None, false) => None,
            (None, true) => Some((started, generation)),
            (Some(part), false) => Some((started, part.generation)),
            (Some(part), true) => Some((started, part.generation.and(generation))),
        }
    }
}

fn mode(generation: Option<u64>) -> &'static str {
    match generation.map_or(Mode::Incremental, |_| Mode::FullRefresh) {
        Mode::FullRefresh => "full_refresh",
        Mode::Incremental | Mode::Append => "incremental",
    }
}

/// The files of a snapshot being written.
struct Written {
    writer: Option<CuratedWriter>,
    keys: Vec<ObjectKey>,
    rows: u64,
}

impl Place<'_> {
    /// Writes a snapshot; gives its files and the number of its rows.
    pub(super) async fn write(
        &self,
        plan: &Plan,
        name: (u64, &str),
    ) -> Result<(Vec<ObjectKey>, u64), Error> {
        let passes = 1 + plan.rows / self.deps.pace.records.max(1);
        let streams = Streams::new(&plan.streams);
        let mut files = Written { writer: None, keys: Vec::new(), rows: 0 };
        for pass in 0..passes {
            let mut selection = Selection::new(pass, passes);
            for (number, input) in (0..).zip(&plan.inputs) {
                select(input, self.body(input).await?, (number, &streams), &mut selection)?;
            }
            selection.settle();
            for (number, input) in (0..).zip(&plan.inputs).filter(|_| !selection.is_empty()) {
                let body = self.body(input).await?;
                self.copy(input, body, (number, &selection), &mut files)?;
                let is_full = |writer: &CuratedWriter| writer.size() >= self.deps.pace.file;
                if files.writer.as_ref().is_some_and(is_full) {
                    self.close(&mut files, name).await?;
                }
            }
        }
        self.close(&mut files, name).await?;
        Ok((files.keys, files.rows))
    }

    async fn body(&self, input: &Input) -> Result<Bytes, Error> {
        Ok(self.deps.lake.get(&input.key).await?.body)
    }

    /// Copies what is kept of a file.
    fn copy(
        &self,
        input: &Input,
        body: Bytes,
        (number, selection): (u32, &Selection),
        files: &mut Written,
    ) -> Result<(), Error> {
        let fields = self.table.fields.len();
        let rows = |source| Error::Rows { key: input.key.clone(), source };
        let reader = CuratedReader::new(body, &self.table.file_columns()).map_err(rows)?;
        reader.for_each(|row| {
            let lineage = row.get(fields..).and_then(Lineage::read);
            let Some(kept) = lineage.and_then(|lineage| selection.keeps(number, &lineage)) else {
                return Ok(());
            };
            let writer = match &mut files.writer {
                Some(writer) => writer,
                none => none.insert(CuratedWriter::new(&self.table.snapshot_columns())?),
            };
            files.rows += 1;
            Ok(writer.write(row.iter().copied().chain(own(kept)))?)
        })
    }

    /// Ends a file.
    async fn close(&self, files: &mut Written, (number, id): (u64, &str)) -> Result<(), Error> {
        let Some(writer) = files.writer.take() else { return Ok(()) };
        let key = SnapshotKey {
            model: self.table.model.clone(),
            tenant: self.tenant.clone(),
            number,
            id: id.to_owned(),
            part: u32::try_from(files.keys.len()).unwrap_or(u32::MAX) + 1,
        };
        let key = key.render()?;
        let body = writer.finish()?.body;
        self.deps.lake.put(&key, body, &Attributes::default()).await?;
        files.keys.push(key);
        Ok(())
    }
}

/// What a snapshot says of a row that it keeps, in the order of [`SNAPSHOT`].
fn own(kept: &Kept) -> [Value<'_>; SNAPSHOT.len()] {
    let number = kept.generation.and_then(|number| i64::try_from(number).ok());
    [
        Value::Text(mode(kept.generation)),
        number.map_or(Value::Null, Value::Integer),
        Value::Text(&kept.started),
    ]
}

/// Adds a file's visible rows to the selection.
fn select(
    input: &Input,
    body: Bytes,
    (number, streams): (u32, &Streams<'_>),
    selection: &mut Selection,
) -> Result<(), Error> {
    let rows = |source| Error::Rows { key: input.key.clone(), source };
    let reader = CuratedReader::new(body, &columns([], &[&LINEAGE, &SNAPSHOT])).map_err(rows)?;
    reader.for_each(|row| {
        let Some(lineage) = Lineage::read(row) else { return Ok(()) };
        let standing = match &input.live {
            Some(live) => live.holds(&lineage).then(|| (live.started.clone(), live.generation)),
            None => row
                .get(LINEAGE.len()..)
                .and_then(Own::read)
                .and_then(|own| streams.standing(&lineage, &own)),
        };
        if let Some((started, generation)) = standing {
            let live = input.live.is_some();
            let standing = Standing { file: number, live, started: &started, generation };
            selection.add(&lineage, standing);
        }
        Ok::<(), Error>(())
    })
}

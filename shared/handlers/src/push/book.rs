//! What is kept of batches: their items, the requests that are about to be sent, what came of
//! them.

use bytes::Bytes;
use destination::{Call, Item, Operation};
use lake::delivery::{BatchKey, BatchOutcome, Day, FileDigest, Intent, ItemRef, Moment, Stage};
use lake::{CommitError, KeyFault};
use model::ObjectKey;
use ports::{Attributes, Method, ObjectError};
use store::push::{Fingerprints, Group, OpenBatch};

use super::Error;
use super::pack::Seen;
use super::round::Pass;

/// An item of a batch.
pub(super) struct Loaded {
    pub(super) item: ItemRef,
    pub(super) reference: String,
    pub(super) seen: Seen,
    /// The item; none when its record is no JSON, or was erased.
    pub(super) record: Option<Item>,
    /// Whether it was erased.
    pub(super) is_erased: bool,
}

impl Loaded {
    /// What it is about, by an operation.
    pub(super) fn entity(&self, pass: &Pass<'_>, operation: &Operation) -> Option<u64> {
        let entity = operation.entity(&pass.opened.session, self.record.as_ref()?)?;
        Some(Fingerprints::of(&entity))
    }
}

/// The text of a reference.
pub(super) fn reference(item: &ItemRef) -> String {
    format!("{}#{}", item.file, item.line)
}

/// A text that a destination gave back, as a reference.
fn item(reference: &str) -> Result<ItemRef, KeyFault> {
    let fault = || KeyFault::Layout { expected: "a reference", text: reference.to_owned() };
    let (file, line) = reference.rsplit_once('#').ok_or_else(fault)?;
    let line = line.parse().map_err(|_| fault())?;
    Ok(ItemRef { file: file.parse::<FileDigest>()?, line })
}

/// The items of a batch, in order.
pub(super) async fn items(
    pass: &Pass<'_>,
    group: &Group,
    batch: &OpenBatch,
) -> Result<Vec<Loaded>, Error> {
    let lake = pass.deps.lake.as_ref();
    let mut items = Vec::new();
    for span in &batch.spans {
        let Some(file) = group.files.get(span.file as usize) else { continue };
        let accepted = pass.parts.accepted(lake, &file.accepted).await?;
        let Some(part) = accepted.parts.get(span.part as usize) else { continue };
        let records = pass.parts.part(lake, &part.key).await?;
        for (place, record) in (0..).zip(records.iter()) {
            if !(span.first..=span.last).contains(&record.line) {
                continue;
            }
            let item = ItemRef { file: accepted.file.clone(), line: record.line };
            let reference = reference(&item);
            let text = record.text.as_bytes();
            let seen = Seen {
                file: span.file,
                part: span.part,
                place,
                line: record.line,
                bytes: text.len() as u64,
                entity: None,
            };
            let is_erased = record.is_erased();
            let read = |text| Item::read(&reference, &accepted.name, record.line, text).ok();
            let record = Some(text).filter(|_| !is_erased).and_then(read);
            items.push(Loaded { item, reference, seen, record, is_erased });
        }
    }
    Ok(items)
}

/// The day under which everything of a group stands.
pub(super) fn day(group: &Group) -> Result<Day, KeyFault> {
    let accepted = group.order.split('.').next().unwrap_or_default();
    Ok(accepted.parse::<Moment>()?.day())
}

/// Where a round's request, or what came of it, stands.
pub(super) fn place(
    pass: &Pass<'_>,
    group: &Group,
    batch: &OpenBatch,
    stage: Stage,
) -> Result<BatchKey, KeyFault> {
    Ok(BatchKey {
        stage,
        tenant: pass.opened.key.tenant.clone(),
        day: day(group)?,
        push: pass.opened.key.push.clone(),
        group: group.id.parse()?,
        batch: batch.id.parse()?,
        round: batch.round,
    })
}

/// Stores what is about to be sent; who comes second sends what the first one stored.
pub(super) async fn intend(
    pass: &Pass<'_>,
    (group, batch): (&Group, &OpenBatch),
    call: Call,
) -> Result<(ObjectKey, Call), Error> {
    let key = place(pass, group, batch, Stage::Intents)?.render()?;
    let items = call.references.iter().map(|text| item(text)).collect::<Result<_, _>>()?;
    let body = call.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
    let intent = Intent {
        tenant: pass.opened.key.tenant.clone(),
        push: pass.opened.key.push.clone(),
        destination: pass.opened.name.clone(),
        operation: named(pass, batch)?,
        day: day(group)?,
        group: group.id.parse()?,
        batch: batch.id.parse()?,
        round: batch.round,
        key: call.key.clone(),
        method: call.method.as_str().to_owned(),
        url: call.url.clone(),
        headers: call.headers.clone(),
        body: body.unwrap_or_default(),
        items,
        at: pass.deps.store.now(),
    };
    let stored = intent.to_json().map_err(|source| fault(&key, source))?;
    if put(pass, &key, stored).await? {
        return Ok((key, call));
    }
    let stored = intended(pass, &key).await?;
    Ok((key, stored))
}

/// What was stored before it was sent.
pub(super) async fn intended(pass: &Pass<'_>, key: &ObjectKey) -> Result<Call, Error> {
    let object = pass.deps.lake.get(key).await?;
    let intent = Intent::from_json(&object.body).map_err(|source| fault(key, source))?;
    let methods = [Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Get];
    let method = methods.into_iter().find(|method| method.as_str() == intent.method);
    Ok(Call {
        method: method.unwrap_or(Method::Post),
        url: intent.url,
        headers: intent.headers,
        body: Some(intent.body).filter(|body| !body.is_empty()).map(Bytes::from),
        key: intent.key,
        references: intent.items.iter().map(reference).collect(),
    })
}

/// What came of a round of a batch, when somebody has said so.
pub(super) async fn outcome(
    pass: &Pass<'_>,
    (group, batch): (&Group, &OpenBatch),
) -> Result<Option<BatchOutcome>, Error> {
    let key = place(pass, group, batch, Stage::Batches)?.render()?;
    match pass.deps.lake.get(&key).await {
        Ok(object) => {
            let outcome = BatchOutcome::from_json(&object.body);
            outcome.map(Some).map_err(|source| fault(&key, source))
        }
        Err(ObjectError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says what came of a round of a batch; gives what the first one said who did.
pub(super) async fn conclude(
    pass: &Pass<'_>,
    on: (&Group, &OpenBatch),
    concluded: BatchOutcome,
) -> Result<BatchOutcome, Error> {
    let key = place(pass, on.0, on.1, Stage::Batches)?.render()?;
    let stored = concluded.to_json().map_err(|source| fault(&key, source))?;
    if put(pass, &key, stored).await? {
        return Ok(concluded);
    }
    Ok(outcome(pass, on).await?.unwrap_or(concluded))
}

/// The name of a batch's operation.
pub(super) fn named(pass: &Pass<'_>, batch: &OpenBatch) -> Result<model::OperationName, Error> {
    let unknown =
        || Error::Operation { push: pass.opened.key.clone(), operation: batch.operation.clone() };
    batch.operation.parse().map_err(|_| unknown())
}

fn fault(key: &ObjectKey, source: CommitError) -> Error {
    Error::Stored { key: key.clone(), source }
}

/// Whether an object was put; it was not when one stands there.
async fn put(pass: &Pass<'_>, key: &ObjectKey, body: Bytes) -> Result<bool, Error> {
    let json =
        Attributes { content_type: Some("application/json".to_owned()), ..Attributes::default() };
    match pass.deps.lake.put_new(key, body, &json).await {
        Ok(_) => Ok(true),
        Err(ObjectError::Exists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

//! `AsyncRetriever`: a job at the source makes the records of a slice, which are downloaded then.

mod answer;
mod slots;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::StreamName;
use request::component::Faults;
use request::decoder::{Cells, Decoder};
use request::interpolation::Context;
use request::value::Value;
use serde_json::{Value as Json, json};

use crate::part::{BuildError, Part};
use crate::record_selector::Extractor;
use crate::source::Shared;
use crate::stream::Core;
pub(crate) use answer::scoped;
pub(crate) use slots::Slots;
pub(super) use walk::{JobWalk, Step};

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Completed,
    Failed,
    TimedOut,
    Skipped,
    /// It takes longer than the manifest allows, whatever the source says.
    Overdue,
}

/// How a stream's jobs are made, watched and cleared away.
#[derive(Debug)]
pub(crate) struct Job {
    creation: Core,
    /// Its records are the job's status.
    polling: Core,
    targets: Option<Targets>,
    abort: Option<Core>,
    delete: Option<Core>,
    /// What the source's words mean.
    statuses: HashMap<String, Status>,
    /// A job that takes longer has failed.
    timeout: Duration,
    /// How long a job that failed is left alone before there is another one.
    rest: Option<Duration>,
    /// Whether a template reads a request that an answer about the job answers.
    reads_requests: bool,
}

/// Where a finished job says what to download.
#[derive(Debug)]
struct Targets {
    core: Core,
    /// Whether it is asked for; else the answer that said that the job is done says it.
    asks: bool,
}

const STATUSES: [(&str, Status); 5] = [
    ("running", Status::Running),
    ("completed", Status::Completed),
    ("failed", Status::Failed),
    ("timeout", Status::TimedOut),
    ("skipped", Status::Skipped),
];

/// How long a job may take, unless the manifest says otherwise.
const TIMEOUT_MINUTES: u64 = 60;

impl Job {
    /// The job of a retriever; none when that is no `AsyncRetriever`.
    pub(crate) fn build(
        part: &Part<'_>,
        name: &StreamName,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, BuildError> {
        if part.kind() != "AsyncRetriever" {
            return Ok(None);
        }
        let context = shared.context();
        let json = |json: Option<Part<'_>>| json.map_or(Json::Null, |part| part.json.clone());
        let plain = json!({"type": "DpathExtractor", "field_path": []});
        let core = |requester: &Part<'_>, extractor: &Json| {
            let retriever = json!({
                "type": "SimpleRetriever",
                "requester": requester.json,
                "decoder": json(part.child("decoder")),
                "record_selector": {"type": "RecordSelector", "extractor": extractor},
            });
            Core::of_retriever(name.as_str(), &requester.around(&retriever), shared)
        };
        let optional = |field| part.child(field).map(|part| core(&part, &plain)).transpose();
        let polling = part.needed("polling_requester")?;
        let asked = part.child("download_target_requester");
        let targets = match part.child("download_target_extractor") {
            Some(extractor) => {
                let core = core(asked.as_ref().unwrap_or(&polling), extractor.json)?;
                Some(Targets { core, asks: asked.is_some() })
            }
            None if asked.is_some() => {
                let message = "`download_target_requester` needs `download_target_extractor`";
                return Err(part.fault(message.to_owned()));
            }
            None => None,
        };
        let timeout = whole(part, "polling_job_timeout", &context)?.unwrap_or(TIMEOUT_MINUTES);
        let rest = whole(part, "failed_retry_wait_time_in_seconds", &context)?;
        let reads_requests = reads_requests(part);
        let mut creation = core(&part.needed("creation_requester")?, &plain)?;
        let mut polling = core(&polling, part.needed("status_extractor")?.json)?;
        if reads_requests {
            creation.fetcher.tell_requests();
            polling.fetcher.tell_requests();
        }
        Ok(Some(Self {
            creation,
            polling,
            targets,
            reads_requests,
            abort: optional("abort_requester")?,
            delete: optional("delete_requester")?,
            statuses: statuses(&part.needed("status_mapping")?)?,
            timeout: Duration::from_secs(timeout.saturating_mul(60)),
            rest: rest.map(Duration::from_secs),
        }))
    }
}

/// The decoder in a field; JSON where there is none.
pub(crate) fn decoder(part: &Part<'_>, field: &str) -> Result<Decoder, BuildError> {
    let faults = Faults::default();
    let decoder = part.child(field).map(|part| part.component(&faults));
    let decoder = decoder.as_ref().map(Decoder::build).unwrap_or_default();
    match faults.take().into_iter().next() {
        Some(fault) => Err(fault.into()),
        None => Ok(decoder),
    }
}

/// How downloads are read: by an extractor, or as tables whatever the decoder.
pub(crate) fn download(
    part: &Part<'_>,
    shared: &Arc<Shared>,
) -> Result<(Decoder, Extractor), BuildError> {
    let decoder = decoder(part, "download_decoder")?;
    match part.child("download_extractor") {
        None => Ok((decoder, Extractor::default())),
        Some(extractor) if extractor.kind() == "ResponseToFileExtractor" => {
            let kept = extractor.flag("preserve_na_values")?;
            let cells = if kept { Cells::Kept } else { Cells::Words };
            Ok((Decoder::File(cells), Extractor::default()))
        }
        Some(extractor) => Ok((decoder, Extractor::build(&extractor, shared)?)),
    }
}

fn statuses(part: &Part<'_>) -> Result<HashMap<String, Status>, BuildError> {
    let mut statuses = HashMap::new();
    for (field, status) in STATUSES {
        let words = part.child(field).and_then(|words| words.json.as_array());
        let Some(words) = words else {
            if status == Status::Skipped {
                continue;
            }
            return Err(part.fault(format!("needs `{field}`, a list")));
        };
        for word in words {
            let word = Value::from(word).to_string();
            if statuses.insert(word.clone(), status).is_some() {
                return Err(part.fault(format!("`{word}` is given twice")));
            }
        }
    }
    Ok(statuses)
}

/// A whole number above zero, or a template for one.
fn whole(part: &Part<'_>, field: &str, context: &Context<'_>) -> Result<Option<u64>, BuildError> {
    let Some(value) = part.value_at(field, context)?.filter(Value::is_truthy) else {
        return Ok(None);
    };
    let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    match number.map(u64::try_from) {
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        _ => Err(part.fault(format!("`{field}` must be a whole number above zero"))),
    }
}

/// Whether any template below may read `request` of `creation_response` or `polling_response`.
fn reads_requests(part: &Part<'_>) -> bool {
    let text = part.json.to_string();
    let answers = ["creation_response", "polling_response"];
    text.contains("request") && answers.iter().any(|answer| text.split(answer).skip(1).any(after))
}

/// Whether a template goes on with the request within its brackets.
fn after(rest: &str) -> bool {
    rest.split("}}").next().is_some_and(|rest| rest.contains("request"))
}

//! `FileUploader`: the files that belong to a stream's records.

use bytes::Bytes;
use request::interpolation::{Context, InterpolatedString};
use request::requester::Options;
use request::value::Value;
use serde_json::{Value as Json, json};
use std::sync::Arc;

use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::partition_router::slice_value;
use crate::record_selector::{Extractor, Lists};
use crate::retriever::job::scoped;
use crate::retriever::uses_action;
use crate::slice::Partition;
use crate::source::Shared;
use crate::stream::Core;

/// Fetches the file of a record.
#[derive(Debug)]
pub(crate) struct FileUploader {
    requester: Core,
    /// Where in a record the address of its file is.
    target: Extractor,
    name: InterpolatedString,
    line: u32,
    path: String,
}

/// A file as the source gave it, in memory whole.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: FilePath,
    pub(crate) content: Bytes,
}

/// Where a file lies below the place where files are kept: the stream's name comes first, and
/// stands alone for a file without a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(String);

/// The name of a file that is given none.
const FRESH: &str = "{{ generate_uuid() }}";

impl FileUploader {
    /// Of a stream; none where its records have no files.
    pub(crate) fn build(
        stream: &Part<'_>,
        name: &str,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, BuildError> {
        let Some(part) = stream.child("file_uploader") else { return Ok(None) };
        let retriever = stream.needed("retriever")?;
        if retriever.kind() == "AsyncRetriever" {
            return Err(part.fault("the records of an AsyncRetriever have no files".to_owned()));
        }
        for field in ["page_size_reduction", "request_window_splitting"] {
            if retriever.child(field).is_some() {
                return Err(part.fault(format!("`file_uploader` cannot go with `{field}`")));
            }
        }
        for action in ["REDUCE_PAGE_SIZE", "SPLIT_REQUEST_WINDOW"] {
            if uses_action(&part, action) {
                return Err(part.fault(format!("`{action}` means nothing to a `file_uploader`")));
            }
        }
        let requester = part.needed("requester")?;
        let file_name = part.child("filename_extractor").filter(|name| name.json != "");
        let file_name = match file_name {
            Some(template) => template.template(&part.parameters())?,
            None => InterpolatedString::new(FRESH, &Value::empty_dict())
                .map_err(|error| part.fault(error.to_string()))?,
        };
        let extractor = part.needed("download_target_extractor")?;
        Ok(Some(Self {
            requester: Core::of_retriever(name, &requester.around(&asking(&requester)), shared)?,
            target: Extractor::build(&extractor, shared)?,
            name: file_name,
            line: part.line(),
            path: part.place().to_owned(),
        }))
    }

    /// What is wrong where there is no place for files.
    pub(crate) fn fault(&self, message: String) -> BuildError {
        BuildError { line: self.line, path: self.path.clone(), message }
    }

    /// Where a partition's files are.
    pub(crate) fn at(&self, partition: &Partition) -> At {
        let stream = self.requester.name.to_string();
        At { stream, slice: partition.to_string(), page: 0 }
    }

    /// The file of a record; none where a rule of the manifest lets its absence pass.
    pub(crate) async fn fetch(
        &self,
        record: &[u8],
        partition: &Partition,
    ) -> Result<Option<SourceFile>, Error> {
        let (stream, at) = (self.requester.name.as_str(), self.at(partition));
        let shape = |message: String| Error::Shape { at: at.clone(), message };
        let record = Value::from_json(record).map_err(|error| shape(error.to_string()))?;
        let found = self.target.extract(std::slice::from_ref(&record), &Lists::default());
        let target = found.map_err(|error| shape(error.to_string()))?.records.into_iter().next();
        let target = match target {
            Some(target @ Value::Str(_)) => target,
            Some(other) => {
                let message = format!("the address of a file is a text, not {}", other.type_name());
                return Err(shape(message));
            }
            None => return Err(shape("a record has no address of a file".to_owned())),
        };
        let base = self.requester.shared.context();
        let nowhere = slice_value(&Partition::default(), Vec::new());
        let names = [("download_target", target)];
        let context = scoped(Context::within(&base), &nowhere, &names);
        let answer = self.requester.ask(&context, (Options::default(), None), &at).await?;
        if !answer.has_records {
            return Ok(None);
        }
        let name = self.name.text(&Context::within(&base).with("record", record));
        let name = name.map_err(|error| shape(error.to_string()))?;
        let path = FilePath::new(stream, &name)
            .ok_or_else(|| shape("the name of a file leads to another place".to_owned()))?;
        Ok(Some(SourceFile { path, content: answer.body }))
    }
}

/// A retriever that asks for files. They are asked for once: nothing is kept for others.
fn asking(requester: &Part<'_>) -> Json {
    let mut json = requester.json.clone();
    if let Some(fields) = json.as_object_mut() {
        fields.entry("use_cache").or_insert(Json::Bool(false));
    }
    let extractor = json!({"type": "DpathExtractor", "field_path": []});
    json!({
        "type": "SimpleRetriever",
        "requester": json,
        "record_selector": {"type": "RecordSelector", "extractor": extractor},
    })
}

impl FilePath {
    /// None where the name would lead to another place.
    pub(crate) fn new(stream: &str, name: &str) -> Option<Self> {
        let parts = |text| str::split(text, '/').filter(|part| !matches!(*part, "" | "."));
        let all: Vec<&str> = parts(stream).chain(parts(name)).collect();
        let is_bad = |part: &&str| *part == ".." || part.contains('\0');
        let fits = !all.is_empty() && !all.iter().any(is_bad);
        fits.then(|| Self(all.join("/")))
    }

    /// As a relative path with slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_below_the_name_of_its_stream() {
        let path = |name| FilePath::new("articles", name).map(|path| path.0);
        assert_eq!(path("/a//b/./c.txt").as_deref(), Some("articles/a/b/c.txt"));
        for name in ["", "/", "."] {
            assert_eq!(path(name).as_deref(), Some("articles"), "{name:?}");
        }
        for name in ["../x", "a/../../x", "a\0"] {
            assert_eq!(path(name), None, "{name:?}");
        }
        assert_eq!(FilePath::new("..", "x"), None);
    }
}

//! Lists within records that the source cuts off: the whole of them is asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use request::value::Value;
use serde_json::Map;

use super::PageReader;
use super::fetch::Answer;
use super::page::{encoded, undecoded};
use crate::error::{At, Error};
use crate::partition_router::slice_value;
use crate::slice::{Partition, Slice};
use crate::stream::Core;

impl Core {
    /// Asks for the whole of each list that an answer holds a part of only.
    pub(super) fn complete<'c>(
        &'c self,
        answer: &'c mut Answer,
        at: &'c At,
    ) -> BoxFuture<'c, Result<(), Error>> {
        async move {
            let Some(expander) = self.selector.extractor().completes() else { return Ok(()) };
            let Some(core) = expander.complete().filter(|_| answer.has_records) else {
                return Ok(());
            };
            let mut lists = VecDeque::new();
            for parent in self.parents(answer, at)? {
                if expander.is_truncated(&parent) {
                    lists.push_back(list(core, &parent).await?);
                }
            }
            answer.lists = Mutex::new(lists);
            Ok(())
        }
        .boxed()
    }

    fn parents(&self, answer: &Answer, at: &At) -> Result<Vec<Value>, Error> {
        let shape = |message: String| Error::Shape { at: at.clone(), message };
        let undecoded = |error| undecoded(at, &error);
        let limit = self.shared.runtime.limits.max_body;
        let mut parents = Vec::new();
        for body in self.decoder.values(encoded(answer, limit)).map_err(undecoded)? {
            let found = self.selector.extractor().parents(&body.map_err(undecoded)?);
            parents.append(&mut found.map_err(|error| shape(error.to_string()))?);
        }
        Ok(parents)
    }
}

/// The whole list of a record.
async fn list(core: &Arc<Core>, parent: &Value) -> Result<Vec<Value>, Error> {
    let key = Map::from_iter([("parent_record".to_owned(), parent.to_json())]);
    let partition = Partition { key, ..Partition::default() };
    // The slice itself stays empty: it is named in errors, and a record is not.
    let mut reader = PageReader::new(Arc::clone(core), Slice::default(), None, None);
    reader.value = slice_value(&partition, Vec::new());
    let limit = core.shared.runtime.limits.max_body;
    let (mut items, mut bytes) = (Vec::new(), 0);
    while let Some(page) = reader.next().await? {
        for record in &page.records {
            bytes += record.raw.len() as u64;
            let at = reader.at(page.number);
            if bytes > limit {
                return Err(Error::TooLarge { at, limit });
            }
            let item = Value::from_json(&record.raw);
            items.push(item.map_err(|error| Error::Shape { at, message: error.to_string() })?);
        }
    }
    Ok(items)
}

//! `StreamGroup`: streams of which one alone is read at a time.

use std::time::Duration;

use connector::Source;
use model::{Classify, Retry};
use store::{Store, StreamKey};

use crate::pull::PullError;

/// How long a stream waits at least before it looks again whether it is alone.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// Another stream of the group is being read.
#[derive(Debug, thiserror::Error)]
#[error("`{other}` of the group `{group}` is being read")]
struct Busy {
    group: String,
    other: String,
    wait: Duration,
}

impl Classify for Busy {
    fn retry(&self) -> Retry {
        Retry::After(self.wait)
    }
}

/// Whether no other stream of its groups is being read; else when to look again. The stream's own
/// lease is held by now, so of two that begin together at least one sees the other; both may, and
/// then wait for different times.
pub(super) async fn alone(
    store: &Store,
    source: &Source,
    stream: &StreamKey,
) -> Result<(), PullError> {
    for (group, other) in source.apart(&stream.stream) {
        let key = StreamKey { stream: other.clone(), ..stream.clone() };
        // A worker whose clock is behind may still hold what has ended here.
        let at = store.now().checked_sub(store.timing().skew).unwrap_or_default();
        let head = store.head(&key).await.map_err(PullError::failed)?;
        if head.is_some_and(|(head, _)| head.live(at).is_some()) {
            let wait = LOOK_AGAIN.mul_f64(1.0 + 2.0 * store.ids().chance().clamp(0.0, 1.0));
            let (group, other) = (group.to_owned(), other.to_string());
            return Err(PullError::failed(Busy { group, other, wait }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::SourceName;
    use model::config::Overlay;
    use serde_json::json;
    use store::{Leave, Timing};
    use testkit::{ManualClock, MemoryTable, SeededIds};

    use super::*;
    use crate::configuration::{LoadedSource, trial};

    const MANIFEST: &str = r##"
version: "6.0.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
definitions:
  retriever:
    type: SimpleRetriever
    requester: {type: HttpRequester, url_base: "http://x", path: x}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
  orders: {type: DeclarativeStream, name: orders, retriever: {$ref: "#/definitions/retriever"}}
  refunds: {type: DeclarativeStream, name: refunds, retriever: {$ref: "#/definitions/retriever"}}
  shops: {type: DeclarativeStream, name: shops, retriever: {$ref: "#/definitions/retriever"}}
streams: [{$ref: "#/definitions/orders"}, {$ref: "#/definitions/refunds"}, {$ref: "#/definitions/shops"}]
stream_groups:
  sales:
    streams: [{$ref: "#/definitions/orders"}, {$ref: "#/definitions/refunds"}]
    action: {type: BlockSimultaneousSyncsAction}
"##;

    #[tokio::test]
    async fn of_a_group_one_stream_is_read_at_a_time() {
        let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
        let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        let ids = Arc::new(SeededIds::new(7));
        let store = Store::new(table, Arc::new(clock), ids, Timing::default());
        let manifest = connector::Manifest::parse("m.yaml", MANIFEST).unwrap();
        let loaded = LoadedSource { manifest, overlay: Overlay::default() };
        let source = trial(&json!({}), &loaded).unwrap();
        let key = |stream: &str| StreamKey {
            tenant: "acme".parse().unwrap(),
            connection: "shop".parse().unwrap(),
            stream: stream.parse().unwrap(),
        };
        let name: SourceName = "sales".parse().unwrap();
        store.enroll(&key("orders"), &name, store.now()).await.unwrap();
        let run = "run-1".parse().unwrap();
        let hold = store.acquire(&key("orders"), &run, None).await.unwrap().unwrap();
        let refused = alone(&store, &source, &key("refunds")).await.unwrap_err();
        assert!(matches!(refused.retry(), Retry::After(wait) if wait >= LOOK_AGAIN), "{refused}");
        alone(&store, &source, &key("orders")).await.unwrap();
        alone(&store, &source, &key("shops")).await.unwrap();
        hold.leave(Leave::Complete { due: store.now() }).await.unwrap();
        alone(&store, &source, &key("refunds")).await.unwrap();
    }
}

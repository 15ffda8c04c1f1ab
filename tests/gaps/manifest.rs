//! The manifest of a source.

use model::Timestamp;
use serde_json::{Value, json};

use crate::api::Api;
use crate::shape::{Paging, Shape};

impl Api {
    /// The source's manifest.
    pub fn manifest(&self) -> String {
        let shape = &self.shape;
        let strategy = strategy(shape);
        let mut retriever = json!({
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": "https://api.test/", "path": "items",
                "error_handler": {"type": "DefaultErrorHandler", "max_retries": 0}},
            "record_selector": {"type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["items"]}},
        });
        if !strategy.is_null() {
            retriever["paginator"] = json!({"type": "DefaultPaginator",
                "page_token_option": option("token"), "page_size_option": option("limit"),
                "pagination_strategy": strategy});
        }
        if shape.parts > 0 {
            let values: Vec<String> = (0..shape.parts).map(|part| part.to_string()).collect();
            retriever["partition_router"] = json!({"type": "ListPartitionRouter", "values": values,
                "cursor_field": "part", "request_option": option("part")});
        }
        let mut stream = json!({"type": "DeclarativeStream", "name": "items",
            "retriever": retriever, "schema_loader": {"type": "InlineSchemaLoader",
            "schema": {"type": "object", "properties": {}}}});
        if !shape.alike {
            stream["primary_key"] = json!("id");
        }
        if shape.windowed {
            stream["incremental_sync"] = sync(shape, self.start);
        }
        json!({"version": "6.0.0", "type": "DeclarativeSource",
            "check": {"type": "CheckStream", "stream_names": ["items"]},
            "streams": [stream],
            "spec": {"type": "Spec", "connection_specification": {"type": "object",
                "properties": {}}}})
        .to_string()
    }
}

fn option(name: &str) -> Value {
    json!({"type": "RequestOption", "inject_into": "request_parameter", "field_name": name})
}

fn strategy(shape: &Shape) -> Value {
    let stop = match (shape.stops_by_record, shape.paging) {
        (true, _) => json!("{{ last_record['id'] >= 60 }}"),
        (_, Paging::Token | Paging::CountingToken) => json!("{{ not response.get('next') }}"),
        _ => json!("{{ last_page_size < page_size }}"),
    };
    let token = |value: &str| {
        json!({"type": "CursorPagination", "page_size": shape.size, "cursor_value": value,
                   "stop_condition": stop})
    };
    match shape.paging {
        Paging::None => Value::Null,
        Paging::Token | Paging::CountingToken => token("{{ response.get('next') }}"),
        Paging::FromDate | Paging::AfterDate => token("{{ last_record['at'] }}"),
        Paging::Offset => json!({"type": "OffsetIncrement", "page_size": shape.size}),
        Paging::Page => json!({"type": "PageIncrement", "page_size": shape.size,
                                   "start_from_page": 1}),
    }
}

fn sync(shape: &Shape, start: i64) -> Value {
    let start = Timestamp::from_second(start).unwrap();
    let (format, unit) = if shape.dates { ("%Y-%m-%d", "P1D") } else { ("%s", "PT1S") };
    let mut sync = json!({"type": "DatetimeBasedCursor", "cursor_field": "at",
                "datetime_format": format, "start_time_option": option("since"),
                "end_time_option": option("until"),
                "start_datetime": start.strftime(format).to_string()});
    if let Some(step) = shape.step {
        sync["step"] = json!(step);
        sync["cursor_granularity"] = json!(unit);
    }
    if let Some(lookback) = shape.lookback {
        sync["lookback_window"] = json!(lookback);
    }
    sync
}

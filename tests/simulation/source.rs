//! The simulated provider as extract sees it: no retries, no manifest, a page a call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use handlers::configuration::Configuration;
use handlers::job::Target;
use handlers::pull::{
    Described, Evidence, Pages, Place, Placing, Pull, PullError, PullPage, PullPartition,
    PullRecord, PullSlice, Sources, Timetable,
};
use lake::Mode;
use model::config::{Compression, Every, Settings};
use model::{Classify, CursorValue, Retry, TenantId, Timestamp, Window};
use ports::{Clock, Http, HttpError, Method, Request, Response};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use store::StreamKey;
use store::budget::{Budgets, CallLimit, NamedLimit, Patience};
use testkit::sim::{TOKEN, URL_BASE};

use crate::planted::Bug;

/// How a world's pipeline is set up.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Slices side by side.
    pub parallel: usize,
    /// Windows that a time span is cut into.
    pub windows: i64,
    /// Records of a page.
    pub page: usize,
    /// Bytes at which a part is closed.
    pub part: u64,
    /// Runs between two looks for rows that are gone.
    pub reconcile: Option<Every>,
    /// The provider's limit.
    pub limit: Option<CallLimit>,
    /// What is wrong with it on purpose.
    pub bug: Option<Bug>,
    /// The configuration folder, when the manifest's interpreter reads the provider.
    pub interpreted: Option<Arc<Configuration>>,
}

/// Both streams of the provider, for any tenant.
#[derive(Debug)]
pub struct SimSources {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    budgets: Budgets,
    shape: Shape,
}

impl SimSources {
    pub fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>, budgets: Budgets, shape: Shape) -> Self {
        Self { http, clock, budgets, shape }
    }

    fn client(&self, tenant: &TenantId) -> Arc<dyn Http> {
        let Some(mut limit) = self.shape.limit else { return Arc::clone(&self.http) };
        if self.shape.bug == Some(Bug::ShortWindow) {
            limit.per /= 2;
        }
        let patience = Patience { longest: Duration::from_secs(20), waits: None };
        let limit = NamedLimit { name: "simulated".to_owned(), limit };
        Arc::new(self.budgets.limit(tenant, limit, Arc::clone(&self.http), patience))
    }
}

#[async_trait]
impl Sources for SimSources {
    async fn describe(&self, stream: &StreamKey) -> Result<Described, PullError> {
        let items = stream.stream.as_str() == "items";
        Ok(Described {
            source: "simulated".parse().unwrap(),
            mode: if items { Mode::Incremental } else { Mode::FullRefresh },
            primary_key: vec![vec![if items { "id" } else { "code" }.to_owned()]],
            schedule: Timetable::Every(Duration::from_hours(1)),
            reconcile: self.shape.reconcile.filter(|_| items),
            parallel: self.shape.parallel,
            paused: false,
            settings: Arc::new(Settings {
                compression: Compression::None,
                part_bytes: self.shape.part,
                ..Settings::default()
            }),
        })
    }

    async fn streams(&self, target: &Target) -> Result<Vec<StreamKey>, PullError> {
        let key = |name: &str| StreamKey {
            tenant: target.tenant.clone(),
            connection: target.connection.clone(),
            stream: name.parse().unwrap(),
        };
        Ok(vec![key("items"), key("kinds")])
    }

    async fn open(&self, stream: &StreamKey, now: Timestamp) -> Result<Arc<dyn Pull>, PullError> {
        Ok(Arc::new(SimPull {
            http: self.client(&stream.tenant),
            clock: Arc::clone(&self.clock),
            items: stream.stream.as_str() == "items",
            now,
            shape: self.shape.clone(),
        }))
    }
}

#[derive(Debug)]
struct SimPull {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    items: bool,
    now: Timestamp,
    shape: Shape,
}

/// Earlier than any row.
fn start() -> Timestamp {
    testkit::sim::beginning() - Duration::from_hours(24 * 20)
}

#[async_trait]
impl Pull for SimPull {
    fn partitions(&self) -> BoxStream<'_, Result<PullPartition, PullError>> {
        let one = PullPartition { key: Map::new(), detail: Value::Null };
        stream::once(async { Ok(one) }).boxed()
    }

    async fn slices(
        &self,
        _: &PullPartition,
        from: Option<&CursorValue>,
    ) -> Result<Vec<PullSlice>, PullError> {
        if !self.items {
            return Ok(vec![PullSlice { window: None, detail: json!({}) }]);
        }
        let from = match from {
            Some(CursorValue::Instant(at)) => *at,
            _ => start(),
        };
        let span = self.now.duration_since(from);
        let at = |n: i64| {
            from + span * i32::try_from(n).unwrap() / i32::try_from(self.shape.windows).unwrap()
        };
        let bounds = (0..self.shape.windows).map(|n| {
            let until = if n + 1 == self.shape.windows { self.now } else { at(n + 1) };
            Window::new(at(n), until)
        });
        let windows: Vec<_> = bounds.filter_map(Result::ok).filter(|w| !w.is_empty()).collect();
        let slice = |window: Window| {
            let detail = json!({"from": window.from(), "until": window.until()});
            PullSlice { window: Some(window), detail }
        };
        Ok(windows.into_iter().map(slice).collect())
    }

    async fn read(&self, slice: &Value, from: Option<&Value>) -> Result<Box<dyn Pages>, PullError> {
        let bound = |name: &str| slice.get(name).and_then(Value::as_str)?.parse::<Timestamp>().ok();
        let mut query = format!("limit={}", self.shape.page);
        if let (Some(from), Some(until)) = (bound("from"), bound("until")) {
            let unit = match self.shape.bug {
                Some(Bug::ShortSlice) => Duration::from_hours(6),
                _ => Duration::from_nanos(1),
            };
            let until = until - unit;
            query = format!("{query}&updated_at_min={from}&updated_at_max={until}");
        }
        let first = json!({"first": true, "page": 0});
        Ok(Box::new(SimPages {
            http: Arc::clone(&self.http),
            clock: Arc::clone(&self.clock),
            items: self.items,
            page: self.shape.page,
            query,
            next: Some(from.cloned().unwrap_or(first)),
        }))
    }

    /// Nobody asks: this provider sends no notices.
    async fn is_gone(&self, _: &str) -> Result<bool, PullError> {
        Ok(false)
    }
}

#[derive(Debug)]
struct SimPages {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    items: bool,
    page: usize,
    query: String,
    next: Option<Value>,
}

impl SimPages {
    fn url(&self, place: &Value) -> String {
        let path = if self.items { "items" } else { "kinds" };
        let mut url = format!("{URL_BASE}/{path}?{}", self.query);
        if let Some(cursor) = place.get("cursor").and_then(Value::as_str) {
            url = format!("{url}&cursor={cursor}");
        }
        if let Some(offset) = place.get("offset").and_then(Value::as_u64) {
            url = format!("{url}&offset={offset}");
        }
        url
    }

    fn after(&self, place: &Value, body: &Body, count: usize) -> Option<Place> {
        let page = place.get("page").and_then(Value::as_u64).unwrap_or_default() + 1;
        if self.items {
            let detail = json!({"cursor": body.next_cursor.as_ref()?, "page": page});
            return Some(Place { placing: Placing::Token, detail });
        }
        if count < self.page {
            return None;
        }
        let offset = place.get("offset").and_then(Value::as_u64).unwrap_or_default();
        let detail = json!({"offset": offset + count as u64, "page": page});
        Some(Place { placing: Placing::Count, detail })
    }
}

#[derive(serde::Deserialize)]
struct Body {
    #[serde(alias = "kinds")]
    items: Vec<Box<RawValue>>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(serde::Deserialize)]
struct Item {
    updated_at: Timestamp,
}

#[async_trait]
impl Pages for SimPages {
    async fn next(&mut self) -> Result<Option<PullPage>, PullError> {
        let Some(place) = self.next.take() else { return Ok(None) };
        let request_start = self.clock.now();
        let response = self.http.send(request(self.url(&place))).await.map_err(called)?;
        let body: Body = parse(&response)?;
        let records: Vec<_> = body.items.iter().map(|raw| self.record(raw)).collect();
        let next = self.after(&place, &body, records.len());
        self.next = next.as_ref().map(|next| next.detail.clone());
        let placing = if self.items { Placing::Token } else { Placing::Count };
        Ok(Some(PullPage {
            number: place.get("page").and_then(Value::as_u64).unwrap_or_default(),
            request_start,
            evidence: Evidence { found: records.len() as u64, ..Evidence::default() },
            records,
            this: Place { placing, detail: place },
            next,
        }))
    }
}

impl SimPages {
    fn record(&self, raw: &RawValue) -> PullRecord {
        let cursor =
            self.items.then(|| serde_json::from_str::<Item>(raw.get()).unwrap().updated_at);
        let raw = raw.get().to_owned().into();
        PullRecord { raw, cursor: cursor.map(CursorValue::Instant) }
    }
}

fn request(url: String) -> Request {
    Request {
        method: Method::Get,
        url,
        headers: vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))],
        body: None,
        timeout: Duration::from_secs(30),
        max_body: 1 << 20,
        redirect_hosts: Arc::from([]),
    }
}

fn called(error: HttpError) -> PullError {
    PullError::Failed { retry: error.retry(), source: Box::new(error) }
}

fn parse(response: &Response) -> Result<Body, PullError> {
    let failed = |retry, message: String| PullError::Failed { retry, source: message.into() };
    if response.status == 429 {
        let wait = response.header("retry-after").and_then(|s| s.parse().ok()).unwrap_or(1);
        let retry = Retry::After(Duration::from_secs(wait));
        return Err(failed(retry, "too many requests".to_owned()));
    }
    if response.status != 200 {
        return Err(failed(Retry::Backoff, format!("status {}", response.status)));
    }
    serde_json::from_slice(&response.body).map_err(|e| failed(Retry::Backoff, e.to_string()))
}

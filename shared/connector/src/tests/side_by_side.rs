//! Slices that are read side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use model::config::Overlay;
use ports::{Http, HttpError, Request, Response};
use serde_json::json;

use super::fake::{Provider, runtime};
use super::{ORDERS, read};
use crate::protocol::{Messages, Selected, States};
use crate::{Manifest, Runtime, Source};

/// Each window has two pages; the answer of an early window takes longer than that of a late one.
#[derive(Debug, Default)]
struct Windows {
    open: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Http for Windows {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (_, query) = request.url.split_once('?').unwrap();
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
        };
        let start: i64 = of("updated_at_min").unwrap().parse().unwrap();
        let day = (start - 1_704_067_200_000) / 86_400_000;
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        for _ in 0..(10 - day) {
            yield_now().await;
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
        let (id, next) = match of("cursor") {
            None => (day * 2, json!("more")),
            Some(_) => (day * 2 + 1, json!(null)),
        };
        let at = format!("2024-01-0{}T00:00:00.000Z", day + 1);
        let body = json!({"orders": [{"id": id, "updated_at": at}], "next_cursor": next});
        if day == 3 && of("cursor").is_some() && id == 7 {
            let body = "cut off".into();
            return Ok(Response { status: 200, headers: Vec::new(), body });
        }
        Ok(Response { status: 200, headers: Vec::new(), body: body.to_string().into() })
    }
}

/// Lets others go on first.
async fn yield_now() {
    let mut asked = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut asked, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

const LEVEL: &str = "concurrency_level:
  type: ConcurrencyLevel
  default_concurrency: \"{{ config['level'] }}\"
  max_concurrency: 4
streams:
";

/// What a read gives, and how many requests were open at once.
async fn given(level: usize) -> (String, usize) {
    let manifest = ORDERS.replace("streams:\n", LEVEL).replace(
        "      start_time_option",
        "      step: P1D\n      cursor_granularity: PT0.001S\n      start_time_option",
    );
    let manifest = Manifest::parse("shop.yaml", &manifest).unwrap();
    let windows = Arc::new(Windows::default());
    let runtime = Runtime { http: Arc::clone(&windows) as _, ..runtime(&Provider::default()) };
    let config = json!({"base_url": "https://api.example.com", "level": level});
    let source = Source::build(&manifest, &Overlay::default(), &config, runtime).unwrap();
    let mut out = Vec::new();
    let selected = Selected(vec!["orders".to_owned()]);
    let mut messages = Messages::new(&mut out);
    read(&source, &selected, &States::new(), &mut messages).await.unwrap();
    (String::from_utf8(out).unwrap(), windows.most.load(Ordering::SeqCst))
}

/// Records, sorted; and everything else in its order, but for how many records a state counts.
fn parts<'o>(out: &'o str) -> (Vec<&'o str>, Vec<&'o str>) {
    let (mut records, others): (Vec<_>, Vec<_>) =
        out.lines().partition(|line| line.contains("\"type\":\"RECORD\""));
    records.sort_unstable();
    let uncounted = |line: &'o str| line.split(",\"sourceStats\"").next().unwrap_or(line);
    (records, others.into_iter().map(uncounted).collect())
}

#[tokio::test]
async fn pages_come_as_they_arrive_and_states_in_the_order_of_the_slices() {
    let (alone, one) = given(1).await;
    let (together, four) = given(9).await;
    assert_eq!((one, four), (1, 4), "requests at once; the manifest allows four");
    let ((records, others), (more, same)) = (parts(&alone), parts(&together));
    assert_eq!(others, same, "states, and the failure of the fourth day");
    assert!(alone.contains("\"id\":6") && !alone.contains("\"id\":8"), "{alone}");
    // Later days may have given records when the fourth one fails: they come again.
    assert!(records.iter().all(|record| more.contains(record)), "{together}");
}

use std::convert::Infallible;
use std::io::Write as _;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response as Answer};
use axum::routing::{any, get};
use futures_util::stream;
use model::{Classify, Retry};
use ports::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

const MIB: u64 = 1 << 20;

/// A provider on loopback, gone when dropped.
struct Provider {
    address: String,
    _tasks: JoinSet<()>,
}

impl Provider {
    async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, _tasks: tasks }
    }

    /// Answers every connection with these bytes and closes it.
    async fn raw(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _read = socket.read(&mut [0; 4096]).await.unwrap();
                socket.write_all(answer).await.unwrap();
            }
        });
        Self { address, _tasks: tasks }
    }

    fn request(&self, path: &str) -> Request {
        Request {
            method: Method::Get,
            url: format!("http://{}{path}", self.address),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(20),
            max_body: MIB,
            redirect_hosts: Arc::new([]),
        }
    }

    fn client(&self) -> Client {
        Client::new(Policy::with_local(std::slice::from_ref(&self.address)))
    }

    async fn get(&self, path: &str) -> Result<Response, HttpError> {
        self.client().send(self.request(path)).await
    }
}

fn endless() -> Body {
    let chunk = Bytes::from(vec![b'x'; 1 << 16]);
    Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone())))
}

fn bomb() -> Answer {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    ([("content-encoding", "gzip")], encoder.finish().unwrap()).into_response()
}

#[tokio::test]
async fn an_answer_comes_back_whole_whatever_its_status() {
    let teapot = || async { (StatusCode::IM_A_TEAPOT, [("x-kind", "pot")], "short and stout") };
    let provider = Provider::serve(Router::new().route("/", get(teapot))).await;
    let answer = provider.get("/").await.unwrap();
    assert_eq!(answer.status, 418);
    assert_eq!(answer.header("X-Kind"), Some("pot"));
    assert_eq!(&answer.body[..], b"short and stout");
}

#[tokio::test]
async fn method_headers_query_and_body_arrive_as_given() {
    let echo = |method: axum::http::Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let key = headers["x-key"].to_str().unwrap().to_owned();
        format!("{method} {uri} {key} {body}")
    };
    let provider = Provider::serve(Router::new().route("/a", any(echo))).await;
    let mut request = provider.request("/a?b=%20c&b=d");
    request.method = Method::Patch;
    request.headers.push(("X-Key".to_owned(), "k".to_owned()));
    request.body = Some("{}".into());
    let answer = provider.client().send(request).await.unwrap();
    assert_eq!(&answer.body[..], b"PATCH /a?b=%20c&b=d k {}");
}

#[tokio::test]
async fn an_endless_body_is_refused_at_the_cap() {
    let provider = Provider::serve(Router::new().route("/", get(|| async { endless() }))).await;
    let fault = provider.get("/").await.unwrap_err();
    assert!(matches!(fault, HttpError::TooLarge { limit: MIB, .. }), "{fault}");
    assert_eq!(fault.retry(), Retry::Never);
}

#[tokio::test]
async fn a_body_announced_as_five_gigabytes_is_refused_before_it_is_read() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n";
    let provider = Provider::raw(answer).await;
    assert!(matches!(provider.get("/").await, Err(HttpError::TooLarge { .. })));
}

#[tokio::test]
async fn a_compressed_bomb_is_capped_at_its_decoded_size() {
    let provider = Provider::serve(Router::new().route("/", get(|| async { bomb() }))).await;
    assert!(matches!(provider.get("/").await, Err(HttpError::TooLarge { .. })));
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_passes() {
    let body = || async { vec![b'x'; usize::try_from(MIB).unwrap()] };
    let provider = Provider::serve(Router::new().route("/", get(body))).await;
    assert_eq!(provider.get("/").await.unwrap().body.len() as u64, MIB);
}

#[tokio::test]
async fn a_slow_answer_times_out() {
    let never = || async { std::future::pending::<String>().await };
    let provider = Provider::serve(Router::new().route("/", get(never))).await;
    let mut request = provider.request("/?token=hunter2");
    request.timeout = Duration::from_millis(50);
    let fault = provider.client().send(request).await.unwrap_err();
    assert!(matches!(fault, HttpError::TimedOut { .. }), "{fault}");
    assert_eq!(fault.retry(), Retry::Backoff);
}

#[tokio::test]
async fn a_body_that_stops_coming_times_out() {
    let provider = Provider::serve(Router::new().route(
        "/",
        get(|| async {
            let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"{")) });
            Body::from_stream(stream::StreamExt::chain(first, stream::pending()))
        }),
    ))
    .await;
    let mut request = provider.request("/");
    request.timeout = Duration::from_millis(50);
    assert!(matches!(provider.client().send(request).await, Err(HttpError::TimedOut { .. })));
}

#[tokio::test]
async fn a_truncated_body_is_unreachable_not_an_answer() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"records\":["[..],
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"[..],
    ] {
        let provider = Provider::raw(answer).await;
        let fault = provider.get("/").await.unwrap_err();
        assert!(matches!(fault, HttpError::Unreachable { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_truncated_gzip_body_is_unreachable() {
    let cut = || async {
        let whole = axum::body::to_bytes(bomb().into_body(), usize::MAX).await.unwrap();
        ([("content-encoding", "gzip")], whole.slice(..200))
    };
    let provider = Provider::serve(Router::new().route("/", get(cut))).await;
    let mut request = provider.request("/");
    request.max_body = 1 << 30;
    let fault = provider.client().send(request).await.unwrap_err();
    assert!(matches!(fault, HttpError::Unreachable { .. }), "{fault}");
}

fn leads_to(location: &str) -> Router {
    let location = location.to_owned();
    let leave = move || async move { (StatusCode::FOUND, [("location", location)]) };
    Router::new().route("/leave", get(leave)).route("/home", get(|| async { "home" }))
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed() {
    let provider = Provider::serve(leads_to("/home")).await;
    assert_eq!(&provider.get("/leave").await.unwrap().body[..], b"home");
}

#[tokio::test]
async fn a_redirect_to_a_foreign_host_is_refused() {
    let provider = Provider::serve(leads_to("https://example.com/?stolen")).await;
    let fault = provider.get("/leave").await.unwrap_err();
    assert!(matches!(&fault, HttpError::Refused { .. }), "{fault}");
    assert!(!fault.to_string().contains("stolen"));
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_even_when_listed() {
    for place in ["http://10.0.0.1/", "https://169.254.169.254/latest", "https://[::ffff:7f00:1]/"]
    {
        let provider = Provider::serve(leads_to(place)).await;
        let mut request = provider.request("/leave");
        let hosts = ["10.0.0.1", "169.254.169.254", "::ffff:7f00:1"];
        request.redirect_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let fault = provider.client().send(request).await.unwrap_err();
        assert!(matches!(fault, HttpError::Refused { .. }), "{place}: {fault}");
    }
}

#[tokio::test]
async fn a_redirect_that_never_ends_is_refused() {
    let provider = Provider::serve(leads_to("/leave")).await;
    assert!(matches!(provider.get("/leave").await, Err(HttpError::Refused { .. })));
}

#[tokio::test]
async fn loopback_is_refused_unless_listed() {
    let provider = Provider::serve(leads_to("/home")).await;
    let stranger = Client::new(Policy::public());
    let fault = stranger.send(provider.request("/home")).await.unwrap_err();
    assert!(matches!(fault, HttpError::Refused { .. }), "{fault}");
}

#[tokio::test]
async fn a_name_that_stands_for_loopback_is_refused_after_resolution() {
    let mut request = Provider::serve(Router::new()).await.request("/");
    "https://localhost/?token=hunter2".clone_into(&mut request.url);
    let fault = Client::new(Policy::public()).send(request).await.unwrap_err();
    assert!(matches!(fault, HttpError::Refused { .. }), "{fault:?}");
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_its_error_holds_no_query() {
    let gone = Provider::serve(Router::new()).await;
    let request = gone.request("/?token=hunter2");
    let client = gone.client();
    drop(gone);
    let fault = client.send(request).await.unwrap_err();
    assert!(matches!(fault, HttpError::Unreachable { .. }), "{fault}");
    let shown = format!("{fault:?} {fault}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn what_is_not_a_web_address_is_named_without_its_query() {
    let mut request = Provider::serve(Router::new()).await.request("/");
    "ftp://example.com/?token=hunter2".clone_into(&mut request.url);
    let fault = Client::new(Policy::public()).send(request).await.unwrap_err();
    assert_eq!(fault.to_string(), "`ftp://example.com/` is not an absolute http or https URL");
}

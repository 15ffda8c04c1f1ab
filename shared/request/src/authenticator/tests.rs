use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};

use super::*;
use crate::component::Faults;

/// Answers in turn, and keeps what it was asked.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Http for Script {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let body = String::from_utf8(request.body.unwrap_or_default().to_vec()).unwrap();
        self.asked.lock().unwrap().push((request.url, body));
        let (status, body) = self.answers.lock().unwrap().pop_front().unwrap();
        Ok(Response { status, headers: Vec::new(), body: Bytes::from(body) })
    }
}

#[derive(Debug)]
struct Noon(Mutex<Timestamp>);

#[async_trait]
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

pub(crate) fn caller(answers: Vec<(u16, &str)>) -> Caller {
    world(answers).0
}

fn world(answers: Vec<(u16, &str)>) -> (Caller, Arc<Script>, Arc<Noon>) {
    let answers = answers.into_iter().map(|(status, body)| (status, body.to_owned())).collect();
    let script = Arc::new(Script { answers: Mutex::new(answers), asked: Mutex::default() });
    let clock = Arc::new(Noon(Mutex::new("2024-01-06T12:00:00Z".parse().unwrap())));
    let (http, time): (Arc<dyn Http>, Arc<dyn Clock>) =
        (Arc::clone(&script) as _, Arc::clone(&clock) as _);
    (Caller::new(http, time, Duration::from_secs(10), 1 << 20), script, clock)
}

fn build(json: serde_json::Value) -> Authenticator {
    let faults = Faults::default();
    let authenticator = Authenticator::build(&Component::new(json, "authenticator", 1, &faults));
    assert_eq!(faults.take(), []);
    authenticator
}

fn context() -> Context<'static> {
    let config = serde_json::json!({
        "key": "'quoted'", "user": "u", "number": 123, "auth": {"type": "key", "refresh": "r1"},
    });
    Context::new(Value::from(&config), "2024-01-06T12:00:00Z".parse().unwrap())
}

async fn header(json: serde_json::Value) -> String {
    let options = build(json).options(&caller(Vec::new()), &context()).await.unwrap();
    options.headers.get("Authorization").map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn static_credentials_are_written_as_the_reference_does() {
    let bearer =
        serde_json::json!({"type": "BearerAuthenticator", "api_token": "{{ config.key }}"});
    assert_eq!(header(bearer).await, "Bearer quoted");
    let basic =
        serde_json::json!({"type": "BasicHttpAuthenticator", "username": "{{ config.user }}"});
    assert_eq!(header(basic).await, "Basic dTo=");
    let key = serde_json::json!({
        "type": "ApiKeyAuthenticator", "api_token": "{{ config.number }}",
        "inject_into": {"type": "RequestOption", "inject_into": "body_json", "field_path": ["a", "b"]},
    });
    let options = build(key).options(&caller(Vec::new()), &context()).await.unwrap();
    assert_eq!(Value::from(options.body_json).repr(), "{'a': {'b': '123'}}");
}

#[tokio::test]
async fn the_configuration_selects() {
    let json = |path: &str| {
        serde_json::json!({
            "type": "SelectiveAuthenticator", "authenticator_selection_path": ["auth", path],
            "authenticators": {
                "key": {"type": "BearerAuthenticator", "api_token": "k"}, "none": {"type": "NoAuth"},
            },
        })
    };
    assert_eq!(header(json("type")).await, "Bearer k");
    let fault = build(json("nothing")).options(&caller(Vec::new()), &context()).await.unwrap_err();
    assert_eq!(
        fault.to_string(),
        "config field `auth.nothing` selects no authenticator; accepted are `key`, `none`"
    );
}

fn oauth() -> serde_json::Value {
    serde_json::json!({
        "type": "OAuthAuthenticator", "token_refresh_endpoint": "https://auth.example/token?tenant=1",
        "client_id": "id", "client_secret": "secret", "refresh_token": "{{ config.auth.refresh }}",
        "scopes": ["a", "b"], "refresh_request_body": {"extra": "x", "client_id": "ignored"},
        "refresh_token_updater": {"refresh_token_config_path": ["auth", "refresh"]},
    })
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_it_expires() {
    let (caller, script, clock) = world(vec![
        (200, r#"{"data": {"access_token": "t1", "expires_in": "60", "refresh_token": "r2"}}"#),
        (200, r#"{"access_token": "t2"}"#),
    ]);
    let authenticator = build(oauth());
    let context = context();
    let (a, b) = tokio::join!(
        authenticator.options(&caller, &context),
        authenticator.options(&caller, &context)
    );
    assert_eq!(a.unwrap(), b.unwrap());
    *clock.0.lock().unwrap() = "2024-01-06T12:01:00Z".parse().unwrap();
    let later = authenticator.options(&caller, &context).await.unwrap();
    assert_eq!(later.headers.get("Authorization").unwrap().to_string(), "Bearer t2");
    let asked = script.asked.lock().unwrap().clone();
    let form = "grant_type=refresh_token&client_id=id&client_secret=secret&refresh_token=r1&scopes=a&scopes=b&extra=x";
    assert_eq!(asked[0], ("https://auth.example/token?tenant=1".to_owned(), form.to_owned()));
    assert!(asked[1].1.contains("refresh_token=r2"), "the new refresh token is used");
}

#[tokio::test]
async fn client_credentials_send_no_refresh_token() {
    let (caller, script, _) = world(vec![(200, r#"{"token": "t"}"#)]);
    let json = serde_json::json!({
        "type": "OAuthAuthenticator", "token_refresh_endpoint": "https://auth.example/token",
        "client_id": "id", "client_secret": "secret", "grant_type": "client_credentials",
        "access_token_name": "token", "refresh_request_headers": {"Authorization": "Basic x"},
    });
    build(json).options(&caller, &context()).await.unwrap();
    assert_eq!(script.asked.lock().unwrap()[0].1, "grant_type=client_credentials");
}

#[tokio::test]
async fn refusals_name_the_endpoint_and_nothing_secret() {
    let refusal = r#"{"error": "invalid_grant", "error_description": "r1 is revoked"}"#;
    let fault =
        build(oauth()).options(&caller(vec![(400, refusal)]), &context()).await.unwrap_err();
    assert_eq!(
        fault.to_string(),
        "https://auth.example/token gave no token: status 400, invalid_grant"
    );
    let fault = build(oauth()).options(&caller(vec![(503, "")]), &context()).await.unwrap_err();
    assert_eq!(model::Classify::retry(&fault), model::Retry::Backoff);
}

#[tokio::test]
async fn a_session_is_opened_once_and_again_when_forgotten() {
    let json = serde_json::json!({
        "type": "SessionTokenAuthenticator",
        "login_requester": {
            "type": "HttpRequester", "url_base": "https://h.example", "path": "login",
            "http_method": "POST", "request_body_json": {"user": "{{ config.user }}"},
        },
        "session_token_path": ["data", "0", "id"],
        "request_authentication": {
            "type": "ApiKey", "api_token": "Token {{ session_token }}",
            "inject_into": {"type": "RequestOption", "inject_into": "header", "field_name": "X-Session"},
        },
    });
    let answers = vec![(200, r#"{"data": [{"id": "s1"}]}"#), (200, r#"{"data": [{"id": "s2"}]}"#)];
    let (caller, script, _) = world(answers);
    let authenticator = build(json);
    for expected in ["Token s1", "Token s1", "Token s2"] {
        if expected == "Token s2" {
            authenticator.forget(&caller, &context()).await.unwrap();
        }
        let options = authenticator.options(&caller, &context()).await.unwrap();
        assert_eq!(options.headers.get("X-Session").unwrap().to_string(), expected);
    }
    let login = ("https://h.example/login".to_owned(), r#"{"user": "u"}"#.to_owned());
    assert_eq!(*script.asked.lock().unwrap(), [login.clone(), login]);
}

#[test]
fn secrets_are_taken_out_of_texts() {
    let secrets = build(oauth()).secrets(&context());
    let redactor = Redactor::new(secrets.into_iter().chain(["a b/c".to_owned()]));
    assert_eq!(redactor.apply("secret in a b/c and a+b%2Fc"), "**** in **** and ****");
    assert_eq!(format!("{redactor:?}"), "Redactor(3 secrets)");
}

//! Where AWS is, and one client a service, made at its first use.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};
use host::{VarError, Vars};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest wait for an answer of a service that answers at once.
const PROMPT: Duration = Duration::from_secs(10);

/// Longest wait for an answer that may carry megabytes, or that waits for messages (20 s).
const PATIENT: Duration = Duration::from_secs(40);

/// Attempts of one call before its failure is the caller's.
const ATTEMPTS: u32 = 3;

/// Region, endpoints, credentials; and the clients made of them.
///
/// - `AWS_REGION`: required.
/// - `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`: credentials; without them
///   calls go unsigned and are refused.
/// - `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_S3`, `_DYNAMODB`, `_SQS`, `_SECRETS_MANAGER`,
///   `_SCHEDULER`, `_ATHENA`, which win over it: other places than AWS's own, such as emulators.
pub struct Aws {
    region: String,
    credentials: Option<Credentials>,
    endpoints: Endpoints,
    tls: OnceLock<SharedHttpClient>,
    plain: OnceLock<SharedHttpClient>,
    s3: OnceLock<aws_sdk_s3::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    #[cfg(feature = "athena")]
    athena: OnceLock<aws_sdk_athena::Client>,
}

struct Endpoints {
    s3: Option<String>,
    dynamodb: Option<String>,
    sqs: Option<String>,
    secrets: Option<String>,
    scheduler: Option<String>,
    #[cfg(feature = "athena")]
    athena: Option<String>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}

/// One service's client: the same settings for each, of each SDK's own type.
macro_rules! client {
    ($aws:ident, $sdk:ident, $endpoint:expr, $patience:expr $(, $option:ident($value:expr))*) => {{
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout($patience).build();
        let mut config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new($aws.region.clone()))
            .http_client($aws.http_client($endpoint))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            $(.$option($value))*;
        config.set_endpoint_url($endpoint.map(str::to_owned));
        if let Some(credentials) = $aws.credentials.clone() {
            config = config.credentials_provider(credentials);
        }
        $sdk::Client::from_conf(config.build())
    }};
}

impl Aws {
    /// Reads the variables; makes nothing yet.
    pub fn from_vars(vars: &Vars) -> Result<Self, VarError> {
        let endpoint = |service: &str| {
            vars.get(&format!("AWS_ENDPOINT_URL_{service}"))
                .or_else(|| vars.get("AWS_ENDPOINT_URL"))
        };
        Ok(Self {
            region: vars.required("AWS_REGION")?,
            credentials: credentials(vars)?,
            endpoints: Endpoints {
                s3: endpoint("S3"),
                dynamodb: endpoint("DYNAMODB"),
                sqs: endpoint("SQS"),
                secrets: endpoint("SECRETS_MANAGER"),
                scheduler: endpoint("SCHEDULER"),
                #[cfg(feature = "athena")]
                athena: endpoint("ATHENA"),
            },
            tls: OnceLock::new(),
            plain: OnceLock::new(),
            s3: OnceLock::new(),
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            secrets: OnceLock::new(),
            scheduler: OnceLock::new(),
            #[cfg(feature = "athena")]
            athena: OnceLock::new(),
        })
    }

    /// The HTTP client for an endpoint. The one for plain http, which only emulators use, loads
    /// no certificates.
    fn http_client(&self, endpoint: Option<&str>) -> SharedHttpClient {
        if endpoint.is_some_and(|url| url.starts_with("http://")) {
            return self.plain.get_or_init(|| Builder::new().build_http()).clone();
        }
        let provider = || tls::Provider::Rustls(CryptoMode::Ring);
        self.tls.get_or_init(|| Builder::new().tls_provider(provider()).build_https()).clone()
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        let endpoint = self.endpoints.s3.as_deref();
        // Emulators answer for all buckets under one name.
        let path_style = endpoint.is_some();
        self.s3.get_or_init(|| {
            client!(self, aws_sdk_s3, endpoint, PATIENT, force_path_style(path_style))
        })
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        let endpoint = self.endpoints.dynamodb.as_deref();
        self.dynamodb.get_or_init(|| client!(self, aws_sdk_dynamodb, endpoint, PROMPT))
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        let endpoint = self.endpoints.sqs.as_deref();
        self.sqs.get_or_init(|| client!(self, aws_sdk_sqs, endpoint, PATIENT))
    }

    pub(crate) fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        let endpoint = self.endpoints.secrets.as_deref();
        self.secrets.get_or_init(|| client!(self, aws_sdk_secretsmanager, endpoint, PROMPT))
    }

    pub(crate) fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        let endpoint = self.endpoints.scheduler.as_deref();
        self.scheduler.get_or_init(|| client!(self, aws_sdk_scheduler, endpoint, PROMPT))
    }

    #[cfg(feature = "athena")]
    pub(crate) fn athena(&self) -> &aws_sdk_athena::Client {
        let endpoint = self.endpoints.athena.as_deref();
        self.athena.get_or_init(|| client!(self, aws_sdk_athena, endpoint, PATIENT))
    }

    /// Calls go to this client instead of over the network.
    #[cfg(all(test, feature = "athena"))]
    pub(crate) fn replayed(self, client: SharedHttpClient) -> Self {
        Self { tls: OnceLock::from(client), ..self }
    }
}

fn credentials(vars: &Vars) -> Result<Option<Credentials>, VarError> {
    let Some(id) = vars.get("AWS_ACCESS_KEY_ID") else { return Ok(None) };
    let secret = vars.required("AWS_SECRET_ACCESS_KEY")?;
    let token = vars.get("AWS_SESSION_TOKEN");
    Ok(Some(Credentials::new(id, secret, token, None, "environment")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_needed() {
        let fault = Aws::from_vars(&Vars::of(&[])).unwrap_err();
        assert_eq!(fault.to_string(), "AWS_REGION is not set");
    }

    #[test]
    fn half_a_credential_is_named() {
        let vars = Vars::of(&[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "x")]);
        let fault = Aws::from_vars(&vars).unwrap_err();
        assert_eq!(fault.to_string(), "AWS_SECRET_ACCESS_KEY is not set");
    }

    #[test]
    fn a_service_of_its_own_wins_over_the_common_endpoint() {
        let vars = Vars::of(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2"),
        ]);
        let aws = Aws::from_vars(&vars).unwrap();
        assert_eq!(aws.endpoints.sqs.as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(aws.endpoints.s3.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn debug_shows_no_credentials() {
        let vars = Vars::of(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        assert_eq!(
            format!("{:?}", Aws::from_vars(&vars).unwrap()),
            "Aws { region: \"eu-west-1\", .. }"
        );
    }
}

//! Components that may stand in one place.

pub(super) const OPTION: &[&str] = &["RequestOption"];
pub(super) const AUTHENTICATORS: &[&str] = &[
    "NoAuth",
    "ApiKeyAuthenticator",
    "BearerAuthenticator",
    "BasicHttpAuthenticator",
    "OAuthAuthenticator",
    "JwtAuthenticator",
    "RateLimitedMultipleTokenAuthenticator",
    "SelectiveAuthenticator",
    "SessionTokenAuthenticator",
    "LegacySessionTokenAuthenticator",
];
pub(super) const ERROR_HANDLERS: &[&str] = &["DefaultErrorHandler", "CompositeErrorHandler"];
pub(super) const BACKOFFS: &[&str] = &[
    "ConstantBackoffStrategy",
    "ExponentialBackoffStrategy",
    "WaitTimeFromHeader",
    "WaitTimeFromResponse",
    "WaitUntilTimeFromHeader",
];
pub(super) const CURSORS: &[&str] = &["DatetimeBasedCursor", "IncrementingCountCursor"];
pub(super) const ROUTERS: &[&str] = &[
    "ListPartitionRouter",
    "SubstreamPartitionRouter",
    "GroupingPartitionRouter",
    "UnionPartitionRouter",
];
/// Those that give single values.
pub(super) const SIMPLE_ROUTERS: &[&str] =
    &["ListPartitionRouter", "SubstreamPartitionRouter", "UnionPartitionRouter"];
pub(super) const BODIES: &[&str] = &[
    "RequestBodyJsonObject",
    "RequestBodyUrlEncodedForm",
    "RequestBodyPlainText",
    "RequestBodyGraphQL",
];
pub(super) const DECODERS: &[&str] = &[
    "JsonDecoder",
    "JsonlDecoder",
    "JsonItemsDecoder",
    "CsvDecoder",
    "XmlDecoder",
    "IterableDecoder",
    "GzipDecoder",
    "ZipfileDecoder",
];
pub(super) const RETRIEVERS: &[&str] = &["SimpleRetriever", "AsyncRetriever"];
pub(super) const PAGINATORS: &[&str] = &["DefaultPaginator", "NoPagination"];
pub(super) const EXTRACTORS: &[&str] = &["DpathExtractor", "CombinedExtractor"];
/// Decoders of what another one unpacked.
pub(super) const PARSERS: &[&str] =
    &["JsonDecoder", "JsonlDecoder", "JsonItemsDecoder", "CsvDecoder", "GzipDecoder"];
pub(super) const TRANSFORMATIONS: &[&str] = &[
    "AddFields",
    "RemoveFields",
    "KeysToLower",
    "KeysToSnakeCase",
    "KeysReplace",
    "FlattenFields",
    "DpathFlattenFields",
];
pub(super) const RESOLVERS: &[&str] =
    &["HttpComponentsResolver", "ConfigComponentsResolver", "ParametrizedComponentsResolver"];
pub(super) const MAPPING: &[&str] = &["ComponentMappingDefinition"];

pub(super) const CONFIG_TRANSFORMATIONS: &[&str] =
    &["ConfigAddFields", "ConfigRemoveFields", "ConfigRemapField"];
pub(super) const CALL_RATES: &[&str] =
    &["FixedWindowCallRatePolicy", "MovingWindowCallRatePolicy", "UnlimitedCallRatePolicy"];

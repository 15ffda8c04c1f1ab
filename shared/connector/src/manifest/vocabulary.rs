//! The language: which components there are, what stands where, what must be there.

/// A component that Headwater runs.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its `type`.
    pub(super) name: &'static str,
    /// Fields it cannot do without.
    pub(super) required: &'static [&'static str],
    /// Fields that hold components: one, or a list of them.
    pub(super) children: &'static [(&'static str, &'static [&'static str])],
}

const fn kind(
    name: &'static str,
    required: &'static [&'static str],
    children: &'static [(&'static str, &'static [&'static str])],
) -> Kind {
    Kind { name, required, children }
}

const OPTION: &[&str] = &["RequestOption"];
const AUTHENTICATORS: &[&str] = &[
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
const ERROR_HANDLERS: &[&str] = &["DefaultErrorHandler", "CompositeErrorHandler"];
const BACKOFFS: &[&str] = &[
    "ConstantBackoffStrategy",
    "ExponentialBackoffStrategy",
    "WaitTimeFromHeader",
    "WaitTimeFromResponse",
    "WaitUntilTimeFromHeader",
];
const CURSORS: &[&str] = &["DatetimeBasedCursor", "IncrementingCountCursor"];
const ROUTERS: &[&str] = &[
    "ListPartitionRouter",
    "SubstreamPartitionRouter",
    "GroupingPartitionRouter",
    "UnionPartitionRouter",
];
/// Those that give single values.
const SIMPLE_ROUTERS: &[&str] =
    &["ListPartitionRouter", "SubstreamPartitionRouter", "UnionPartitionRouter"];
const BODIES: &[&str] = &[
    "RequestBodyJsonObject",
    "RequestBodyUrlEncodedForm",
    "RequestBodyPlainText",
    "RequestBodyGraphQL",
];
const DECODERS: &[&str] = &[
    "JsonDecoder",
    "JsonlDecoder",
    "JsonItemsDecoder",
    "CsvDecoder",
    "XmlDecoder",
    "IterableDecoder",
    "GzipDecoder",
    "ZipfileDecoder",
];
const RETRIEVERS: &[&str] = &["SimpleRetriever", "AsyncRetriever"];
const PAGINATORS: &[&str] = &["DefaultPaginator", "NoPagination"];
const EXTRACTORS: &[&str] = &["DpathExtractor", "CombinedExtractor"];
/// Decoders of what another one unpacked.
const PARSERS: &[&str] =
    &["JsonDecoder", "JsonlDecoder", "JsonItemsDecoder", "CsvDecoder", "GzipDecoder"];
const TRANSFORMATIONS: &[&str] = &[
    "AddFields",
    "RemoveFields",
    "KeysToLower",
    "KeysToSnakeCase",
    "KeysReplace",
    "FlattenFields",
    "DpathFlattenFields",
];
const RESOLVERS: &[&str] =
    &["HttpComponentsResolver", "ConfigComponentsResolver", "ParametrizedComponentsResolver"];
const MAPPING: &[&str] = &["ComponentMappingDefinition"];

const CONFIG_TRANSFORMATIONS: &[&str] =
    &["ConfigAddFields", "ConfigRemoveFields", "ConfigRemapField"];
const CALL_RATES: &[&str] =
    &["FixedWindowCallRatePolicy", "MovingWindowCallRatePolicy", "UnlimitedCallRatePolicy"];

/// What runs.
pub(super) const KINDS: &[Kind] = &[
    kind(
        "DeclarativeSource",
        &["check", "version"],
        &[
            ("check", &["CheckStream", "CheckDynamicStream"]),
            ("streams", &["DeclarativeStream", "StateDelegatingStream", "ConditionalStreams"]),
            ("dynamic_streams", &["DynamicDeclarativeStream"]),
            ("spec", &["Spec"]),
            ("api_budget", &["HTTPAPIBudget"]),
            ("concurrency_level", &["ConcurrencyLevel"]),
        ],
    ),
    kind("CheckStream", &[], &[("dynamic_streams_check_configs", &["DynamicStreamCheckConfig"])]),
    kind("DynamicStreamCheckConfig", &["dynamic_stream_name"], &[]),
    kind("CheckDynamicStream", &["stream_count"], &[]),
    kind("StreamGroup", &["streams", "action"], &[("action", &["BlockSimultaneousSyncsAction"])]),
    kind("BlockSimultaneousSyncsAction", &[], &[]),
    kind(
        "Spec",
        &["connection_specification"],
        &[("config_normalization_rules", &["ConfigNormalizationRules"])],
    ),
    kind(
        "ConfigNormalizationRules",
        &[],
        &[
            ("config_migrations", &["ConfigMigration"]),
            ("transformations", CONFIG_TRANSFORMATIONS),
            ("validations", &["DpathValidator", "PredicateValidator"]),
        ],
    ),
    kind("ConfigMigration", &["transformations"], &[("transformations", CONFIG_TRANSFORMATIONS)]),
    kind("ConfigAddFields", &["fields"], &[("fields", &["AddedFieldDefinition"])]),
    kind("ConfigRemoveFields", &["field_pointers"], &[]),
    kind("ConfigRemapField", &["map", "field_path"], &[]),
    kind(
        "DpathValidator",
        &["field_path", "validation_strategy"],
        &[("validation_strategy", &["ValidateAdheresToSchema"])],
    ),
    kind(
        "PredicateValidator",
        &["value", "validation_strategy"],
        &[("validation_strategy", &["ValidateAdheresToSchema"])],
    ),
    kind("ValidateAdheresToSchema", &["base_schema"], &[]),
    kind("HTTPAPIBudget", &["policies"], &[("policies", CALL_RATES)]),
    kind(
        "FixedWindowCallRatePolicy",
        &["period", "call_limit", "matchers"],
        &[("matchers", &["HttpRequestRegexMatcher"])],
    ),
    kind(
        "MovingWindowCallRatePolicy",
        &["rates", "matchers"],
        &[("rates", &["Rate"]), ("matchers", &["HttpRequestRegexMatcher"])],
    ),
    kind("UnlimitedCallRatePolicy", &["matchers"], &[("matchers", &["HttpRequestRegexMatcher"])]),
    kind("Rate", &["limit", "interval"], &[]),
    kind("HttpRequestRegexMatcher", &[], &[]),
    kind("ConcurrencyLevel", &[], &[]),
    kind(
        "DeclarativeStream",
        &["retriever"],
        &[
            ("retriever", RETRIEVERS),
            ("incremental_sync", CURSORS),
            (
                "schema_loader",
                &["InlineSchemaLoader", "DynamicSchemaLoader", "JsonFileSchemaLoader"],
            ),
            ("transformations", TRANSFORMATIONS),
            ("state_migrations", &["LegacyToPerPartitionStateMigration"]),
            ("file_uploader", &["FileUploader"]),
        ],
    ),
    kind(
        "FileUploader",
        &["requester", "download_target_extractor"],
        &[("requester", &["HttpRequester"]), ("download_target_extractor", &["DpathExtractor"])],
    ),
    kind("ConditionalStreams", &["condition", "streams"], &[("streams", &["DeclarativeStream"])]),
    kind(
        "StateDelegatingStream",
        &["name", "full_refresh_stream", "incremental_stream"],
        &[
            ("full_refresh_stream", &["DeclarativeStream"]),
            ("incremental_stream", &["DeclarativeStream"]),
        ],
    ),
    kind(
        "DynamicDeclarativeStream",
        &["stream_template", "components_resolver"],
        &[
            ("stream_template", &["DeclarativeStream", "StateDelegatingStream"]),
            ("components_resolver", RESOLVERS),
        ],
    ),
    kind(
        "HttpComponentsResolver",
        &["retriever", "components_mapping"],
        &[("retriever", RETRIEVERS), ("components_mapping", MAPPING)],
    ),
    kind(
        "ConfigComponentsResolver",
        &["stream_config", "components_mapping"],
        &[("stream_config", &["StreamConfig"]), ("components_mapping", MAPPING)],
    ),
    kind(
        "ParametrizedComponentsResolver",
        &["stream_parameters", "components_mapping"],
        &[("stream_parameters", &["StreamParametersDefinition"]), ("components_mapping", MAPPING)],
    ),
    kind("StreamConfig", &["configs_pointer"], &[]),
    kind("StreamParametersDefinition", &["list_of_parameters_for_stream"], &[]),
    kind("ComponentMappingDefinition", &["field_path", "value"], &[]),
    kind("InlineSchemaLoader", &[], &[]),
    kind("JsonFileSchemaLoader", &[], &[]),
    kind(
        "DynamicSchemaLoader",
        &["retriever", "schema_type_identifier"],
        &[
            ("retriever", RETRIEVERS),
            ("schema_filter", &["RecordFilter"]),
            ("schema_transformations", TRANSFORMATIONS),
            ("schema_type_identifier", &["SchemaTypeIdentifier"]),
        ],
    ),
    kind("SchemaTypeIdentifier", &["key_pointer"], &[("types_mapping", &["TypesMap"])]),
    kind("TypesMap", &["target_type", "current_type"], &[("target_type", &["ComplexFieldType"])]),
    kind("ComplexFieldType", &["field_type"], &[("items", &["ComplexFieldType"])]),
    kind(
        "SimpleRetriever",
        &["record_selector", "requester"],
        &[
            ("requester", &["HttpRequester"]),
            ("record_selector", &["RecordSelector"]),
            ("paginator", PAGINATORS),
            ("partition_router", ROUTERS),
            ("decoder", DECODERS),
            ("pagination_reset", &["PaginationReset"]),
            ("page_size_reduction", &["PageSizeReduction"]),
            ("request_window_splitting", &["RequestWindowSplitting"]),
        ],
    ),
    kind(
        "AsyncRetriever",
        &[
            "record_selector",
            "status_mapping",
            "creation_requester",
            "polling_requester",
            "download_requester",
            "status_extractor",
        ],
        &[
            ("record_selector", &["RecordSelector"]),
            ("status_mapping", &["AsyncJobStatusMap"]),
            ("status_extractor", EXTRACTORS),
            ("download_target_extractor", EXTRACTORS),
            (
                "download_extractor",
                &["DpathExtractor", "CombinedExtractor", "ResponseToFileExtractor"],
            ),
            ("creation_requester", &["HttpRequester"]),
            ("polling_requester", &["HttpRequester"]),
            ("download_target_requester", &["HttpRequester"]),
            ("download_requester", &["HttpRequester"]),
            ("abort_requester", &["HttpRequester"]),
            ("delete_requester", &["HttpRequester"]),
            ("download_paginator", PAGINATORS),
            ("partition_router", ROUTERS),
            ("decoder", DECODERS),
            ("download_decoder", DECODERS),
        ],
    ),
    kind("AsyncJobStatusMap", &["running", "completed", "failed", "timeout"], &[]),
    kind("ResponseToFileExtractor", &[], &[]),
    kind("JsonDecoder", &[], &[]),
    kind("JsonlDecoder", &[], &[]),
    kind("JsonItemsDecoder", &["items_path"], &[]),
    kind("CsvDecoder", &[], &[]),
    kind("XmlDecoder", &[], &[]),
    kind("IterableDecoder", &[], &[]),
    kind("GzipDecoder", &["decoder"], &[("decoder", PARSERS)]),
    kind("ZipfileDecoder", &["decoder"], &[("decoder", PARSERS)]),
    kind(
        "HttpRequester",
        &[],
        &[
            ("authenticator", AUTHENTICATORS),
            ("error_handler", ERROR_HANDLERS),
            ("request_body", BODIES),
            ("fetch_properties_from_endpoint", &["PropertiesFromEndpoint"]),
            ("query_properties", &["QueryProperties"]),
        ],
    ),
    kind("PaginationReset", &["action"], &[("limits", &["PaginationResetLimits"])]),
    kind("PaginationResetLimits", &[], &[]),
    kind("PageSizeReduction", &[], &[]),
    kind("RequestWindowSplitting", &[], &[]),
    kind(
        "QueryProperties",
        &["property_list"],
        &[
            ("property_chunking", &["PropertyChunking"]),
            ("property_selector", &["JsonSchemaPropertySelector"]),
        ],
    ),
    kind(
        "PropertiesFromEndpoint",
        &["property_field_path", "retriever"],
        &[("retriever", &["SimpleRetriever"])],
    ),
    kind(
        "PropertyChunking",
        &["property_limit_type"],
        &[("record_merge_strategy", &["GroupByKeyMergeStrategy"])],
    ),
    kind("GroupByKeyMergeStrategy", &["key"], &[]),
    kind("JsonSchemaPropertySelector", &[], &[("transformations", TRANSFORMATIONS)]),
    kind("RequestBodyJsonObject", &["value"], &[]),
    kind("RequestBodyUrlEncodedForm", &["value"], &[]),
    kind("RequestBodyPlainText", &["value"], &[]),
    kind("RequestBodyGraphQL", &["value"], &[]),
    kind("NoAuth", &[], &[]),
    kind("ApiKeyAuthenticator", &[], &[("inject_into", OPTION)]),
    kind("BearerAuthenticator", &["api_token"], &[]),
    kind("BasicHttpAuthenticator", &["username"], &[]),
    kind("OAuthAuthenticator", &[], &[("profile_assertion", &["JwtAuthenticator"])]),
    kind("JwtAuthenticator", &["secret_key", "algorithm"], &[("request_option", OPTION)]),
    kind(
        "RateLimitedMultipleTokenAuthenticator",
        &["tokens", "quota_status_source", "quotas"],
        &[("quota_status_source", &["QuotaStatusSource"]), ("quotas", &["TokenQuota"])],
    ),
    kind("QuotaStatusSource", &["url"], &[]),
    kind(
        "TokenQuota",
        &["name", "remaining_path", "reset_path"],
        &[("matchers", &["HttpRequestRegexMatcher"])],
    ),
    kind("SelectiveAuthenticator", &["authenticators", "authenticator_selection_path"], &[]),
    kind(
        "SessionTokenAuthenticator",
        &["login_requester", "session_token_path", "request_authentication"],
        &[
            ("login_requester", &["HttpRequester"]),
            ("request_authentication", &["ApiKey", "Bearer"]),
            ("decoder", DECODERS),
        ],
    ),
    kind(
        "LegacySessionTokenAuthenticator",
        &["header", "login_url", "session_token_response_key", "validate_session_url"],
        &[],
    ),
    kind("ApiKey", &["inject_into"], &[("inject_into", OPTION)]),
    kind("Bearer", &[], &[]),
    kind(
        "DefaultErrorHandler",
        &[],
        &[("backoff_strategies", BACKOFFS), ("response_filters", &["HttpResponseFilter"])],
    ),
    kind("CompositeErrorHandler", &["error_handlers"], &[("error_handlers", ERROR_HANDLERS)]),
    kind("HttpResponseFilter", &[], &[]),
    kind("ConstantBackoffStrategy", &["backoff_time_in_seconds"], &[]),
    kind("ExponentialBackoffStrategy", &[], &[]),
    kind("WaitTimeFromHeader", &["header"], &[]),
    kind("WaitTimeFromResponse", &["wait_time_in_seconds"], &[]),
    kind("WaitUntilTimeFromHeader", &["header"], &[]),
    kind("NoPagination", &[], &[]),
    kind(
        "DefaultPaginator",
        &["pagination_strategy"],
        &[
            ("pagination_strategy", &["CursorPagination", "OffsetIncrement", "PageIncrement"]),
            ("page_size_option", OPTION),
            ("page_token_option", &["RequestOption", "RequestPath"]),
            ("decoder", DECODERS),
        ],
    ),
    kind("CursorPagination", &["cursor_value"], &[("decoder", DECODERS)]),
    kind("OffsetIncrement", &[], &[]),
    kind("PageIncrement", &[], &[]),
    kind("RequestOption", &["inject_into"], &[]),
    kind("RequestPath", &[], &[]),
    kind(
        "RecordSelector",
        &["extractor"],
        &[("extractor", EXTRACTORS), ("record_filter", &["RecordFilter"])],
    ),
    kind(
        "DpathExtractor",
        &["field_path"],
        &[("decoder", DECODERS), ("record_expander", &["RecordExpander"])],
    ),
    kind("CombinedExtractor", &["extractors"], &[("extractors", EXTRACTORS)]),
    kind(
        "RecordExpander",
        &["expand_records_from_field"],
        &[
            ("parent_fields", &["ParentFieldPath"]),
            ("truncated_list_retriever", &["SimpleRetriever"]),
        ],
    ),
    kind("ParentFieldPath", &["parent_path", "record_path"], &[]),
    kind("RecordFilter", &[], &[]),
    kind("AddFields", &["fields"], &[("fields", &["AddedFieldDefinition"])]),
    kind("AddedFieldDefinition", &["path", "value"], &[]),
    kind("RemoveFields", &["field_pointers"], &[]),
    kind("KeysToLower", &[], &[]),
    kind("KeysToSnakeCase", &[], &[]),
    kind("KeysReplace", &["old", "new"], &[]),
    kind("FlattenFields", &[], &[]),
    kind("DpathFlattenFields", &["field_path"], &[("key_transformation", &["KeyTransformation"])]),
    kind("KeyTransformation", &[], &[]),
    kind("ListPartitionRouter", &["cursor_field", "values"], &[("request_option", OPTION)]),
    kind(
        "SubstreamPartitionRouter",
        &["parent_stream_configs"],
        &[("parent_stream_configs", &["ParentStreamConfig"])],
    ),
    kind(
        "ParentStreamConfig",
        &["parent_key", "partition_field", "stream"],
        &[("stream", &["DeclarativeStream", "StateDelegatingStream"]), ("request_option", OPTION)],
    ),
    kind(
        "GroupingPartitionRouter",
        &["group_size", "underlying_partition_router"],
        &[("underlying_partition_router", SIMPLE_ROUTERS)],
    ),
    kind(
        "UnionPartitionRouter",
        &["partition_field", "partition_routers"],
        &[("partition_routers", SIMPLE_ROUTERS)],
    ),
    kind(
        "DatetimeBasedCursor",
        &["cursor_field", "datetime_format", "start_datetime"],
        &[
            ("start_datetime", &["MinMaxDatetime"]),
            ("end_datetime", &["MinMaxDatetime"]),
            ("start_time_option", OPTION),
            ("end_time_option", OPTION),
        ],
    ),
    kind("MinMaxDatetime", &["datetime"], &[]),
    kind("LegacyToPerPartitionStateMigration", &[], &[]),
    kind("IncrementingCountCursor", &["cursor_field"], &[("start_value_option", OPTION)]),
];

/// Fields that hold a component or a plain text, or a list of such.
pub(super) const TEXT_TOO: [&str; 4] = ["start_datetime", "end_datetime", "target_type", "items"];

/// Components that the language gives no `type`: their place says what they are.
pub(super) const UNTYPED: [&str; 6] = [
    "StreamGroup",
    "SchemaTypeIdentifier",
    "TypesMap",
    "ComplexFieldType",
    "Rate",
    "HttpRequestRegexMatcher",
];

/// The component of a name, when it runs.
pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The type that a place implies when none is written: `Parent.field` → type.
pub(super) fn implied(place: &str, custom: bool) -> Option<&'static str> {
    let table = if custom { CUSTOM } else { IMPLIED };
    table.iter().find(|(at, _)| *at == place).map(|(_, kind)| *kind)
}

/// The reference's table, whole: `DEFAULT_MODEL_TYPES` of airbyte-cdk 7.39.
const IMPLIED: &[(&str, &str)] = &[
    ("", "DeclarativeSource"),
    ("CompositeErrorHandler.error_handlers", "DefaultErrorHandler"),
    ("CursorPagination.decoder", "JsonDecoder"),
    ("DatetimeBasedCursor.end_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor.end_time_option", "RequestOption"),
    ("DatetimeBasedCursor.start_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor.start_time_option", "RequestOption"),
    ("DeclarativeSource.check", "CheckStream"),
    ("DeclarativeSource.spec", "Spec"),
    ("DeclarativeSource.streams", "DeclarativeStream"),
    ("DeclarativeStream.retriever", "SimpleRetriever"),
    ("DeclarativeStream.schema_loader", "JsonFileSchemaLoader"),
    ("DynamicDeclarativeStream.stream_template", "DeclarativeStream"),
    ("DynamicDeclarativeStream.components_resolver", "ConfigComponentResolver"),
    ("HttpComponentsResolver.retriever", "SimpleRetriever"),
    ("HttpComponentsResolver.components_mapping", "ComponentMappingDefinition"),
    ("ConfigComponentsResolver.stream_config", "StreamConfig"),
    ("ConfigComponentsResolver.components_mapping", "ComponentMappingDefinition"),
    ("DefaultErrorHandler.response_filters", "HttpResponseFilter"),
    ("DefaultPaginator.decoder", "JsonDecoder"),
    ("DefaultPaginator.page_size_option", "RequestOption"),
    ("DpathExtractor.decoder", "JsonDecoder"),
    ("DpathExtractor.record_expander", "RecordExpander"),
    ("HttpRequester.error_handler", "DefaultErrorHandler"),
    ("ListPartitionRouter.request_option", "RequestOption"),
    ("ParentStreamConfig.request_option", "RequestOption"),
    ("ParentStreamConfig.stream", "DeclarativeStream"),
    ("RecordExpander.parent_fields", "ParentFieldPath"),
    ("RecordSelector.extractor", "DpathExtractor"),
    ("RecordSelector.record_filter", "RecordFilter"),
    ("SimpleRetriever.paginator", "NoPagination"),
    ("SimpleRetriever.record_selector", "RecordSelector"),
    ("SimpleRetriever.requester", "HttpRequester"),
    ("SubstreamPartitionRouter.parent_stream_configs", "ParentStreamConfig"),
    ("AddFields.fields", "AddedFieldDefinition"),
    ("CustomPartitionRouter.parent_stream_configs", "ParentStreamConfig"),
    ("DynamicSchemaLoader.retriever", "SimpleRetriever"),
    ("SchemaTypeIdentifier.types_map", "TypesMap"),
];

/// The same for components that name a class: `CUSTOM_COMPONENTS_MAPPING`.
const CUSTOM: &[(&str, &str)] = &[
    ("CompositeErrorHandler.backoff_strategies", "CustomBackoffStrategy"),
    ("DeclarativeStream.retriever", "CustomRetriever"),
    ("DeclarativeStream.transformations", "CustomTransformation"),
    ("DefaultErrorHandler.backoff_strategies", "CustomBackoffStrategy"),
    ("DefaultPaginator.pagination_strategy", "CustomPaginationStrategy"),
    ("HttpRequester.authenticator", "CustomAuthenticator"),
    ("HttpRequester.error_handler", "CustomErrorHandler"),
    ("RecordSelector.extractor", "CustomRecordExtractor"),
    ("SimpleRetriever.partition_router", "CustomPartitionRouter"),
];

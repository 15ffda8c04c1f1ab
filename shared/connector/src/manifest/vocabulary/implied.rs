//! Types that need not be written: their place says them.

/// The type that a place implies when none is written: `Parent.field` → type.
pub(in super::super) fn implied(place: &str, custom: bool) -> Option<&'static str> {
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

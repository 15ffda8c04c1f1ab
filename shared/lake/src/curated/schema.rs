//! Columns as Parquet describes them.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnDescriptor, ColumnPath, SchemaDescriptor, Type, TypePtr};

use super::{Column, Kind};

/// Decimals of no more digits are 64-bit integers.
pub(super) const SHORT: u8 = 18;

/// Bytes of a longer decimal.
pub(super) const LONG: usize = 16;

/// The schema of these columns.
pub(super) fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|column| field(column).map(Arc::new));
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("curated").with_fields(fields).build()?))
}

/// Whether an object's column holds what this one does; whether it may be null is another matter.
pub(super) fn holds(column: &Column, found: &ColumnDescriptor) -> Result<bool, ParquetError> {
    let ours = SchemaDescriptor::new(schema(std::slice::from_ref(column))?);
    let meaning = |column: &ColumnDescriptor| {
        let digits = (column.type_precision(), column.type_scale());
        (column.physical_type(), column.logical_type_ref().cloned(), digits, column.max_rep_level())
    };
    Ok(ours.columns().first().is_some_and(|ours| meaning(ours) == meaning(found)))
}

/// zstd; a dictionary wherever values come again, which JSON does not.
pub(super) fn properties(columns: &[Column]) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in columns.iter().filter(|column| column.kind == Kind::Json) {
        let path = ColumnPath::from(column.name.as_str());
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    Ok(properties.build())
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let repetition = if column.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let name = column.name.as_str();
    let primitive = |physical, logical| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
    };
    match column.kind {
        Kind::Text | Kind::Json => {
            primitive(Physical::BYTE_ARRAY, Some(LogicalType::String)).build()
        }
        Kind::Integer => primitive(Physical::INT64, None).build(),
        Kind::Boolean => primitive(Physical::BOOLEAN, None).build(),
        Kind::Date => primitive(Physical::INT32, Some(LogicalType::Date)).build(),
        Kind::Timestamp => {
            let logical = LogicalType::timestamp(true, TimeUnit::MICROS);
            primitive(Physical::INT64, Some(logical)).build()
        }
        Kind::Decimal { precision, scale } => {
            let (precision, scale) = (i32::from(precision), i32::from(scale));
            let logical = Some(LogicalType::decimal(scale, precision));
            let builder = if precision <= i32::from(SHORT) {
                primitive(Physical::INT64, logical)
            } else {
                let length = i32::try_from(LONG).unwrap_or_default();
                primitive(Physical::FIXED_LEN_BYTE_ARRAY, logical).with_length(length)
            };
            builder.with_precision(precision).with_scale(scale).build()
        }
        Kind::Texts => list(name, repetition),
    }
}

fn list(name: &str, repetition: Repetition) -> Result<Type, ParquetError> {
    let element = Type::primitive_type_builder("element", Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String))
        .build()?;
    let items = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(items)])
        .build()
}

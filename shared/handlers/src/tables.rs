//! Models as SQL sees them.

use lake::ModelTable;
use lake::curated::Kind;
use model::ModelName;
use normalize::Model;

/// The tables and views of a model.
pub fn model_table(name: &ModelName, model: &Model) -> ModelTable {
    let fields = fields(model).map(|(name, kind)| (name.to_owned(), kind));
    ModelTable::new(name, fields, model.rules.is_some())
}

/// A model's fields as columns.
pub(crate) fn fields(model: &Model) -> impl Iterator<Item = (&str, Kind)> {
    model.fields.iter().map(|field| (field.name.as_str(), kind(field.kind)))
}

fn kind(kind: normalize::Kind) -> Kind {
    match kind {
        normalize::Kind::Text => Kind::Text,
        normalize::Kind::Integer => Kind::Integer,
        normalize::Kind::Decimal { precision, scale } => Kind::Decimal { precision, scale },
        normalize::Kind::Boolean => Kind::Boolean,
        normalize::Kind::Timestamp => Kind::Timestamp,
        normalize::Kind::Date => Kind::Date,
        normalize::Kind::Json => Kind::Json,
        normalize::Kind::Texts => Kind::Texts,
    }
}

//! What statements can name.

use lake::ddl::trino_type;
use lake::table::OWN_COLUMNS;
use lake::{MODEL_COLUMNS, ModelTable, StreamTable, THING_COLUMNS};

use super::{Configuration, Error};
use crate::tables::model_table;

/// A view, and its columns in order: names and SQL types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<(String, String)>,
}

impl Relation {
    /// The latest-row view of a stream.
    fn of_stream(table: &StreamTable) -> Self {
        let kind = |kind| match kind {
            lake::Kind::Text | lake::Kind::Json => "varchar",
            lake::Kind::Integer => "bigint",
            lake::Kind::Number => "decimal(38, 18)",
            lake::Kind::Boolean => "boolean",
        };
        let fields = table.columns.iter().map(|c| (c.name.clone(), kind(c.kind).to_owned()));
        let own = OWN_COLUMNS.map(|name| (name.to_owned(), "varchar".to_owned()));
        Self { name: table.name.clone(), columns: fields.chain(own).collect() }
    }

    /// The views of a model: what people ask for, and the rows of its sources where they merge.
    fn of_model(table: &ModelTable) -> Vec<Self> {
        let view = |name: String, own: &[&str]| {
            let fields = table.fields.iter().map(|(name, kind)| (name.clone(), trino_type(*kind)));
            let own = own.iter().map(|name| ((*name).to_owned(), own_type(name).to_owned()));
            Self { name, columns: fields.chain(own).collect() }
        };
        let rows = view(table.records_view(), &MODEL_COLUMNS);
        let things = table.merges.then(|| view(table.name.clone(), &THING_COLUMNS));
        things.into_iter().chain([rows]).collect()
    }
}

/// The type of a column of ours.
fn own_type(name: &str) -> &'static str {
    match name {
        "_place" | "_line" | "_version" | "_number" => "bigint",
        _ => "varchar",
    }
}

impl Configuration {
    /// The streams of all sources as SQL sees them, under the names that statements use.
    pub async fn stream_tables(&self) -> Result<Vec<StreamTable>, Error> {
        let mut tables = Vec::new();
        for source in self.sources().await? {
            for outline in self.outlines(&source).await? {
                let (stream, key) = (&outline.name, &outline.primary_key);
                tables.push(StreamTable::new(&source, stream, key, &outline.schema));
            }
        }
        StreamTable::tell_apart(&mut tables);
        Ok(tables)
    }

    /// The models as SQL sees them.
    pub async fn model_tables(&self) -> Result<Vec<ModelTable>, Error> {
        let mut tables = Vec::new();
        for name in self.models().await? {
            tables.push(model_table(&name, self.model(&name).await?.as_ref()));
        }
        Ok(tables)
    }

    /// The views that people query: one a stream, one a model, and one more for models that merge.
    pub async fn relations(&self) -> Result<Vec<Relation>, Error> {
        let streams = self.stream_tables().await?;
        let models = self.model_tables().await?;
        let streams = streams.iter().map(Relation::of_stream);
        Ok(streams.chain(models.iter().flat_map(Relation::of_model)).collect())
    }
}

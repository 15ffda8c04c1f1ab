//! `infra/sql/` holds the statements for the sample pipeline's streams and models, exactly as they
//! render.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use handlers::tables::model_table;
use lake::ddl::{Catalog, athena, athena_model};
use lake::{ModelTable, StreamTable};
use model::document::Document;
use normalize::Model;
use serde_json::Value;

const HEADER: &str = "\
-- Athena's statements for one stream of the sample pipeline, as `lake` renders them from its
-- manifest. Fill in ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated,
-- ${Tenants} and ${Connections}; run the statements one by one.
";

const MODEL_HEADER: &str = "\
-- Athena's statements for one standard model, as `lake` renders them from its file. Fill in
-- ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated, ${Tenants}; run the
-- statements one by one.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Follows the references that the sample manifests use: to a whole value of the same file.
fn resolved(value: &Value, manifest: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut all = match fields.get("$ref").and_then(Value::as_str) {
                Some(reference) => {
                    let target = manifest.pointer(reference.trim_start_matches('#')).unwrap();
                    resolved(target, manifest)
                }
                None => Value::Object(serde_json::Map::new()),
            };
            for (name, value) in fields.iter().filter(|(name, _)| *name != "$ref") {
                all[name] = resolved(value, manifest);
            }
            all
        }
        Value::Array(items) => items.iter().map(|item| resolved(item, manifest)).collect(),
        other => other.clone(),
    }
}

/// The primary key of a sample stream: a list of names.
fn key(stream: &Value) -> Vec<Vec<String>> {
    let names = stream["primary_key"].as_array().unwrap();
    names.iter().map(|name| vec![name.as_str().unwrap().to_owned()]).collect()
}

fn tables(source: &str, file: &Path) -> Vec<StreamTable> {
    let text = std::fs::read_to_string(file).unwrap();
    let manifest = Document::parse(source, &text).unwrap().root.to_json();
    let streams = resolved(&manifest["streams"], &manifest);
    let table = |stream: &Value| {
        let name = stream["name"].as_str().unwrap().parse().unwrap();
        let schema = &stream["schema_loader"]["schema"];
        StreamTable::new(&source.parse().unwrap(), &name, &key(stream), schema)
    };
    streams.as_array().unwrap().iter().map(table).collect()
}

/// The tables of the shipped models.
fn models() -> Vec<ModelTable> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let model = Model::parse(&Document::parse("model", &text).unwrap()).unwrap();
        model_table(&name, &model)
    };
    std::fs::read_dir(root().join("config/models")).unwrap().map(read).collect()
}

fn rendered() -> BTreeMap<String, String> {
    let catalog = Catalog {
        database: "${Database}".to_owned(),
        root: "s3://${LakeBucket}/".to_owned(),
        tenants: "${Tenants}".to_owned(),
        connections: "${Connections}".to_owned(),
        first_month: "${FirstMonth}".to_owned(),
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("config/sources")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap();
        let Some(source) = name.strip_suffix(".yaml").filter(|s| !s.ends_with(".headwater")) else {
            continue;
        };
        for table in tables(source, &file) {
            let statements = athena(&table, &catalog).join(";\n\n");
            files.insert(format!("{}.sql", table.name), format!("{HEADER}\n{statements};\n"));
        }
    }
    for table in models() {
        let statements = athena_model(&table, &catalog).join(";\n\n");
        files.insert(format!("{}.sql", table.name), format!("{MODEL_HEADER}\n{statements};\n"));
    }
    files
}

#[test]
fn the_shipped_statements_are_the_rendered_ones() {
    let folder = root().join("infra/sql");
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sql");
    std::fs::create_dir_all(&fresh).unwrap();
    let rendered = rendered();
    let mut stale = Vec::new();
    for (file, text) in &rendered {
        if std::fs::read_to_string(folder.join(file)).ok().as_ref() != Some(text) {
            std::fs::write(fresh.join(file), text).unwrap();
            stale.push(file.clone());
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} of infra/sql differ from what renders now; when that is meant, copy them from {}",
        fresh.display()
    );
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(rendered.contains_key(&file), "infra/sql/{file} belongs to no sample stream");
    }
}

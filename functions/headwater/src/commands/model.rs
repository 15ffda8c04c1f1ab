//! `headwater model`: standard models, tried on records before anything is made of them.

pub(super) mod records;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use model::document::{Document, suggest};
use normalize::{Fact, Model as Compiled, Reader, Refusal, Row, Sink, Source, Tally};
use serde_json::{Value, json};

use self::records::Records;
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Shows which rows records become, what stays in `_extra`, what is refused and why; writes
    /// nothing.
    Try(Try),
}

/// What is tried.
#[derive(Debug, clap::Args)]
pub(crate) struct Try {
    /// A model of the configuration folder, or the path of a model file.
    model: String,

    /// Records, one a line: landing lines or records as the source gives them; `.zst` and `.gz`
    /// are unpacked. A file that ends in `.json` may also hold one list of records, or records
    /// over several lines.
    #[arg(long)]
    from: PathBuf,

    /// `<source>/<stream>` that the records are of; needed when the model has several.
    #[arg(long)]
    source: Option<String>,

    /// Rows and refusals that are shown; all are counted.
    #[arg(long, default_value_t = 20)]
    limit: u64,
}

/// Runs one of them.
pub(crate) async fn run(command: Model, places: &Places, console: Console) -> Result<(), Failure> {
    match command {
        Model::Try(wanted) => attempt(&wanted, places, console).await,
    }
}

async fn attempt(wanted: &Try, places: &Places, console: Console) -> Result<(), Failure> {
    let model = compiled(&wanted.model, places).await?;
    let source = chosen(&model, wanted.source.as_deref())?;
    let mut reader = model
        .reader(source.source.as_str(), source.stream.as_str())
        .ok_or_else(|| Failure::Input("the model has no such source".to_owned()))?;
    let mut show = Show { console, model: &model, left: wanted.limit, line: 0, failure: None };
    let mut total = Tally::default();
    let mut records = Records::open(&wanted.from)?;
    let mut count = 0;
    while let Some((line, record)) = records.next()? {
        show.line = line;
        count += 1;
        let tally = match reader.rows(record, &mut show) {
            Ok(tally) => tally,
            Err(refusal) => {
                show.refused(&refusal);
                Tally { refused: 1, ..Tally::default() }
            }
        };
        total.rows += tally.rows;
        total.refused += tally.refused;
        total.nulled += tally.nulled;
        if let Some(failure) = show.failure.take() {
            return Err(failure);
        }
    }
    drift(&reader, console)?;
    console.emit(&json!({"ok": true, "records": count, "rows": total.rows,
        "quarantined": total.refused, "nulled": total.nulled, "tombstones": records.tombstones()}))?;
    console.say(format!(
        "{count} records: {} rows, {} quarantined, {} values left out",
        total.rows, total.refused, total.nulled
    ))
}

/// The model of that name, or in the file of that path.
async fn compiled(name: &str, places: &Places) -> Result<std::sync::Arc<Compiled>, Failure> {
    if Path::new(name).extension().is_some_and(|ending| ending == "yaml") {
        let text = std::fs::read_to_string(name)
            .map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        let document = Document::parse(name, &text).map_err(|fault| vec![fault])?;
        return Ok(Compiled::parse(&document)?.into());
    }
    let configuration = folder::configuration(places)?;
    let name = name.parse().map_err(|error: model::IdError| Failure::Input(error.to_string()))?;
    folder::named(places, configuration.model(&name).await)
}

/// The source that was named, or the only one that there is.
fn chosen<'m>(model: &'m Compiled, wanted: Option<&str>) -> Result<&'m Source, Failure> {
    let names: Vec<String> =
        model.sources.iter().map(|s| format!("{}/{}", s.source, s.stream)).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let there = known.join(", ");
    let found = match (wanted, model.sources.as_slice()) {
        (Some(wanted), all) => {
            names.iter().position(|name| name == wanted).and_then(|n| all.get(n))
        }
        (None, [only]) => return Ok(only),
        (None, _) => {
            let message =
                format!("the model is made from several sources: add --source, one of {there}");
            return Err(Failure::Input(message));
        }
    };
    found.ok_or_else(|| {
        let wanted = wanted.unwrap_or_default();
        let near = suggest(wanted, &known).map(|name| format!(", did you mean `{name}`?"));
        let near = near.unwrap_or_default();
        Failure::Input(format!("the model is not made from `{wanted}`{near}; there are: {there}"))
    })
}

fn drift(reader: &Reader<'_>, console: Console) -> Result<(), Failure> {
    let facts = reader.drift();
    for fact in &facts {
        console.emit(&json!({ "drift": fact }))?;
    }
    if facts.is_empty() {
        return Ok(());
    }
    console.say("drift: what differs from the model")?;
    let row = |fact: &Fact| {
        vec![
            fact.kind.as_str().to_owned(),
            fact.path.clone(),
            fact.found.to_string(),
            fact.expected.to_string(),
            fact.values.to_string(),
        ]
    };
    let rows: Vec<_> = facts.iter().map(row).collect();
    console.table(&["kind", "path", "found", "expected", "values"], &rows)?;
    console.say("")
}

/// Prints what comes, as far as it is wanted.
struct Show<'m> {
    console: Console,
    model: &'m Compiled,
    left: u64,
    line: u64,
    failure: Option<Failure>,
}

impl Show<'_> {
    fn print(&mut self, machine: &Value, people: &[String]) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let said = self.console.emit(machine).and_then(|()| self.console.say(people.join("\n")));
        self.failure = said.err();
    }

    fn place(&self, place: Option<u32>) -> String {
        match place {
            Some(place) => format!("line {}, item {place}", self.line),
            None => format!("line {}", self.line),
        }
    }
}

impl Sink for Show<'_> {
    fn row(&mut self, row: &Row<'_>) {
        let machine = json!({"line": self.line, "place": row.place, "row": row.fields(self.model),
            "_extra": row.extra, "nulled": row.nulled});
        let mut people = vec![format!("{}: a row", self.place(row.place))];
        let there = self.model.fields.iter().zip(row.cells).filter(|(_, cell)| !cell.is_null());
        people.extend(there.map(|(field, cell)| format!("  {:<24} {cell}", field.name)));
        people.push(format!("  {:<24} {}", "_extra", row.extra));
        people.extend(row.nulled.iter().map(|violation| format!("  left out: {violation}")));
        self.print(&machine, &people);
    }

    fn refused(&mut self, refusal: &Refusal) {
        let machine = json!({"line": self.line, "quarantined": refusal});
        let mut people = vec![format!("{}: quarantined", self.place(refusal.place))];
        people.extend(refusal.violations.iter().map(|violation| format!("  {violation}")));
        self.print(&machine, &people);
    }
}

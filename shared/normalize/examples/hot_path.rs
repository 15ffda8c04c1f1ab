//! What records cost on their way to rows: `cargo run --profile demo -p normalize --example
//! hot_path MODEL.yaml SOURCE/STREAM RECORDS.ndjson`. Prints rows and speed of some rounds.

#![expect(clippy::disallowed_methods, reason = "a measurement asks the real clock")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use model::document::Document;
use normalize::{Model, Refusal, Row, Sink};

#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn row(&mut self, row: &Row<'_>) {
        self.0 += 1;
        black_box((row.cells, row.extra));
    }

    fn refused(&mut self, refusal: &Refusal) {
        black_box(refusal);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, source, records] = args.as_slice() else {
        return Err("usage: hot_path MODEL.yaml SOURCE/STREAM RECORDS.ndjson".into());
    };
    let document = Document::parse(model, &std::fs::read_to_string(model)?)?;
    let model = Model::parse(&document).map_err(|faults| format!("{faults:?}"))?;
    let (source, stream) = source.split_once('/').ok_or("a source is SOURCE/STREAM")?;
    let records = std::fs::read(records)?;
    for _ in 0..5 {
        let mut reader = model.reader(source, stream).ok_or("the model has no such source")?;
        let mut count = Count::default();
        let start = Instant::now();
        for record in records.split(|byte| *byte == b'\n').filter(|record| !record.is_empty()) {
            reader.rows(record, &mut count)?;
        }
        let spent = start.elapsed();
        let speed = records.len() as u128 * 1_000 / spent.as_nanos().max(1);
        let each = spent.as_nanos() / u128::from(reader.counts().0.max(1));
        println!("{} rows, {speed} MB/s, {each} ns a record", count.0);
    }
    Ok(())
}

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;

use super::*;

fn read(object: &Curated) -> Vec<Vec<(String, Field)>> {
    let reader = SerializedFileReader::new(object.body.clone()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let row = |row: parquet::record::Row| {
        row.get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect()
    };
    rows.map(|found| row(found.unwrap())).collect()
}

fn columns() -> Vec<Column> {
    vec![
        Column::required("id", Kind::Text),
        Column::optional("n", Kind::Integer),
        Column::optional("price", Kind::Decimal { precision: 18, scale: 2 }),
        Column::optional("mass", Kind::Decimal { precision: 38, scale: 9 }),
        Column::optional("paid", Kind::Boolean),
        Column::optional("at", Kind::Timestamp),
        Column::optional("day", Kind::Date),
        Column::optional("tags", Kind::Texts),
        Column::required("_extra", Kind::Json),
    ]
}

#[test]
fn rows_are_read_again_by_another_reader() {
    let mut writer = CuratedWriter::new(&columns()).unwrap();
    let tags = [Cow::Borrowed("new"), Cow::Borrowed("red")];
    let at = "2024-03-01T12:30:00.123456Z".parse().unwrap();
    let full = [
        Value::Text("a"),
        Value::Integer(-7),
        Value::Decimal(25_000),
        Value::Decimal(-1),
        Value::Boolean(true),
        Value::Timestamp(at),
        Value::Date(Date::constant(1969, 12, 31)),
        Value::Texts(&tags),
        Value::Text("{\"x\":1.50}"),
    ];
    writer.write(full).unwrap();
    let mut bare = [Value::Null; 9];
    (bare[0], bare[7], bare[8]) = (Value::Text("ä"), Value::Texts(&[]), Value::Text("{}"));
    writer.write(bare).unwrap();
    (bare[0], bare[7]) = (Value::Text(""), Value::Null);
    writer.write(bare).unwrap();
    let object = writer.finish().unwrap();
    let text: Vec<String> = read(&object)
        .iter()
        .map(|row| row.iter().map(|(n, f)| format!("{n}={f}")).collect::<Vec<_>>().join(" "))
        .collect();
    let none = "n=null price=null mass=null paid=null at=null day=null";
    assert_eq!(
        text,
        [
            "id=\"a\" n=-7 price=250.00 mass=-0.000000001 paid=true \
             at=2024-03-01 12:30:00.123456 +00:00 day=1969-12-31 tags=[\"new\", \"red\"] \
             _extra=\"{\"x\":1.50}\""
                .to_owned(),
            format!("id=\"ä\" {none} tags=[] _extra=\"{{}}\""),
            format!("id=\"\" {none} tags=null _extra=\"{{}}\""),
        ]
    );
    assert_eq!(object.rows, 3);
}

#[test]
fn a_value_that_its_column_cannot_hold_is_refused_by_name() {
    let refused = |column: Column, value: Value<'_>| {
        let mut writer = CuratedWriter::new(&[column]).unwrap();
        writer.write([value]).unwrap_err().to_string()
    };
    let column = Column::required("id", Kind::Text);
    assert_eq!(refused(column.clone(), Value::Null), "column `id` is Text and cannot hold nothing");
    assert_eq!(
        refused(column, Value::Integer(1)),
        "column `id` is Text and cannot hold an integer"
    );
    let price = Column::optional("price", Kind::Decimal { precision: 18, scale: 2 });
    let found = refused(price, Value::Decimal(i128::MAX));
    assert!(found.ends_with("cannot hold a longer decimal"), "{found}");
}

#[test]
fn a_row_of_another_length_is_refused() {
    let mut writer = CuratedWriter::new(&columns()).unwrap();
    let error = writer.write([Value::Text("a")]).unwrap_err();
    assert_eq!(error.to_string(), "a row has 1 values, there are 9 columns");
}

#[test]
fn many_rows_become_several_row_groups() {
    let columns = [Column::required("text", Kind::Json)];
    let mut writer = CuratedWriter::new(&columns).unwrap();
    let text = "x".repeat(1 << 20);
    for _ in 0..40 {
        writer.write([Value::Text(&text)]).unwrap();
    }
    assert!(writer.size() < 16 << 20, "what is compressed is not held any more");
    let object = writer.finish().unwrap();
    let reader = SerializedFileReader::new(object.body.clone()).unwrap();
    assert_eq!((reader.metadata().num_row_groups(), object.rows), (2, 40));
}

proptest! {
    #[test]
    fn whatever_is_written_is_read(
        rows in proptest::collection::vec(
            (any::<Option<i64>>(), any::<Option<bool>>(),
             proptest::option::of(proptest::collection::vec(".{0,6}", 0..4))),
            0..40,
        ),
    ) {
        let columns = [
            Column::optional("n", Kind::Integer),
            Column::optional("b", Kind::Boolean),
            Column::optional("t", Kind::Texts),
        ];
        let mut writer = CuratedWriter::new(&columns).unwrap();
        for (n, b, t) in &rows {
            let texts: Option<Vec<Cow<'_, str>>> =
                t.as_ref().map(|t| t.iter().map(|t| Cow::Borrowed(t.as_str())).collect());
            writer.write([
                n.map_or(Value::Null, Value::Integer),
                b.map_or(Value::Null, Value::Boolean),
                texts.as_deref().map_or(Value::Null, Value::Texts),
            ]).unwrap();
        }
        let object = writer.finish().unwrap();
        let found = read(&object);
        prop_assert_eq!(found.len(), rows.len());
        for (row, (n, b, t)) in found.iter().zip(&rows) {
            prop_assert_eq!(&row[0].1, &n.map_or(Field::Null, Field::Long));
            prop_assert_eq!(&row[1].1, &b.map_or(Field::Null, Field::Bool));
            match (&row[2].1, t) {
                (Field::Null, None) => {}
                (Field::ListInternal(list), Some(texts)) => {
                    let expected: Vec<Field> = texts.iter().cloned().map(Field::Str).collect();
                    prop_assert_eq!(list.elements(), expected.as_slice());
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

#[test]
fn rows_are_read_back_as_they_were_written() {
    let mut writer = CuratedWriter::new(&columns()).unwrap();
    let tags = [Cow::Borrowed("new"), Cow::Borrowed("")];
    let full = [
        Value::Text("a"),
        Value::Integer(-7),
        Value::Decimal(25_000),
        Value::Decimal(-1),
        Value::Boolean(true),
        Value::Timestamp("1969-03-01T12:30:00.123456Z".parse().unwrap()),
        Value::Date(Date::constant(1969, 12, 31)),
        Value::Texts(&tags),
        Value::Text("{\"x\":1.50}"),
    ];
    let mut bare = [Value::Null; 9];
    (bare[0], bare[7], bare[8]) = (Value::Text("ä"), Value::Texts(&[]), Value::Text("{}"));
    let mut none = bare;
    none[7] = Value::Null;
    for row in [full, bare, none, full] {
        writer.write(row).unwrap();
    }
    let object = writer.finish().unwrap();
    let mut asked = columns();
    asked.reverse();
    asked.push(Column::optional("new", Kind::Integer));
    let reader = CuratedReader::new(object.body, &asked).unwrap();
    let mut read = Vec::new();
    let row = |row: &[Value<'_>]| {
        read.push(format!("{row:?}"));
        Ok::<(), CuratedError>(())
    };
    reader.for_each(row).unwrap();
    let told = |row: [Value<'_>; 9]| {
        let values: Vec<Value<'_>> = row.into_iter().rev().chain([Value::Null]).collect();
        format!("{values:?}")
    };
    assert_eq!(read, [full, bare, none, full].map(told));
}

#[test]
fn a_column_of_another_type_is_not_read_as_what_it_is_not() {
    let mut writer = CuratedWriter::new(&[Column::optional("n", Kind::Integer)]).unwrap();
    writer.write([Value::Integer(1)]).unwrap();
    let body = writer.finish().unwrap().body;
    for kind in [Kind::Text, Kind::Timestamp, Kind::Decimal { precision: 18, scale: 2 }] {
        let refused = CuratedReader::new(body.clone(), &[Column::optional("n", kind)]);
        assert!(matches!(refused, Err(CuratedError::Retyped { .. })), "{kind:?}");
    }
}

//! What a statement does, told from its first word.

/// Whether a statement reads and does nothing else. What a word not listed here does is not
/// looked into.
pub(super) fn reads(sql: &str) -> bool {
    let mut words = words(sql);
    match words.next().as_deref() {
        Some("SELECT" | "WITH" | "VALUES" | "TABLE" | "SHOW" | "DESCRIBE" | "DESC") => true,
        // EXPLAIN ANALYZE runs what it explains.
        Some("EXPLAIN") => words.next().as_deref() != Some("ANALYZE"),
        _ => false,
    }
}

/// The first words of a statement, in capitals, without comments and brackets.
fn words(sql: &str) -> impl Iterator<Item = String> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else {
                break;
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_ascii_uppercase())
    })
}

/// A text as a literal of SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_read_are_told_from_others() {
        for sql in [
            "select 1",
            " \n(SELECT 1) UNION (SELECT 2)",
            "-- all of them\nwith a as (select 1) select * from a",
            "/* x */ values 1",
            "show tables",
            "explain select 1",
        ] {
            assert!(reads(sql), "{sql}");
        }
        for sql in [
            "",
            "-- select",
            "drop table a",
            "insert into a select 1",
            "unload (select 1) to 's3://elsewhere/'",
            "explain analyze insert into a select 1",
            "selected",
            "create table a as select 1",
        ] {
            assert!(!reads(sql), "{sql}");
        }
    }

    #[test]
    fn a_quote_does_not_end_a_literal() {
        assert_eq!(literal("s3://b/o'brien/"), "'s3://b/o''brien/'");
    }
}

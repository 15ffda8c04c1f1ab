//! Limits: numbers of bytes, of records, of errors.

use model::config::{At, Decoder};

use super::super::Limits;

const LIMITS: &[&str] = &[
    "min_bytes",
    "max_bytes",
    "max_unpacked_bytes",
    "max_ratio",
    "max_records",
    "max_record_bytes",
    "max_error_pct",
    "max_errors",
];

pub(super) fn limits(d: &mut Decoder<'_>, at: &At<'_>) -> Limits {
    let default = Limits::default();
    if !d.names(at, LIMITS) {
        return default;
    }
    let mut size = |name: &str, otherwise: u64, low: u64| {
        at.field(name).and_then(|at| size(d, &at, low)).unwrap_or(otherwise)
    };
    let limits = Limits {
        min_bytes: size("min_bytes", default.min_bytes, 0),
        max_bytes: size("max_bytes", default.max_bytes, 1),
        max_unpacked_bytes: size("max_unpacked_bytes", default.max_unpacked_bytes, 1),
        max_ratio: size("max_ratio", default.max_ratio, 1),
        max_records: size("max_records", default.max_records, 1),
        max_record_bytes: usize::try_from(size("max_record_bytes", 1 << 20, 16)).unwrap_or(1 << 20),
        max_errors: size("max_errors", default.max_errors, 0),
        max_error_pct: default.max_error_pct,
    };
    if limits.min_bytes > limits.max_bytes {
        d.fault(at, "`min_bytes` is more than `max_bytes`");
    }
    if limits.max_record_bytes > MAX_RECORD {
        d.fault(at, format!("`max_record_bytes` is at most {MAX_RECORD}"));
    }
    let percentage = at.field("max_error_pct").and_then(|at| percentage(d, &at));
    Limits { max_error_pct: percentage.unwrap_or(default.max_error_pct), ..limits }
}

/// Most bytes that a record may ever have: parts hold 4 MiB.
const MAX_RECORD: usize = 4 << 20;

/// A whole number, or one with a unit: `10MiB`, `2GB`.
fn size(d: &mut Decoder<'_>, at: &At<'_>, low: u64) -> Option<u64> {
    const UNITS: &[(&str, u64)] = &[
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("", 1),
    ];
    let text = d.text(at)?;
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let number = number.parse::<u64>().ok().zip(unit);
    let number = number.and_then(|(number, (_, unit))| number.checked_mul(*unit));
    let number = number.filter(|number| *number >= low);
    if number.is_none() {
        d.fault(at, format!("accepted is a number of at least {low}, such as 5000, 10MiB, 2GB"));
    }
    number
}

fn percentage(d: &mut Decoder<'_>, at: &At<'_>) -> Option<f64> {
    let number = d.text(at)?.parse::<f64>().ok().filter(|number| (0.0..=100.0).contains(number));
    if number.is_none() {
        d.fault(at, "accepted is a number from 0 to 100");
    }
    number
}

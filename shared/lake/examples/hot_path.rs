//! How long a record takes from a page to a part: `cargo run --profile demo -p lake --example
//! hot_path`. Prints nanoseconds a record, in the best of some rounds, and bytes stored, for each
//! codec.

#![expect(clippy::disallowed_methods, reason = "a measurement asks the real clock")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::time::Instant;

use lake::{Codec, LineContext, LineHeader, PartWriter};
use model::{CursorValue, Timestamp};

/// Records of about the size and shape of Rutter's orders.
fn page(number: u64, size: u64) -> Vec<String> {
    let item = |n: u64| {
        format!(
            "{{\"id\":\"li-{n}\",\"product_id\":\"p-{}\",\"title\":\"A thing of \\\"note\\\" \
             {n}\",\"quantity\":{},\"price\":{}.50,\"sku\":null}}",
            n % 97,
            n % 5,
            n % 300
        )
    };
    let record = |n: u64| {
        let items: Vec<String> = (0..4).map(|k| item(n * 7 + k)).collect();
        format!(
            "{{\"id\":\"6f1c{n:012}\",\"platform_id\":\"{n}\",\"status\":\"active\",\
             \"payment_status\":\"paid\",\"total_price\":{}.00,\"iso_currency_code\":\"USD\",\
             \"customer\":{{\"id\":\"c-{}\",\"email\":\"someone@example.com\"}},\
             \"line_items\":[{}],\"updated_at\":\"2024-05-01T07:15:22.123Z\"}}",
            n % 900,
            n % 1000,
            items.join(",")
        )
    };
    (number * size..(number + 1) * size).map(record).collect()
}

/// Writes all pages into parts; gives the bytes stored.
fn write(pages: &[Vec<String>], codec: Codec) -> Result<usize, Box<dyn std::error::Error>> {
    let request_start: Timestamp = "2024-05-01T07:15:22.123Z".parse()?;
    let cursor = CursorValue::Instant(request_start);
    let mut writer = PartWriter::new(codec, 8 << 20)?;
    let mut stored = 0;
    for (number, page) in (1..).zip(pages) {
        let header = LineHeader::new(&LineContext {
            tenant: &"bluebird".parse()?,
            connection: &"shop".parse()?,
            stream: &"orders".parse()?,
            run: &"0192f0c1".parse()?,
            request_start,
            slice: "e3b0c442.20240501T000000000000000Z",
            page: number,
        });
        for (ordinal, record) in (0..).zip(page) {
            writer.write(&header, ordinal, Some(&cursor), record.as_bytes())?;
        }
        if writer.is_full() {
            stored += writer.finish()?.map_or(0, |part| part.body.len());
        }
    }
    Ok(stored + writer.finish()?.map_or(0, |part| part.body.len()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pages: Vec<Vec<String>> = (0..20).map(|number| page(number, 500)).collect();
    let records: usize = pages.iter().map(Vec::len).sum();
    let bytes: usize = pages.iter().flatten().map(String::len).sum();
    println!("{records} records, {} bytes each", bytes / records);
    for codec in Codec::ALL {
        let (mut best, mut stored) = (u128::MAX, 0);
        for _ in 0..20 {
            let begin = Instant::now();
            stored = write(&pages, codec)?;
            best = best.min(begin.elapsed().as_nanos());
        }
        let each = best / records as u128;
        println!("{codec:?}: {each} ns a record, {} bytes stored each", stored / records);
    }
    Ok(())
}

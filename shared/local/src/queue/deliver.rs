//! One delivery.

use jiff::Timestamp;
use ports::{DELIVERY_LIMIT, Received};
use rusqlite::{Row, Transaction, params};

use crate::database::{DatabaseError, instant};

/// What a receive asks for; instants in nanoseconds.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) queue: String,
    pub(super) dead: Option<String>,
    pub(super) max: usize,
    pub(super) now: i64,
    pub(super) hidden: i64,
}

/// Messages that were delivered too often leave for the dead-letter queue.
const BURY: &str = "UPDATE message SET queue = ?3, receives = 0, not_before = NULL \
     WHERE queue = ?1 AND visible <= ?2 AND receives >= ?4";

/// The oldest messages of each group, behind as many places as the group has in work.
const CHOOSE: &str = "
    WITH in_work AS (
        SELECT fair_group, count(*) AS held FROM message
        WHERE queue = ?1 AND visible > ?2 AND receives > 0 GROUP BY fair_group
    )
    SELECT id FROM message LEFT JOIN in_work USING (fair_group)
    WHERE queue = ?1 AND visible <= ?2
    ORDER BY coalesce(held, 0)
             + row_number() OVER (PARTITION BY fair_group ORDER BY message.id), id
    LIMIT ?3";

const TAKE: &str = "UPDATE message SET receives = receives + 1, visible = ?2 WHERE id = ?1
    RETURNING id, fair_group, body, attributes, receives, not_before";

/// Takes messages and hides them.
pub(super) fn deliver(
    transaction: &Transaction<'_>,
    delivery: &Delivery,
) -> Result<Vec<Received>, DatabaseError> {
    let Delivery { queue, dead, max, now, hidden } = delivery;
    if let Some(dead) = dead {
        let values = params![queue, now, dead, DELIVERY_LIMIT];
        transaction.prepare_cached(BURY)?.execute(values)?;
    }
    let max = i64::try_from(*max).unwrap_or(i64::MAX);
    let mut choose = transaction.prepare_cached(CHOOSE)?;
    let chosen = choose.query_map(params![queue, now, max], |row| row.get::<_, i64>(0))?;
    let mut take = transaction.prepare_cached(TAKE)?;
    let mut received = Vec::new();
    for id in chosen.collect::<rusqlite::Result<Vec<i64>>>()? {
        let (message, attributes) = take.query_row(params![id, hidden], read)?;
        let attributes = serde_json::from_str(&attributes)
            .map_err(|_| DatabaseError::Corrupt { what: "message attribute" })?;
        received.push(Received { attributes, ..message });
    }
    Ok(received)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Received, String)> {
    let (id, receives): (i64, u32) = (row.get(0)?, row.get(4)?);
    let message = Received {
        id: id.to_string(),
        receipt: format!("{id}.{receives}"),
        body: row.get(2)?,
        group: row.get(1)?,
        attributes: std::collections::BTreeMap::new(),
        receives,
        not_before: row.get::<_, Option<i64>>(5)?.map(instant) as Option<Timestamp>,
    };
    Ok((message, row.get(3)?))
}

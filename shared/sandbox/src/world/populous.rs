//! Orders that are computed when they are asked for, so that a merchant may have millions.

use super::{Filter, Row, Sort, World, seeding};
use crate::account::{Account, Stream};
use crate::generate::{Draft, Population, render};
use crate::tick::Tick;

impl World {
    /// When computed order `ordinal` last changed: they are spread evenly over the world's days.
    fn computed_instant(&self, ordinal: i64) -> Tick {
        let from = seeding::since(self.born).millis();
        let span = i128::from(self.born.millis() - from);
        let offset = span * i128::from(ordinal) / i128::from(self.computed_orders.max(1));
        Tick::from_millis(from + i64::try_from(offset).unwrap_or(0))
    }

    /// The first ordinal whose instant is not before `at`.
    fn computed_lower_bound(&self, at: Tick) -> i64 {
        let (mut low, mut high) = (0, self.computed_orders);
        while low < high {
            let middle = low.midpoint(high);
            if self.computed_instant(middle) < at {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn computed_row(&self, account: &'static Account, ordinal: i64) -> Row {
        let at = self.computed_instant(ordinal);
        let (seed, stream) = (self.seed, Stream::Orders);
        let population = &Population { orders: self.computed_orders, customers: 30, products: 10 };
        let draft = Draft {
            seed,
            account,
            stream,
            ordinal,
            revision: 0,
            created: at,
            updated: at,
            population,
        };
        let rendered = render(&draft);
        Row {
            id: rendered.id,
            facility: String::new(),
            created: at,
            updated: at,
            body: rendered.body,
        }
    }

    /// As for stored rows, except that rows of one instant come in the order of their ordinals.
    pub(super) fn computed_by_change(
        &self,
        filter: &Filter<'_>,
        sort: Sort,
        from: Option<(Tick, &str)>,
        limit: i64,
    ) -> Vec<Row> {
        let first = filter.updated.0.max(filter.created.0);
        let last = filter.updated.1.min(filter.created.1);
        let low = self.computed_lower_bound(first);
        let end = self.computed_lower_bound(last.plus_raw(1));
        let start = from.map(|(at, id)| self.computed_ordinal(filter.account, at, id));
        let ordinals: Vec<i64> = match sort {
            Sort::NewestFirst => {
                let end = start.map_or(end, |start| end.min(start + 1));
                (low.max(end - limit)..end).rev().collect()
            }
            Sort::OldestFirst => {
                let low = start.map_or(low, |start| low.max(start));
                (low..end.min(low + limit)).collect()
            }
        };
        ordinals.into_iter().map(|ordinal| self.computed_row(filter.account, ordinal)).collect()
    }

    fn computed_ordinal(&self, account: &'static Account, at: Tick, id: &str) -> i64 {
        let low = self.computed_lower_bound(at);
        let end = self.computed_lower_bound(at.plus_raw(1));
        (low..end).find(|ordinal| self.computed_row(account, *ordinal).id == id).unwrap_or(low)
    }
}

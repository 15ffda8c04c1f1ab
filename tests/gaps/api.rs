//! An API over a list of rows that pages, filters and fails as real ones do, and its manifest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};
use serde_json::{Value, json};

use crate::shape::{Between, During, Paging, Quirk, Row, Shape, Told};

pub const DAY: i64 = 24 * 3600;

#[derive(Debug)]
pub struct Api {
    pub shape: Shape,
    pub start: i64,
    pub rows: Mutex<Vec<Row>>,
    pub clock: Arc<dyn Clock>,
    pub calls: AtomicU64,
}

/// What a request asks for.
#[derive(Debug, Default)]
struct Asked {
    part: Option<usize>,
    since: Option<i64>,
    until: Option<i64>,
    token: Option<String>,
}

impl Api {
    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    pub fn rows(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(rows: &[Row]) -> u64 {
        rows.iter().map(|row| row.id).max().unwrap_or_default() + 1
    }

    /// What happens between two runs.
    pub fn pass(&self) {
        let now = self.now();
        let mut rows = self.rows();
        let last = rows.iter().map(|row| row.at).max().unwrap_or(now);
        let id = Self::next_id(&rows);
        let unit = if self.shape.dates { DAY } else { 1 };
        let new = |n: u64, at: i64| Row { id: id + n, part: 0, at: at - at.rem_euclid(unit) };
        match self.shape.between {
            Between::Nothing => {}
            Between::News => {
                rows.extend((0..7).map(|n| new(n, now - 60)));
                let moved = now - 90 - (now - 90).rem_euclid(unit);
                rows.iter_mut().step_by(9).for_each(|row| row.at = moved);
            }
            Between::SameInstant => rows.extend((0..3).map(|n| new(n, last))),
            Between::Backdated => rows.extend((0..3).map(|n| new(n, now - 9 * DAY))),
            Between::ComeBack => {
                rows.retain(|row| row.id % 5 != 0);
                rows.extend((0..3).map(|n| Row { id: 5 * (n + 1), ..new(0, now - 30) }));
            }
            Between::Touch => {
                let moved = now - 30 - (now - 30).rem_euclid(unit);
                rows.iter_mut().filter(|row| row.at == last).for_each(|row| row.at = moved);
            }
        }
    }

    fn meanwhile(&self) {
        let now = self.now();
        let mut rows = self.rows();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.shape.during {
            During::InsertsAtFirst if call > 20 => {}
            During::Inserts | During::InsertsAtFirst if !call.is_multiple_of(3) => {}
            During::Nothing => {}
            During::Inserts | During::InsertsAtFirst => {
                let id = Self::next_id(&rows);
                rows.push(Row { id, part: 0, at: now - 1 });
            }
            During::Deletes => {
                let first = rows.iter().enumerate().min_by_key(|(_, row)| (row.at, row.id));
                if let Some((index, _)) = first {
                    rows.remove(index);
                }
            }
        }
    }

    /// The rows of a walk, in order.
    fn list(&self, asked: &Asked) -> Vec<Row> {
        let quirk = self.shape.quirk;
        let slip = if let Quirk::Slip(seconds) = quirk { seconds } else { 0 };
        let day = |at: i64| at.div_euclid(DAY) * DAY;
        let rows = self.rows();
        let holds = |row: &&Row| {
            let at = row.at;
            let after = asked.since.is_none_or(|since| match quirk {
                Quirk::NoBounds => true,
                Quirk::AfterStart => at > since,
                Quirk::WholeDays => at >= day(since),
                _ => at >= since + slip,
            });
            let before = asked.until.is_none_or(|until| match quirk {
                Quirk::NoBounds => true,
                Quirk::BeforeEnd => at < until,
                Quirk::WholeDays => at < day(until) + DAY,
                _ => at <= until + slip,
            });
            let recent = match quirk {
                Quirk::Recent(days) => at >= self.now() - days * DAY,
                _ => true,
            };
            after && before && recent && asked.part.is_none_or(|part| row.part == part)
        };
        let mut list: Vec<Row> = rows.iter().filter(holds).cloned().collect();
        list.sort_by_key(|row| (row.at, row.id));
        if self.shape.newest_first {
            list.reverse();
        }
        if let Quirk::Cap(most) = quirk {
            list.truncate(most);
        }
        list
    }

    fn answer(&self, asked: &Asked) -> Response {
        let shape = &self.shape;
        let list = self.list(asked);
        let size = match shape.quirk {
            Quirk::SmallPages(size) => size,
            _ => shape.size,
        };
        let number = |token: &Option<String>| token.as_ref().and_then(|t| t.parse::<usize>().ok());
        let mut start = match shape.paging {
            Paging::None => 0,
            Paging::CountingToken | Paging::Offset => number(&asked.token).unwrap_or_default(),
            Paging::Page => (number(&asked.token).unwrap_or(1) - 1) * size,
            Paging::Token | Paging::FromDate | Paging::AfterDate => {
                self.place(&list, asked.token.as_deref())
            }
        };
        let behind = start >= list.len() && start > 0;
        match shape.quirk {
            Quirk::SamePage => start = 0,
            Quirk::LastAgain if behind => start = (list.len() - 1) / size * size,
            Quirk::NoneBehind if behind => {
                let body = json!({"error": "no such page"}).to_string().into();
                return Response { status: 404, headers: Vec::new(), body };
            }
            _ => {}
        }
        let end = if shape.paging == Paging::None { list.len() } else { start + size };
        let mut page: Vec<&Row> = list.iter().skip(start).take(end - start.min(end)).collect();
        let mut more = end < list.len();
        match shape.quirk {
            Quirk::EmptyPage(number) if start / size == number => page.clear(),
            Quirk::ShortPages => page.retain(|row| row.id % 7 != 0),
            Quirk::PromisesMore | Quirk::LosesLast if end + size >= list.len() => more = false,
            _ => {}
        }
        let promised = more || shape.quirk == Quirk::PromisesMore && end < list.len();
        let token = page.last().filter(|_| more).map(|row| match shape.paging {
            Paging::CountingToken => end.to_string(),
            _ => format!("{}:{}", row.at, row.id),
        });
        let odd = asked.part.is_none_or(|part| part % 2 == 1);
        let token = token.filter(|_| shape.quirk != Quirk::NoToken || odd);
        let circles = shape.quirk == Quirk::Circle && start > 0;
        let token = if circles { Some("0:0".to_owned()) } else { token };
        self.written(&page, (token, promised), list.len())
    }

    /// Where the page after a token begins.
    fn place(&self, list: &[Row], token: Option<&str>) -> usize {
        let Some(token) = token else { return 0 };
        let (at, id) = token.split_once(':').unwrap_or((token, ""));
        let at: i64 = at.parse().unwrap_or_default();
        let key = |row: &Row| match self.shape.paging {
            Paging::FromDate => row.at < at,
            Paging::AfterDate => row.at <= at,
            _ if self.shape.newest_first => {
                (row.at, row.id) >= (at, id.parse().unwrap_or_default())
            }
            _ => (row.at, row.id) <= (at, id.parse().unwrap_or_default()),
        };
        list.iter().take_while(|row| key(row)).count()
    }

    fn written(
        &self,
        page: &[&Row],
        (token, more): (Option<String>, bool),
        all: usize,
    ) -> Response {
        let shape = &self.shape;
        let item = |row: &&Row| {
            let at = Timestamp::from_second(row.at).unwrap();
            let day = at.strftime("%Y-%m-%d").to_string();
            let at = if shape.dates { json!(day) } else { json!(row.at) };
            if shape.alike {
                return json!({"at": at, "country": if row.id.is_multiple_of(3) { "NL" } else { "BE" }});
            }
            json!({"id": row.id, "at": at, "note": "n".repeat(8)})
        };
        let items: Vec<Value> = page.iter().map(item).collect();
        let mut body = json!({"items": items});
        if matches!(shape.paging, Paging::Token | Paging::CountingToken) {
            body["next"] = json!(token);
        }
        if shape.says_more {
            body["meta"] = json!({"has_more": more});
        }
        let mut headers = Vec::new();
        match shape.told {
            Told::No => {}
            Told::Body => body["total"] = json!(all),
            Told::Header => headers.push(("X-Total-Count".to_owned(), all.to_string())),
            Told::Unfiltered => body["total"] = json!(self.rows().len()),
        }
        let mut text = body.to_string();
        if shape.quirk == Quirk::CutOff {
            text.truncate(text.len() / 2);
        }
        Response { status: 200, headers, body: text.into() }
    }
}

#[async_trait]
impl Http for Api {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.meanwhile();
        let url = url::Url::parse(&request.url).unwrap();
        let mut asked = Asked::default();
        for (name, value) in url.query_pairs() {
            let instant = || {
                value.parse().ok().or_else(|| {
                    format!("{value}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::as_second)
                })
            };
            match name.as_ref() {
                "part" => asked.part = value.parse().ok(),
                "since" => asked.since = instant(),
                "until" => asked.until = instant(),
                "token" => asked.token = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(self.answer(&asked))
    }
}

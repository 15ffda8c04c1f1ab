//! `DefaultPaginator`: which page comes next, and how its request says so.

use model::config::PageRule;
use request::interpolation::{Context, EvalError, InterpolatedBoolean, InterpolatedString};
use request::requester::Options;
use request::value::{Selection, Value};

use crate::option::Injection;
use crate::part::{BuildError, Part};
use crate::slice::{Position, PositionKind};

/// How a stream's pages follow each other.
#[derive(Debug)]
pub(crate) struct Paginator {
    strategy: Strategy,
    /// Number of records a full page has, when the manifest says so.
    page_size: Option<Value>,
    size_option: Option<Injection>,
    token_place: TokenPlace,
    /// Where pages end, as the overlay has it.
    rule: PageRule,
}

#[derive(Debug)]
enum Strategy {
    /// One page.
    None,
    /// A token that the page, or its headers, give.
    Cursor { value: InterpolatedString, stop: Option<InterpolatedBoolean> },
    /// The number of records read so far.
    Offset { inject_first: bool },
    /// The number of the page.
    Page { first: i64, inject_first: bool },
}

#[derive(Debug)]
enum TokenPlace {
    /// Templates put it where it belongs.
    Nowhere,
    /// It is the path, or the whole address, of the next page.
    Path,
    /// An option of the request.
    Option(Injection),
}

/// What is known of a page that was read.
pub(crate) struct Seen<'a, 'c> {
    /// What templates see: `response`, `headers`, `last_record`, `last_page_size`, …
    pub(crate) context: &'a Context<'c>,
    /// How many records the page held, filtered ones among them.
    pub(crate) count: u64,
    /// The token that the page was asked for with; undefined on a first page without one.
    pub(crate) token: &'a Value,
    /// The size that was asked for, where it is not the manifest's.
    pub(crate) size: Option<u64>,
}

impl Paginator {
    /// One page and no more.
    pub(crate) fn none() -> Self {
        Self {
            strategy: Strategy::None,
            page_size: None,
            size_option: None,
            token_place: TokenPlace::Nowhere,
            rule: PageRule::default(),
        }
    }

    /// The same with an overlay's rule of where pages end, or why that cannot be.
    pub(crate) fn ending(self, rule: Option<PageRule>) -> Result<Self, String> {
        let Some(rule) = rule else { return Ok(self) };
        if !self.counts_records() {
            return Err("the overlay's `pages` needs `OffsetIncrement`".to_owned());
        }
        if rule.tail.is_some() && self.size_option.is_none() {
            return Err("the overlay's `pages.tail` needs `page_size_option`".to_owned());
        }
        Ok(Self { rule, ..self })
    }

    /// How many records to ask for when an answer to a request of so many says that there are none
    /// left; none where that answer is the end.
    pub(crate) fn tail(&self, asked: Option<u64>) -> Option<u64> {
        let tail = u64::from(self.rule.tail?.get());
        (self.full(asked)? > tail).then_some(tail)
    }

    pub(crate) fn build(part: &Part<'_>, context: &Context<'_>) -> Result<Self, BuildError> {
        if part.kind() == "NoPagination" {
            return Ok(Self::none());
        }
        let strategy = part.needed("pagination_strategy")?;
        let page_size = page_size(&strategy, context)?;
        let token = part.child("page_token_option");
        let paginator = Self {
            strategy: Strategy::build(&strategy, page_size.is_some())?,
            page_size,
            size_option: Injection::at(part, "page_size_option", context)?,
            token_place: match token.as_ref().map(Part::kind) {
                None => TokenPlace::Nowhere,
                Some("RequestPath") => TokenPlace::Path,
                Some(_) => match Injection::at(part, "page_token_option", context)? {
                    Some(option) => TokenPlace::Option(option),
                    None => TokenPlace::Nowhere,
                },
            },
            rule: PageRule::default(),
        };
        let sized = paginator.page_size.as_ref().is_some_and(Value::is_truthy);
        if paginator.size_option.is_some() && !sized {
            return Err(part.fault("`page_size_option` needs `page_size` in the strategy".into()));
        }
        if let (Some(size), TokenPlace::Option(token)) =
            (&paginator.size_option, &paginator.token_place)
            && size.collides(token)
        {
            return Err(part.fault("page size and page token have the same name".into()));
        }
        Ok(paginator)
    }

    /// Whether there is one page and no more.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self.strategy, Strategy::None)
    }

    /// Whether the next page begins behind the records that were found.
    pub(crate) fn counts_records(&self) -> bool {
        matches!(self.strategy, Strategy::Offset { .. })
    }

    /// The token of the first page.
    pub(crate) fn initial(&self) -> Value {
        match self.strategy {
            Strategy::Offset { inject_first: true } => Value::from(0),
            Strategy::Page { first, inject_first: true } => Value::from(first),
            _ => Value::None,
        }
    }

    /// The token of the page after one that was read; `None` at the end.
    pub(crate) fn next(&self, seen: &Seen<'_, '_>) -> Result<Option<Value>, EvalError> {
        let token = match &self.strategy {
            Strategy::Cursor { value, stop } => {
                if let Some(stop) = stop
                    && stop.eval(seen.context)?
                {
                    return Ok(None);
                }
                value.eval(seen.context)?
            }
            Strategy::None => return Ok(None),
            _ if self.is_last(seen) => return Ok(None),
            Strategy::Offset { .. } => {
                let count = i64::try_from(seen.count).unwrap_or(i64::MAX);
                Value::from(seen.token.as_i64().unwrap_or_default().saturating_add(count))
            }
            Strategy::Page { first, .. } => {
                Value::from(seen.token.as_i64().unwrap_or(*first).saturating_add(1))
            }
        };
        Ok(Some(token).filter(Value::is_truthy))
    }

    /// Whether a page with so many records is the last one.
    fn is_last(&self, seen: &Seen<'_, '_>) -> bool {
        let full = self.full(seen.size).filter(|_| self.rule.short_is_last);
        seen.count == 0 || full.is_some_and(|full| seen.count < full)
    }

    /// Number of records of a full page: of the size asked for, where it is not the manifest's.
    pub(crate) fn full(&self, asked: Option<u64>) -> Option<u64> {
        if asked.is_some() {
            return asked;
        }
        let size = self.page_size.as_ref().filter(|size| size.is_truthy())?;
        u64::try_from(size.as_i64()?).ok()
    }

    /// The page size as templates see it.
    pub(crate) fn page_size(&self, asked: Option<u64>) -> Value {
        let asked = asked.and_then(|size| i64::try_from(size).ok()).map(Value::from);
        asked.or_else(|| self.page_size.clone()).unwrap_or_default()
    }

    /// Whether the end of the walk is told from the number of records of a page alone, with no
    /// regard to the size that was asked for.
    pub(crate) fn stops_by_size(&self) -> bool {
        let Strategy::Cursor { stop: Some(stop), .. } = &self.strategy else { return false };
        let reads = |name| stop.template().is_some_and(|t| t.reads().of(name).is_some());
        reads("last_page_size") && !reads("page_size")
    }

    /// Whether a record, not the source, may say that the walk ends.
    pub(crate) fn stops_by_record(&self) -> bool {
        let Strategy::Cursor { stop: Some(stop), .. } = &self.strategy else { return false };
        stop.template().is_some_and(|t| t.reads().of("last_record").is_some())
    }

    /// Whether the next page is asked for by one field of the last record and nothing else.
    pub(crate) fn goes_by(&self, field: &str) -> bool {
        let Strategy::Cursor { value, .. } = &self.strategy else { return false };
        let reads = value.template().reads();
        let Some(Selection::Fields(fields)) = reads.of("last_record") else { return false };
        let alone = !["response", "headers"].iter().any(|name| reads.of(name).is_some());
        alone && fields.len() == 1 && fields.get(field) == Some(&Selection::All)
    }

    /// The token of the page behind the last one, for walks that count. Behind a first page that
    /// may be shorter than it should be, what the source gives stands at its own length.
    pub(crate) fn beyond(&self, (token, found): (&Value, u64), size: Option<u64>) -> Option<Value> {
        let next = match &self.strategy {
            Strategy::Offset { .. } => {
                let start = token.as_i64().unwrap_or_default();
                let length = if start == 0 { found } else { self.full(size)? };
                start.checked_add(i64::try_from(length).ok()?)?
            }
            Strategy::Page { first, .. } => token.as_i64().unwrap_or(*first).checked_add(1)?,
            Strategy::None | Strategy::Cursor { .. } => return None,
        };
        Some(Value::from(next))
    }

    /// What the request of a page carries.
    pub(crate) fn inject(&self, token: &Value, asked: Option<u64>, options: &mut Options) {
        if let TokenPlace::Option(option) = &self.token_place
            && !token.is_nothing()
        {
            option.put(options, token.clone());
        }
        if let (Some(option), Some(_)) = (&self.size_option, &self.page_size) {
            option.put(options, self.page_size(asked));
        }
    }

    /// The path of a page, where its token is one.
    pub(crate) fn path(&self, token: &Value) -> Option<String> {
        let given = matches!(self.token_place, TokenPlace::Path) && token.is_truthy();
        given.then(|| token.to_string())
    }

    /// The place of a page.
    pub(crate) fn position(&self, token: &Value, page: u64) -> Position {
        let kind = match (&self.strategy, &self.token_place) {
            (Strategy::None, _) => PositionKind::First,
            _ if page == 0 => PositionKind::First,
            (Strategy::Offset { .. }, _) => PositionKind::Offset,
            (Strategy::Page { .. }, _) => PositionKind::Page,
            (Strategy::Cursor { .. }, TokenPlace::Path) => PositionKind::Url,
            (Strategy::Cursor { .. }, _) => PositionKind::Cursor,
        };
        Position { kind, token: token.to_json(), page, window: None }
    }

    /// What its templates read of the page's body; `None` when nothing.
    pub(crate) fn reads(&self, name: &str) -> Option<Selection> {
        let Strategy::Cursor { value, stop } = &self.strategy else { return None };
        let stop = stop.as_ref().and_then(InterpolatedBoolean::template);
        let templates = std::iter::once(value.template()).chain(stop);
        let mut all: Option<Selection> = None;
        for read in templates.filter_map(|template| template.reads().of(name)) {
            all.get_or_insert_with(Selection::nothing).merge(read);
        }
        all
    }
}

impl Strategy {
    fn build(part: &Part<'_>, sized: bool) -> Result<Self, BuildError> {
        let inject_first = part.flag("inject_on_first_request")?;
        match part.kind() {
            "CursorPagination" => {
                let value = part.needed("cursor_value")?.template(&part.parameters())?;
                let stop = part.condition_at("stop_condition")?;
                let stopping = stop.as_ref().and_then(InterpolatedBoolean::template);
                let mut templates = std::iter::once(value.template()).chain(stopping);
                if !sized && templates.any(|t| t.reads().of("page_size").is_some()) {
                    return Err(part.fault("a template reads `page_size`, which is not set".into()));
                }
                Ok(Self::Cursor { value, stop })
            }
            "OffsetIncrement" => Ok(Self::Offset { inject_first }),
            _ => {
                let first = part.child("start_from_page").map(|first| {
                    first.json.as_i64().ok_or_else(|| first.fault("expected a number".into()))
                });
                Ok(Self::Page { first: first.transpose()?.unwrap_or(0), inject_first })
            }
        }
    }
}

/// A page size must be, or evaluate to, a whole number.
fn page_size(part: &Part<'_>, context: &Context<'_>) -> Result<Option<Value>, BuildError> {
    let Some(size) = part.value_at("page_size", context)? else { return Ok(None) };
    match size.as_i64() {
        Some(_) => Ok(Some(size)),
        None => Err(part.fault(format!("`page_size` is {}, not a number", size.type_name()))),
    }
}

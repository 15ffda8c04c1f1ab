//! Cursors from their components.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use model::config::StreamOverlay;
use request::datetime::{Format, Period};
use request::interpolation::Context;

use super::{Clamp, CountCursor, Cursor, Cut, DatetimeCursor, Moment};
use crate::part::{BuildError, Part};

/// What a `MinMaxDatetime` without a format of its own, or of its cursor's, is read by.
const DEFAULT_FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%f%z";

impl Cursor {
    /// With this configuration.
    pub(crate) fn build(
        part: &Part<'_>,
        context: &Context<'_>,
        (overlay, zone): (&StreamOverlay, Option<TimeZone>),
        chosen: &[String],
    ) -> Result<Self, BuildError> {
        let chosen = match chosen {
            [] => None,
            _ if !part.flag("allow_catalog_defined_cursor_field")? => None,
            [field] => Some(field.clone()),
            _ => return Err(part.fault("the catalogue's cursor field is not at the top".into())),
        };
        let field = match chosen {
            Some(field) => field,
            None => part.text_at("cursor_field", context)?.unwrap_or_default(),
        };
        if part.kind() == "IncrementingCountCursor" {
            return Ok(Self::Count(CountCursor::build(part, field, context)?));
        }
        let mut cursor = DatetimeCursor::build(part, context, overlay, zone)?;
        cursor.field = field;
        Ok(Self::Datetime(Box::new(cursor)))
    }
}

impl DatetimeCursor {
    /// With this configuration.
    pub(crate) fn build(
        part: &Part<'_>,
        context: &Context<'_>,
        overlay: &StreamOverlay,
        zone: Option<TimeZone>,
    ) -> Result<Self, BuildError> {
        let text = |field: &str, default: &str| -> Result<String, BuildError> {
            Ok(part.text_at(field, context)?.unwrap_or_else(|| default.to_owned()))
        };
        let format = Format::new(part.text("datetime_format")?.unwrap_or(DEFAULT_FORMAT));
        let inherited = (&format, zone.as_ref());
        let start = moment(&part.needed("start_datetime")?, context, inherited)?;
        let end = part.child("end_datetime").map(|end| moment(&end, context, inherited));
        let end = end.transpose()?;
        let (start_field, end_field) = (
            text("partition_field_start", "start_time")?,
            text("partition_field_end", "end_time")?,
        );
        let cut = Cut {
            start,
            step: period(part, "step", context)?,
            granularity: period(part, "cursor_granularity", context)?,
            strict: part.flag("is_compare_strictly")?,
            clamp: Clamp::build(part, context)?,
        };
        Ok(Self {
            field: text("cursor_field", "")?,
            formats: formats(part, &format, overlay)?,
            format,
            cut,
            end,
            lookback: period(part, "lookback_window", context)?,
            start_field,
            end_field,
            data_feed: part.flag("is_data_feed")?,
            client_side: part.flag("is_client_side_incremental")?,
            global: part.flag("global_substream_cursor")?,
            split: overlay.window.as_ref().and_then(|window| window.split).map_or(1, u32::from),
            inclusive_unit: overlay
                .window
                .as_ref()
                .and_then(|window| window.inclusive_unit)
                .map(to_period),
            zone,
        })
    }
}

fn to_period(duration: Duration) -> Period {
    Period::from_duration(SignedDuration::try_from(duration).unwrap_or(SignedDuration::ZERO))
}

/// The formats of cursor values: the overlay's, the manifest's, and that of the bounds.
fn formats(
    part: &Part<'_>,
    format: &Format,
    overlay: &StreamOverlay,
) -> Result<Vec<Format>, BuildError> {
    let own = overlay.cursor.iter().flat_map(|cursor| cursor.formats.iter());
    let mut formats: Vec<Format> = own.map(|text| Format::new(text)).collect();
    for child in part.children("cursor_datetime_formats") {
        let text = child.json.as_str();
        let text = text.ok_or_else(|| child.fault("expected a text".into()))?;
        formats.push(Format::new(text));
    }
    formats.push(format.clone());
    Ok(formats)
}

/// An ISO 8601 duration under this configuration; an empty one is none.
fn period(
    part: &Part<'_>,
    field: &str,
    context: &Context<'_>,
) -> Result<Option<Period>, BuildError> {
    let Some(text) = part.text_at(field, context)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    Period::parse(&text).map(Some).map_err(|e| part.fault(format!("{field}: {e}")))
}

/// A `MinMaxDatetime`, or a text alone.
fn moment(
    part: &Part<'_>,
    context: &Context<'_>,
    inherited: (&Format, Option<&TimeZone>),
) -> Result<Moment, BuildError> {
    let (inherited, zone) = inherited;
    if part.json.is_string() {
        let value = part.template(&part.parameters())?.text(context);
        return read(part, &value.map_err(|e| part.fault(e.to_string()))?, (inherited, zone));
    }
    let own = part.text("datetime_format")?.filter(|text| !text.is_empty()).map(Format::new);
    let format = (own.as_ref().unwrap_or(inherited), zone);
    let mut at = read(part, &part.text_at("datetime", context)?.unwrap_or_default(), format)?;
    if let Some(least) = part.text_at("min_datetime", context)?.filter(|text| !text.is_empty()) {
        at = at.max(read(part, &least, format)?);
    }
    if let Some(most) = part.text_at("max_datetime", context)?.filter(|text| !text.is_empty()) {
        at = at.min(read(part, &most, format)?);
    }
    Ok(at)
}

fn read(
    part: &Part<'_>,
    text: &str,
    (format, zone): (&Format, Option<&TimeZone>),
) -> Result<Moment, BuildError> {
    let parsed = format.parse_text(text).map_err(|e| part.fault(e.to_string()))?;
    Moment::read(parsed, format, zone)
        .ok_or_else(|| part.fault(format!("`{text}` is out of range")))
}

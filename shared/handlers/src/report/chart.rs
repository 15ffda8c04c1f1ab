//! Charts as SVG: drawn here, so that the page needs nothing but itself.

use std::fmt::Write as _;

use model::Timestamp;

/// Size of a drawing, and of the room around its plot.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;

/// Most columns of a chart; more minutes than that share one.
const COLUMNS: usize = 240;

/// One series of a chart.
pub(super) struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Its class, which gives it its colour.
    pub class: &'a str,
    /// Value by minute.
    pub values: Vec<(Timestamp, u64)>,
    /// Columns, or a line.
    pub columns: bool,
}

/// A chart over time.
pub(super) struct Chart<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What its numbers are.
    pub unit: &'a str,
    /// What is drawn, the lowest first.
    pub series: Vec<Series<'a>>,
    /// A line across: what is allowed.
    pub limit: Option<u64>,
}

/// Minutes of a span, several to a column where there are too many.
struct Columns {
    first: i64,
    step: i64,
    count: usize,
}

impl Columns {
    fn of(series: &[Series<'_>]) -> Option<Self> {
        let all = || series.iter().flat_map(|s| s.values.iter().map(|(at, _)| at.as_second() / 60));
        let (first, last) = (all().min()?, all().max()?);
        let minutes = usize::try_from(last - first + 1).ok()?;
        let step = minutes.div_ceil(COLUMNS).max(1);
        let count = minutes.div_ceil(step).max(1);
        Some(Self { first, step: i64::try_from(step).ok()?, count })
    }

    /// The greatest value of each column.
    fn fold(&self, series: &Series<'_>) -> Vec<u64> {
        let mut columns = vec![0; self.count];
        for (at, value) in &series.values {
            let column = usize::try_from((at.as_second() / 60 - self.first) / self.step);
            if let Some(most) = column.ok().and_then(|column| columns.get_mut(column)) {
                *most = (*most).max(*value);
            }
        }
        columns
    }

    fn begin(&self, column: usize) -> String {
        let minute = self.first + self.step * i64::try_from(column).unwrap_or(0);
        let at = Timestamp::from_second(minute * 60).unwrap_or_default();
        at.strftime("%m-%d %H:%M").to_string()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn place(column: usize, count: usize) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * column as f64 / count as f64
}

fn height(value: u64, top: u64) -> f64 {
    (HEIGHT - TOP - BOTTOM) * number(value) / number(top.max(1))
}

/// The next round number at or above a value: 1, 2 or 5 and noughts.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [1, 2, 5] {
            if unit.saturating_mul(step) >= value {
                return unit.saturating_mul(step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

impl Chart<'_> {
    /// The drawing, with its title and legend; nothing where there is nothing to draw.
    pub(super) fn draw(&self) -> String {
        let Some(columns) = Columns::of(&self.series) else { return String::new() };
        let drawn: Vec<Vec<u64>> = self.series.iter().map(|s| columns.fold(s)).collect();
        let most = drawn.iter().flatten().copied().chain(self.limit).max().unwrap_or(1);
        let top = round_up(most.max(1));
        let mut svg = format!(
            "<figure><figcaption>{} <small>{}</small></figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title, self.unit, self.title
        );
        svg.push_str(&grid(top, &columns));
        for (series, values) in self.series.iter().zip(&drawn) {
            let shape = if series.columns { bars(values, top) } else { line(values, top) };
            put(&mut svg, format_args!("<g class=\"{}\">{shape}</g>", series.class));
        }
        if let Some(limit) = self.limit {
            let y = HEIGHT - BOTTOM - height(limit, top);
            let (x, end) = (LEFT, WIDTH - RIGHT);
            put(
                &mut svg,
                format_args!(
                    "<line class=\"limit\" x1=\"{x}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                     <text class=\"limit\" x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\">limit {limit}</text>",
                    y - 4.0
                ),
            );
        }
        svg.push_str("</svg><p class=\"legend\">");
        for series in &self.series {
            put(&mut svg, format_args!("<span class=\"{}\">{}</span> ", series.class, series.name));
        }
        svg.push_str("</p></figure>");
        svg
    }
}

/// Writing into a text cannot fail.
fn put(text: &mut String, piece: std::fmt::Arguments<'_>) {
    let _written = text.write_fmt(piece);
}

fn grid(top: u64, columns: &Columns) -> String {
    let mut svg = String::new();
    for quarter in [0, 1, 2, 3, 4] {
        let value = top * quarter / 4;
        let y = HEIGHT - BOTTOM - height(value, top);
        let (x, end, label) = (LEFT, WIDTH - RIGHT, LEFT - 6.0);
        put(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{x}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{label}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                y + 4.0
            ),
        );
    }
    let last = columns.count - 1;
    let ends: &[(usize, &str)] =
        if last == 0 { &[(0, "start")] } else { &[(0, "start"), (last, "end")] };
    for (column, anchor) in ends {
        let x = if *column == 0 { LEFT } else { WIDTH - RIGHT };
        let (y, text) = (HEIGHT - 8.0, columns.begin(*column));
        put(
            &mut svg,
            format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"),
        );
    }
    svg
}

fn bars(values: &[u64], top: u64) -> String {
    let mut svg = String::new();
    let wide = (place(1, values.len()) - place(0, values.len())).min(48.0);
    let gap = if wide > 4.0 { 1.0 } else { 0.0 };
    for (column, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let (x, tall) = (place(column, values.len()), height(*value, top));
        let y = HEIGHT - BOTTOM - tall;
        put(
            &mut svg,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{value}</title></rect>",
                wide - gap
            ),
        );
    }
    svg
}

fn line(values: &[u64], top: u64) -> String {
    let middle = (place(1, values.len()) - place(0, values.len())).min(48.0) / 2.0;
    let at = |(column, value): (usize, &u64)| {
        let y = HEIGHT - BOTTOM - height(*value, top);
        (place(column, values.len()) + middle, y)
    };
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(at).collect();
    if let [(x, y)] = points.as_slice() {
        return format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
    let texts: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polyline points=\"{}\"/>", texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn a_chart_of_weeks_has_no_more_columns_than_can_be_seen() {
        let values = (0..20_000).map(|minute| (at(minute), 1000)).collect();
        let series = Series { name: "calls", class: "a", values, columns: true };
        let chart =
            Chart { title: "Calls", unit: "a minute", series: vec![series], limit: Some(1000) };
        let svg = chart.draw();
        assert!(svg.matches("<rect").count() <= COLUMNS);
        assert!(svg.contains("limit 1000"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing_and_a_single_minute_is() {
        let of = |values| Chart {
            title: "t",
            unit: "u",
            series: vec![Series { name: "n", class: "a", values, columns: false }],
            limit: None,
        };
        assert_eq!(of(Vec::new()).draw(), "");
        assert!(of(vec![(at(5), 3)]).draw().contains("<circle"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0, 1, 3, 7, 950, 1001].map(round_up);
        assert_eq!(ends, [1, 1, 5, 10, 1000, 2000]);
    }
}

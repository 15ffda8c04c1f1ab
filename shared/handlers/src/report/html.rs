//! The report as one page that needs nothing but itself: no script, no font, no call.

use super::chart::{Chart, Series};
use super::{CodeLine, FileLine, Minute, PushLine, Report};

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#6b7280;--rule:#e3e6ea;--a:#2563a8;--b:#c2410c;--c:#15803d;--limit:#b91c1c}
@media (prefers-color-scheme:dark){:root{--fg:#e6e8eb;--bg:#14171a;--soft:#9aa3ad;--rule:#2c3238;--a:#6ea8e8;--b:#f0955a;--c:#5fc98a;--limit:#f87171}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p.sub,small{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1.2rem 0}
.tile{border:1px solid var(--rule);border-radius:.5rem;padding:.6rem .8rem}.tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.85rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:1rem}figure{margin:0;border:1px solid var(--rule);border-radius:.5rem;padding:.7rem}
figcaption{font-weight:600}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}.grid{stroke:var(--rule)}
.a rect,.a circle{fill:var(--a)}.b rect,.b circle{fill:var(--b)}.c rect,.c circle{fill:var(--c)}
polyline{fill:none;stroke-width:1.6}.a polyline{stroke:var(--a)}.b polyline{stroke:var(--b)}.c polyline{stroke:var(--c)}
line.limit{stroke:var(--limit);stroke-dasharray:5 4}text.limit{fill:var(--limit)}
.legend{margin:.2rem 0 0;font-size:.85rem;color:var(--soft)}.legend span::before{content:'';display:inline-block;width:.7em;height:.7em;margin-right:.35em;border-radius:2px;background:currentColor}
.legend .a{color:var(--a)}.legend .b{color:var(--b)}.legend .c{color:var(--c)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tr.why td{padding-top:0;color:var(--soft);overflow-wrap:anywhere}tr.told td{border-bottom:0}
tr.bad td:first-child{box-shadow:inset 3px 0 var(--limit)}
.bar{display:inline-block;height:.6em;background:var(--a);border-radius:2px;vertical-align:middle;margin-right:.5em}tr.bad .bar{background:var(--b)}
";

/// Most files in the table.
const MOST: usize = 2000;

impl Report {
    /// The page.
    pub fn to_html(&self) -> String {
        let charts: String = self.pushes.iter().map(push).collect();
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>Files and pushes, {from} to {to}</title><style>{STYLE}</style></head><body>\
             <h1>Files and pushes</h1><p class=\"sub\">{from} to {to}, made {made}{left}</p>\
             {tiles}{charts}{codes}{files}</body></html>\n",
            from = self.from,
            to = self.to,
            made = self.made.strftime("%Y-%m-%d %H:%M:%S UTC"),
            left = self.left(),
            tiles = self.tiles(),
            codes = codes(&self.codes),
            files = files(&self.files),
        )
    }

    fn left(&self) -> String {
        if self.left_out == 0 {
            return String::new();
        }
        format!(". {} batches were not read: ask for fewer days", self.left_out)
    }

    fn tiles(&self) -> String {
        let sums = &self.total;
        let refused = self.files.iter().filter(|file| file.code.is_some()).count() as u64;
        let bad = self.files.iter().filter(|file| !file.adds_up).count() as u64;
        let tiles = [
            ("files", self.files.len() as u64),
            ("files refused", refused),
            ("rows in", sums.rows),
            ("ok", sums.ok),
            ("failed", sums.failed),
            ("duplicate", sums.duplicate),
            ("superseded", sums.superseded),
            ("unknown", sums.unknown),
            ("pending", sums.pending),
            ("files that do not add up", bad),
        ];
        let tile = |(name, value): &(&str, u64)| {
            format!("<div class=\"tile\"><b>{}</b><span>{name}</span></div>", grouped(*value))
        };
        format!("<div class=\"tiles\">{}</div>", tiles.iter().map(tile).collect::<String>())
    }
}

/// Pieces of the page, one after the other.
fn all(pieces: impl Iterator<Item = String>) -> String {
    pieces.collect::<Vec<_>>().concat()
}

/// Digits in groups of three.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Text from outside, as text.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

fn push(push: &PushLine) -> String {
    let series = |name, class, columns, value: fn(&Minute) -> u64| Series {
        name,
        class,
        columns,
        values: push.minutes.iter().map(|minute| (minute.at, value(minute))).collect(),
    };
    let per_cent = |minute: &Minute| (minute.failed * 100).checked_div(minute.records).unwrap_or(0);
    let charts = [
        Chart {
            title: "Calls",
            unit: "a minute",
            series: vec![
                series("calls", "a", true, |m| m.calls),
                series("throttled, faults, no answer", "b", true, |m| m.faults),
            ],
            limit: push.limit.map(u64::from),
        },
        Chart {
            title: "Records decided",
            unit: "a minute",
            series: vec![
                series("all", "c", true, |m| m.records),
                series("failed", "b", true, |m| m.failed),
            ],
            limit: None,
        },
        Chart {
            title: "Time of an answer",
            unit: "ms",
            series: vec![
                series("95 of 100", "b", false, |m| m.p95_ms),
                series("median", "a", false, |m| m.p50_ms),
            ],
            limit: None,
        },
        Chart {
            title: "Records that failed",
            unit: "of 100",
            series: vec![series("failed", "b", false, per_cent)],
            limit: None,
        },
    ];
    let drawn: String = charts.iter().map(Chart::draw).collect();
    let limit = push.limit.map_or_else(String::new, |limit| format!(" of {limit} allowed"));
    format!(
        "<h2>{}/{}</h2><p class=\"sub\">{} calls, at most {} in any 60 seconds{limit}; {} throttled, \
         {} faults; answers took {} ms in the median, {} ms for 95 of 100; waited {} s for the budget\
         </p><div class=\"charts\">{drawn}</div>",
        push.tenant,
        push.push,
        grouped(push.calls),
        push.most_in_a_minute,
        push.throttled,
        push.faults,
        push.p50_ms,
        push.p95_ms,
        push.waited_ms / 1000
    )
}

fn codes(codes: &[CodeLine]) -> String {
    let most = codes.iter().map(|line| line.records).max().unwrap_or(0).max(1);
    let row = |line: &CodeLine| {
        let bad = matches!(line.verdict.as_str(), "failed" | "unknown");
        format!(
            "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><span class=\"bar\" style=\"width:{}px\"></span>{}</td></tr>",
            if bad { " class=\"bad\"" } else { "" },
            line.push,
            escaped(&line.operation),
            escaped(&line.code),
            line.verdict,
            (line.records * 240 / most).max(1),
            grouped(line.records)
        )
    };
    if codes.is_empty() {
        return String::new();
    }
    let rows: String = codes.iter().map(row).collect();
    format!(
        "<h2>Outcomes by code</h2><div class=\"scroll\"><table><thead><tr><th>push</th>\
         <th>operation</th><th>code</th><th>became</th><th>records</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}

fn files(files: &[FileLine]) -> String {
    let rows: String = files.iter().take(MOST).map(file).collect();
    let more = files.len().saturating_sub(MOST);
    let more =
        if more > 0 { format!("<p class=\"sub\">… and {more} more</p>") } else { String::new() };
    let heads = ["in", "ok", "failed", "duplicate", "superseded", "unknown", "pending"];
    let heads = all(heads.iter().map(|head| format!("<th class=\"n\">{head}</th>")));
    format!(
        "<h2>Reconciliation by file</h2><div class=\"scroll\"><table><thead><tr><th>file</th>\
         <th>tenant</th><th>kind</th><th>push</th><th>outcome</th>{heads}<th>adds up</th>\
         </tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )
}

fn file(file: &FileLine) -> String {
    let counts = &file.counts;
    let numbers = [
        counts.rows,
        counts.ok,
        counts.failed,
        counts.duplicate,
        counts.superseded,
        counts.unknown,
        counts.pending,
    ];
    let numbers = all(numbers.iter().map(|n| format!("<td class=\"n\">{}</td>", grouped(*n))));
    let ended = file.outcome_word();
    let why = match (&file.code, &file.message) {
        (Some(code), message) => {
            let message = message.as_deref().unwrap_or_default();
            let (code, message) = (escaped(code), escaped(message));
            format!("<tr class=\"bad why\"><td colspan=\"13\">{code}: {message}</td></tr>")
        }
        (None, _) => String::new(),
    };
    let bad = !matches!(ended, "SUCCESS" | "DUPLICATE" | "PENDING") || !file.adds_up;
    format!(
        "<tr class=\"{}{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{ended}</td>{numbers}\
         <td>{}</td></tr>{why}",
        if bad { "bad" } else { "" },
        if why.is_empty() { "" } else { " told" },
        escaped(&file.title()),
        file.tenant,
        escaped(file.kind.as_deref().unwrap_or("")),
        file.push.as_ref().map(ToString::to_string).unwrap_or_default(),
        if file.adds_up { "yes" } else { "NO" }
    )
}

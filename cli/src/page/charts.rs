//! The time line: four charts over the same time. A chart has no text in itself, so that it can be as wide as the page.

use std::time::Duration;

use super::html::Html;
use super::periods::{COLUMNS, Line, Sum};
use crate::output::{size, time};

/// A chart's height in its own units, of which a column is 1 wide.
const HEIGHT: f64 = 40.0;

/// A lower bar could not be seen.
const LOWEST: f64 = 1.0;

/// What a chart shows: its values are stacked, the first at the bottom.
struct Chart {
    id: &'static str,
    title: &'static str,
    /// The class of each part of a bar.
    parts: [&'static str; 2],
    /// What the parts are, where there are two.
    legend: Option<[&'static str; 2]>,
    values: fn(&Sum) -> Option<[f64; 2]>,
    /// The column in words, and the highest value in words.
    words: fn(&Sum) -> String,
    highest: fn(f64) -> String,
    nothing: &'static str,
}

const CHARTS: [Chart; 4] = [
    Chart {
        id: "snapshots",
        title: "Snapshots",
        parts: ["good", "bad"],
        legend: Some(["good", "not good"]),
        values: |sum| (sum.snapshots > 0).then(|| [(sum.snapshots - sum.bad) as f64, sum.bad as f64]),
        words: |sum| match sum.bad {
            0 => size::things(sum.snapshots, "snapshot", "snapshots"),
            bad => {
                format!("{}, {} bad", size::things(sum.snapshots, "snapshot", "snapshots"), size::count(bad))
            }
        },
        highest: |value| format!("at most {} in a column", size::count(value as u64)),
        nothing: "none",
    },
    Chart {
        id: "size",
        title: "Size",
        parts: ["own", "shared"],
        legend: Some(["own", "shared"]),
        values: |sum| sum.size.map(|(own, shared)| [own as f64, shared as f64]),
        words: |sum| sum.size.map(|(own, shared)| own_and_shared(own, shared)).unwrap_or_default(),
        highest: |value| format!("at most {}", size::readable(value as u64)),
        nothing: "not known",
    },
    Chart {
        id: "duration",
        title: "Time that a backup took",
        parts: ["own", "shared"],
        legend: None,
        values: |sum| sum.took.map(|took| [took.as_secs_f64(), 0.0]),
        words: |sum| sum.took.map(time::took).unwrap_or_default(),
        highest: |value| format!("at most {}", time::took(Duration::from_secs_f64(value))),
        nothing: "not known",
    },
    Chart {
        id: "freeze",
        title: "Time that writes stood still",
        parts: ["own", "shared"],
        legend: None,
        values: |sum| sum.freeze.map(|freeze| [freeze.as_secs_f64(), 0.0]),
        words: |sum| sum.freeze.map(time::took).unwrap_or_default(),
        highest: |value| format!("at most {}", time::took(Duration::from_secs_f64(value))),
        nothing: "no backup stopped them, or none says so",
    },
];

/// What is a snapshot's own, and what it shares.
pub fn own_and_shared(own: u64, shared: u64) -> String {
    match shared {
        0 => format!("{} of its own", size::readable(own)),
        _ => format!("{} of its own, {} shared", size::readable(own), size::readable(shared)),
    }
}

/// Writes all charts.
pub fn write(html: &mut Html, line: &Line) {
    html.raw("<div class=\"charts\">\n");
    CHARTS.iter().for_each(|chart| chart.write(html, line));
    html.raw("</div>\n");
}

impl Chart {
    fn write(&self, html: &mut Html, line: &Line) {
        let values: Vec<_> = line.columns.iter().map(self.values).collect();
        let highest = values.iter().flatten().map(|[a, b]| a + b).fold(0.0, f64::max);
        let summary = if highest > 0.0 { (self.highest)(highest) } else { self.nothing.into() };
        html.raw("<figure>\n<figcaption><span>").text(self.title).raw("</span> <span class=\"quiet\">");
        html.text(&summary).raw("</span></figcaption>\n");
        if highest > 0.0 {
            self.write_bars(html, line, &values, highest);
        }
        html.raw("</figure>\n");
    }

    fn write_bars(&self, html: &mut Html, line: &Line, values: &[Option<[f64; 2]>], highest: f64) {
        let in_words = if line.is_short() { time::minute } else { time::day };
        let (from, to) = (in_words(line.from), in_words(line.to));
        html.raw("<svg role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 ")
            .text(COLUMNS)
            .raw(" ")
            .text(HEIGHT);
        html.raw("\" aria-labelledby=\"")
            .text(self.id)
            .raw("-title ")
            .text(self.id)
            .raw("-desc\">\n<title id=\"");
        html.text(self.id).raw("-title\">").text(self.title).raw("</title>\n<desc id=\"").text(self.id);
        html.raw("-desc\">From ").text(&from).raw(" to ").text(&to).raw(", ").text((self.highest)(highest));
        html.raw(". The table of months has the numbers.</desc>\n");
        for (column, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let mut top = HEIGHT;
            for (part, value) in self.parts.iter().zip(value).filter(|(_, value)| **value > 0.0) {
                let height = (value / highest * HEIGHT).max(LOWEST).min(top);
                top -= height;
                html.raw("<rect class=\"").text(part).raw("\" x=\"").text(column).raw("\" y=\"");
                html.text(format_args!("{top:.2}")).raw("\" width=\"0.86\" height=\"");
                html.text(format_args!("{height:.2}"))
                    .raw("\"><title>")
                    .text(time::minute(line.begin(column)));
                html.raw(": ").text((self.words)(&line.columns[column])).raw("</title></rect>\n");
            }
        }
        html.raw("</svg>\n<p class=\"axis\"><span>").text(&from).raw("</span>");
        for (part, means) in self.legend.iter().flat_map(|legend| self.parts.iter().zip(legend)) {
            html.raw(" <span class=\"key ").raw(part).raw("\">").raw(means).raw("</span>");
        }
        html.raw(" <span>").text(&to).raw("</span></p>\n");
    }
}

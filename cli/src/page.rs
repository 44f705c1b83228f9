//! The page about a root: one file that needs nothing else, no network and no script.

mod charts;
mod html;
mod periods;
mod summary;
mod table;

use crate::output::{size, time};
use crate::survey::{Entry, Survey};
use html::Html;
use periods::{Line, Month, months};

const STYLE: &str = include_str!("page/style.css");

/// So many are shown at once; what is older is folded away, month by month.
const SHOWN: usize = 30;

/// The page.
pub fn of(survey: &Survey) -> String {
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    html.raw("style-src 'unsafe-inline'; img-src data:\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>Backups in ").text(&survey.root);
    html.raw("</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n").raw(STYLE);
    html.raw("</style>\n</head>\n<body>\n<main>\n");
    summary::write(&mut html, survey);
    if let Some(line) = Line::of(&survey.entries, survey.at) {
        let months = months(&survey.entries);
        html.raw("<section aria-labelledby=\"time-line\">\n<h2 id=\"time-line\">Time line</h2>\n");
        charts::write(&mut html, &line);
        by_months(&mut html, &months);
        html.raw("</section>\n");
        snapshots(&mut html, survey);
    }
    footer(&mut html, survey);
    html.finish()
}

/// The charts in numbers.
fn by_months(html: &mut Html, months: &[Month]) {
    html.raw("<details>\n<summary>The time line in numbers, by month</summary>\n");
    table::begin(html, "Snapshots by month", table::MONTHS);
    for month in months {
        table::month(html, month);
    }
    table::end(html);
    html.raw("</details>\n");
}

fn snapshots(html: &mut Html, survey: &Survey) {
    html.raw("<section aria-labelledby=\"snapshots\">\n<h2 id=\"snapshots\">Snapshots</h2>\n");
    let (shown, folded) = survey.entries.split_at(survey.entries.len().min(SHOWN));
    let title = match folded {
        [] => "All snapshots, the newest first".to_string(),
        _ => format!("The newest {} of {}", size::count(shown.len() as u64), survey.entries.len()),
    };
    rows(html, &title, shown, survey);
    for Month { name, entries, sum } in months(folded) {
        html.raw("<details>\n<summary>").text(&name).raw(" <span class=\"quiet\">");
        html.text(size::things(sum.snapshots, "snapshot", "snapshots"));
        if sum.bad > 0 {
            html.raw("</span> <span class=\"bad\">").text(size::count(sum.bad)).raw(" damaged or unreadable");
        }
        html.raw("</span></summary>\n");
        rows(html, &format!("Snapshots of {name}"), entries, survey);
        html.raw("</details>\n");
    }
    html.raw("</section>\n");
}

fn rows(html: &mut Html, title: &str, entries: &[Entry], survey: &Survey) {
    let columns = table::snapshot_columns(survey);
    table::begin(html, title, &columns);
    entries.iter().for_each(|entry| table::snapshot(html, entry, survey));
    table::end(html);
}

fn footer(html: &mut Html, survey: &Survey) {
    html.raw("</main>\n<footer>\n<p>Made ");
    summary::when(html, survey.at, &time::local(survey.at));
    html.raw(" by hotbackup ")
        .text(env!("CARGO_PKG_VERSION"))
        .raw(". All times are at ")
        .text(time::zone(survey.at));
    html.raw(
        ". The <em>freeze</em> is the longest time for which a backup stopped writes. What is <em>own</em> is not in the snapshot before; what is <em>shared</em> is stored once for ",
    );
    html.raw("all that have it.</p>\n</footer>\n</body>\n</html>\n");
}

/// What a level of verification is called.
pub fn level(level: hotbackup::VerifyLevel) -> &'static str {
    use hotbackup::VerifyLevel;
    match level {
        VerifyLevel::None => "manifest alone",
        VerifyLevel::Size => "sizes",
        VerifyLevel::Checksum => "checksums",
        VerifyLevel::Media => "checksums, from the disk",
        _ => "a newer level",
    }
}

#[cfg(test)]
mod tests {
    use super::STYLE;

    /// The colours of a scheme, by their names.
    fn colours(scheme: &str) -> impl Fn(&str) -> [f64; 3] {
        move |name: &str| {
            let (_, after) = scheme.split_once(&format!("--{name}: #")).expect("it is given");
            [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&after[at..at + 2], 16).expect("digits")) / 255.0)
        }
    }

    /// As WCAG 2 defines it.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear = |part: f64| match part {
            dark if dark <= 0.040_45 => dark / 12.92,
            _ => ((part + 0.055) / 1.055).powf(2.4),
        };
        let [a, b] = [a, b].map(|[red, green, blue]| {
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) + 0.05
        });
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_stands_out_from_what_is_behind_it_light_and_dark() {
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("there are two schemes");
        for (scheme, colour) in [("light", colours(light)), ("dark", colours(dark))] {
            for text in ["ink", "quiet", "good", "bad"] {
                for behind in ["page", "sheet", "bad-sheet"] {
                    let contrast = contrast(colour(text), colour(behind));
                    assert!(contrast >= 4.5, "{scheme}: {text} on {behind} has {contrast:.2}");
                }
            }
            for bar in ["own", "bad"] {
                assert!(contrast(colour(bar), colour("page")) >= 3.0, "{scheme}: {bar}");
            }
        }
    }
}

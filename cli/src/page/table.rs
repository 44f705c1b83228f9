//! Tables. On a narrow page a row becomes a block, in which each value has its column's name beside it; the roles
//! keep it a table for whoever hears the page.

use super::charts::own_and_shared;
use super::html::Html;
use super::periods::Month;
use super::summary::when;
use crate::output::{size, time};
use crate::survey::{Entry, State, Survey};

pub const MONTHS: &[&str] = &["Month", "Snapshots", "Newest", "Longest backup", "Longest stop of writes"];

/// The columns of a table of snapshots.
pub fn snapshot_columns(survey: &Survey) -> Vec<&'static str> {
    let mut columns = vec!["Snapshot", "Made", "Size", "Took", "Verified", "State"];
    if survey.policy.is_some() {
        columns.push("Next prune");
    }
    columns
}

/// Begins a table.
pub fn begin(html: &mut Html, caption: &str, columns: &[&str]) {
    html.raw("<table role=\"table\">\n<caption>").text(caption).raw("</caption>\n");
    html.raw("<thead role=\"rowgroup\"><tr role=\"row\">");
    for column in columns {
        html.raw("<th scope=\"col\" role=\"columnheader\">").text(column).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
}

/// Ends it.
pub fn end(html: &mut Html) {
    html.raw("</tbody>\n</table>\n");
}

/// One value, of which nothing may be known.
fn cell(html: &mut Html, column: &'static str, value: Option<String>) {
    open(html, column);
    match value {
        Some(value) => {
            html.text(value);
        }
        None => html.unknown(),
    }
    html.raw("</td>");
}

fn open(html: &mut Html, column: &'static str) {
    html.raw("<td role=\"cell\" data-label=\"").raw(column).raw("\">");
}

/// A month's row.
pub fn month(html: &mut Html, month: &Month) {
    let sum = &month.sum;
    html.raw("<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">").text(&month.name).raw("</th>");
    let bad = if sum.bad > 0 { format!(", {} bad", size::count(sum.bad)) } else { String::new() };
    cell(html, MONTHS[1], Some(format!("{}{bad}", size::count(sum.snapshots))));
    cell(html, MONTHS[2], sum.size.map(|(own, shared)| own_and_shared(own, shared)));
    cell(html, MONTHS[3], sum.took.map(time::took));
    cell(html, MONTHS[4], sum.freeze.map(time::took));
    html.raw("</tr>\n");
}

/// A snapshot's row.
pub fn snapshot(html: &mut Html, entry: &Entry, survey: &Survey) {
    let is_readable = entry.state != State::Unreadable;
    html.raw("<tr role=\"row\"");
    html.raw(if entry.state == State::Good { ">" } else { " class=\"is-bad\">" });
    named(html, entry, survey);
    open(html, "Made");
    match entry.made() {
        Some(made) => {
            when(html, made, &time::minute(made));
            html.raw(" <small>").text(time::ago(made, survey.at)).raw("</small>");
        }
        None => html.unknown(),
    }
    html.raw("</td>");
    open(html, "Size");
    if is_readable {
        sized(html, entry)
    } else {
        html.unknown()
    }
    html.raw("</td>");
    open(html, "Took");
    match entry.took() {
        Some(took) => {
            html.text(time::took(took));
        }
        None => html.unknown(),
    }
    if let Some(freeze) = entry.snapshot.freeze() {
        html.raw(" <small>freeze ").text(time::took(freeze)).raw("</small>");
    }
    html.raw("</td>");
    open(html, "Verified");
    verified(html, entry, survey);
    html.raw("</td>");
    state(html, entry);
    if let Some(fate) = &entry.fate {
        open(html, "Next prune");
        html.raw(if fate.goes { "<strong>goes</strong>" } else { "stays" });
        html.raw(" <small>").text(&fate.why).raw("</small></td>");
    }
    html.raw("</tr>\n");
}

fn named(html: &mut Html, entry: &Entry, survey: &Survey) {
    html.raw("<th scope=\"row\" role=\"rowheader\"><span class=\"name\">").text(&entry.name).raw("</span>");
    if entry.state != State::Unreadable {
        let id = entry.snapshot.id();
        html.raw(" <small>").text(id.get(..8).unwrap_or(id)).raw("</small>");
    }
    if survey.latest.as_ref() == Some(&entry.name) {
        html.raw(" <span class=\"tag is-latest\">latest</span>");
    }
    for tag in entry.snapshot.tags() {
        html.raw(" <bdi class=\"tag\">").text(tag).raw("</bdi>");
    }
    html.raw("</th>");
}

fn sized(html: &mut Html, entry: &Entry) {
    let (bytes, own) = (entry.snapshot.bytes(), entry.own_bytes());
    html.text(size::readable(bytes));
    if bytes > 0 {
        let percent = own as f64 / bytes as f64 * 100.0;
        html.raw("<span class=\"share\" aria-hidden=\"true\"><span style=\"width:")
            .text(format_args!("{percent:.1}"));
        html.raw("%\"></span></span>");
    }
    html.raw(" <small>").text(size::readable(own)).raw(" own, ");
    html.text(size::things(entry.snapshot.files(), "file", "files")).raw("</small>");
}

fn verified(html: &mut Html, entry: &Entry, survey: &Survey) {
    match entry.snapshot.verified() {
        Some(verified) => {
            when(html, verified.at, &time::ago(verified.at, survey.at));
            html.raw(" <small>").raw(super::level(verified.level)).raw("</small>");
        }
        None if entry.state == State::Unreadable => html.unknown(),
        None => {
            html.raw("never");
        }
    }
}

fn state(html: &mut Html, entry: &Entry) {
    open(html, "State");
    let class = if entry.state == State::Good { "good" } else { "bad" };
    html.raw("<span class=\"").raw(class).raw("\">").raw(entry.state.name()).raw("</span></td>");
}

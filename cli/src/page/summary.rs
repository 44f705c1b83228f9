//! The top of the page: whether all is well, the figures, and what is not well.

use std::time::SystemTime;

use super::charts::own_and_shared;
use super::html::Html;
use crate::output::{size, time};
use crate::survey::{Entry, State, Survey};

/// So many of what is not well are named at the top; all are in the table.
const NAMED: usize = 20;

/// Writes it.
pub fn write(html: &mut Html, survey: &Survey) {
    html.raw("<header>\n<p class=\"over\">Backup root</p>\n<h1><bdi>")
        .text(&survey.root)
        .raw("</bdi></h1>\n");
    lede(html, survey);
    html.raw("</header>\n");
    figures(html, survey);
    attention(html, survey);
    if let Some(policy) = &survey.policy {
        prune(html, survey, policy);
    }
}

/// A time, for people and for programs.
pub fn when(html: &mut Html, at: SystemTime, text: &str) {
    match time::utc(at) {
        Some(utc) => {
            html.raw("<time datetime=\"").text(&utc).raw("\" title=\"").text(time::local(at)).raw("\">");
            html.text(text).raw("</time>");
        }
        None => {
            html.text(text);
        }
    }
}

/// All in a sentence.
fn lede(html: &mut Html, survey: &Survey) {
    let bad = survey.count(State::Damaged) + survey.count(State::Unreadable);
    let all = survey.entries.len() as u64;
    match survey.newest_good() {
        None if all == 0 => {
            html.raw("<p class=\"lede\">There are no snapshots here yet.</p>\n");
        }
        None => {
            html.raw("<p class=\"lede bad\">There is no good snapshot here.</p>\n");
        }
        Some(good) => {
            html.raw("<p class=\"lede\">The newest good snapshot was made ");
            match good.made() {
                Some(made) => when(html, made, &time::ago(made, survey.at)),
                None => {
                    html.raw("at an unknown time");
                }
            }
            match bad as u64 {
                0 => html.raw(".</p>\n"),
                bad => html
                    .raw("; <span class=\"bad\">")
                    .text(size::count(bad))
                    .raw(" of ")
                    .text(size::things(all, "snapshot", "snapshots"))
                    .raw(if bad == 1 { " is not good" } else { " are not good" })
                    .raw("</span>.</p>\n"),
            };
        }
    }
}

fn figures(html: &mut Html, survey: &Survey) {
    html.raw("<dl class=\"figures\">\n");
    let words = |state: State| match survey.count(state) as u64 {
        0 => None,
        number => Some(format!("{} {}", size::count(number), state.name())),
    };
    let states: Vec<_> =
        [State::Good, State::Damaged, State::Unreadable].into_iter().filter_map(words).collect();
    figure(html, "Snapshots", &size::count(survey.entries.len() as u64), &states.join(", "));
    if let Some(newest) = survey.readable().next() {
        let (bytes, shared) = (newest.snapshot.bytes(), newest.snapshot.bytes_shared());
        figure(html, "Newest snapshot", &size::readable(bytes), &own_and_shared(newest.own_bytes(), shared));
        let took = newest.took().map_or_else(|| "not known".into(), time::took);
        let freeze =
            newest.snapshot.freeze().map(|freeze| format!("writes stood still for {}", time::took(freeze)));
        figure(
            html,
            "Newest backup took",
            &took,
            &freeze.unwrap_or_else(|| "writes were not stopped".into()),
        );
        let total = size::sum(survey.readable().map(|entry| entry.snapshot.bytes()));
        let own = size::sum(survey.readable().map(Entry::own_bytes));
        figure(html, "All snapshots", &size::readable(total), &own_and_shared(own, total - own));
        verification(html, survey);
    }
    if let Some(space) = survey.space {
        let percent = space.free as f64 / (space.size.max(1)) as f64 * 100.0;
        let of = format!("{percent:.0} % of {}", size::readable(space.size));
        figure(html, "Free space", &size::readable(space.free), &of);
    }
    html.raw("</dl>\n");
}

fn verification(html: &mut Html, survey: &Survey) {
    let oldest = survey.oldest_verification();
    let (age, name) = match oldest {
        Some((at, entry)) => (time::ago(at, survey.at), entry.name.as_str()),
        None => ("none".into(), ""),
    };
    let never = match survey.unverified() as u64 {
        0 => String::new(),
        number => format!(" {} never read back", size::things(number, "snapshot was", "snapshots were")),
    };
    figure(html, "Oldest verification", &age, &format!("{name}{never}"));
}

fn figure(html: &mut Html, name: &str, value: &str, more: &str) {
    html.raw("<div><dt>")
        .text(name)
        .raw("</dt><dd>")
        .text(value)
        .raw(" <span>")
        .text(more)
        .raw("</span></dd></div>\n");
}

/// What is not well, and why.
fn attention(html: &mut Html, survey: &Survey) {
    let bad = || survey.entries.iter().filter(|entry| entry.state != State::Good);
    let number = bad().count();
    if number == 0 {
        return;
    }
    html.raw("<section class=\"attention\" aria-labelledby=\"attention\">\n");
    html.raw("<h2 id=\"attention\">Needs attention</h2>\n<ul>\n");
    for entry in bad().take(NAMED) {
        html.raw("<li><span class=\"name\">").text(&entry.name).raw("</span> <span class=\"bad\">");
        html.raw(entry.state.name()).raw("</span> <bdi>");
        match entry.snapshot.error() {
            Some(error) => html.text(error.message()),
            None => html.raw("Something in it was found bad when it was read back: <code>hotbackup verify</code> names it."),
        };
        html.raw("</bdi></li>\n");
    }
    if number > NAMED {
        html.raw("<li>and ")
            .text(size::count((number - NAMED) as u64))
            .raw(" more, in the table below</li>\n");
    }
    html.raw("</ul>\n</section>\n");
}

/// What the policy would delete.
fn prune(html: &mut Html, survey: &Survey, policy: &[String]) {
    let goes =
        survey.entries.iter().filter(|entry| entry.fate.as_ref().is_some_and(|fate| fate.goes)).count();
    html.raw("<section aria-labelledby=\"prune\">\n<h2 id=\"prune\">Next prune</h2>\n<p>");
    html.text(size::things((survey.entries.len() - goes) as u64, "snapshot stays", "snapshots stay"))
        .raw(" and ");
    html.text(size::things(goes as u64, "goes", "go")).raw("; the table says why for each. The policy:");
    for rule in policy {
        html.raw(" <code class=\"rule\"><bdi>").text(rule).raw("</bdi></code>");
    }
    html.raw("</p>\n</section>\n");
}

//! Whether a command printed what the page says, whatever the clock, the ids and the machine.

use std::collections::HashMap;

use regex::{Captures, Regex};

/// What differs from run to run and says nothing.
const LOOSE: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
    (r"\d+(\.\d+)? (bytes|B|KiB|MiB|GiB|TiB)\b", "<size>"),
    (r"(\d+ (d|h|min|s|ms) ?)*\d+(\.\d+)? (d|h|min|ms|\x{b5}s|s)\b", "<duration>"),
    (r" +", " "),
    (r" ?\n", "\n"),
];

/// Names that each run chooses anew: snapshots', ids, and of these the first part.
const CHOSEN: &str = r"\bts-\d+\b|\b[0-9a-f]{8}((-[0-9a-f]{4}){3}-[0-9a-f]{12})?\b";

/// Which name of this run is which on the page. It is the same all along: a command that named another snapshot
/// than before would be seen.
#[derive(Default)]
pub struct Names {
    now: HashMap<String, String>,
    on_page: HashMap<String, String>,
}

impl Names {
    /// A command of the page, with this run's names.
    pub fn now(&self, text: &str) -> String {
        put(text, &self.now)
    }

    /// What was printed, with the page's names.
    pub fn on_page(&self, text: &str) -> String {
        put(text, &self.on_page)
    }

    /// Learns new names, and tells by lines what differs.
    pub fn compare(&mut self, page: &str, printed: &str) -> Option<String> {
        let chosen = Regex::new(CHOSEN).expect("a pattern");
        for (there, here) in chosen.find_iter(page).zip(chosen.find_iter(printed)) {
            let (there, here) = (there.as_str(), here.as_str());
            if there.starts_with("ts-") == here.starts_with("ts-") {
                self.learn(there, here);
            }
            if let (Some((there, _)), Some((here, _))) = (there.split_once("-"), here.split_once("-")) {
                self.learn(there, here);
            }
        }
        let (page, printed) = (loosely(page), loosely(&self.on_page(printed)));
        (page != printed).then(|| difference(&page, &printed))
    }

    /// What is known stays.
    fn learn(&mut self, there: &str, here: &str) {
        if !self.now.contains_key(there) && !self.on_page.contains_key(here) {
            self.now.insert(there.into(), here.into());
            self.on_page.insert(here.into(), there.into());
        }
    }
}

fn put(text: &str, names: &HashMap<String, String>) -> String {
    let chosen = Regex::new(CHOSEN).expect("a pattern");
    let other = |name: &Captures<'_>| names.get(&name[0]).map_or(&name[0], String::as_str).to_string();
    chosen.replace_all(text, other).into_owned()
}

fn loosely(text: &str) -> String {
    LOOSE.iter().fold(text.to_string(), |text, (pattern, instead)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *instead).into_owned()
    })
}

/// The lines that only one of them has, in their order.
fn difference(page: &str, printed: &str) -> String {
    let (page, printed): (Vec<_>, Vec<_>) = (page.lines().collect(), printed.lines().collect());
    let mut lines = Vec::new();
    for at in 0..page.len().max(printed.len()) {
        match (page.get(at), printed.get(at)) {
            (Some(there), Some(here)) if there == here => lines.push(format!("  {there}")),
            (there, here) => {
                lines.extend(there.map(|line| format!("- {line}")));
                lines.extend(here.map(|line| format!("+ {line}")));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn a_name_stands_for_the_same_snapshot_all_along() {
    let mut names = Names::default();
    assert_eq!(names.compare("ts-1 of 12 KiB, 3 s ago", "ts-7 of 1.5 MiB, 250 ms ago"), None);
    assert_eq!(names.now("hotbackup show ts-1"), "hotbackup show ts-7");
    assert_eq!(names.compare("ts-2, ts-1", "ts-8, ts-7"), None);
    let swapped = names.compare("ts-2, ts-1", "ts-7, ts-8").expect("they are others");
    assert_eq!(swapped, "- ts-2, ts-1\n+ ts-1, ts-2");
    assert!(names.compare("2 files, 12 KiB", "3 files, 12 KiB").is_some(), "numbers count");
}

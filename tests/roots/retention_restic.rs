//! The rules keep what those of restic keep, which people know, of the same times.
//!
//! Two things differ on purpose. The newest stays here by whatever policy; restic removes it by one that has tags
//! alone. And restic from 0.16 on keeps the oldest too by a rule that has places left; here it is no more than the
//! others of its day. (Where its reasons say so it is left out here; 0.14, which Debian has, does not do it.)

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use hotbackup::{Candidate, Condition, Keep, Reason, Retention};

use crate::common::Place;
use crate::common::library::{has_that_answers, run};

const SNAPSHOTS: u64 = 36;
const RULES: [(Keep, &str); 6] = [
    (Keep::Newest, "last"),
    (Keep::Hourly, "hourly"),
    (Keep::Daily, "daily"),
    (Keep::Weekly, "weekly"),
    (Keep::Monthly, "monthly"),
    (Keep::Yearly, "yearly"),
];

/// Irregular times over some years, in order: minutes, hours, days and months apart, across the ends of years.
fn listing() -> Vec<Candidate> {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut seconds = 1_640_000_000; // December 2021
    let mut next = |number| {
        seconds += 1 + match random(5) {
            0 => random(3600),
            1 | 2 => random(2 * 86_400),
            3 => random(10 * 86_400),
            _ => random(100 * 86_400),
        };
        let tags = ["release", "weekly"].into_iter().filter(|_| random(6) == 0).map(str::to_owned).collect();
        Candidate {
            number,
            time: UNIX_EPOCH + Duration::from_secs(seconds),
            tags,
            condition: Condition::Good,
        }
    };
    (1..=SNAPSHOTS).map(&mut next).collect()
}

fn restic(repository: &Path) -> Command {
    let mut command = Command::new("restic");
    command.env("RESTIC_PASSWORD", "secret").env("TZ", "UTC").env("HOME", repository);
    command.args(["--quiet", "--no-cache", "--repo"]).arg(repository);
    command
}

/// Each as a backup of restic's of its own, tagged with its number.
fn back_up(repository: &Path, file: &Path, all: &[Candidate]) {
    for one in all {
        let seconds = one.time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let time = run(Command::new("date").args(["-u", "+%F %T", "-d"]).arg(format!("@{seconds}")));
        let mut command = restic(repository);
        command.args(["backup", "--time", time.trim(), "--tag", &format!("number-{}", one.number)]);
        one.tags.iter().for_each(|tag| _ = command.args(["--tag", tag]));
        run(command.arg(file));
    }
}

/// The numbers of those that restic keeps, but for what it keeps as the oldest alone.
fn kept_by_restic(repository: &Path, arguments: &[String]) -> BTreeSet<u64> {
    let mut command = restic(repository);
    command.args(["forget", "--dry-run", "--json", "--no-lock", "--group-by", ""]).args(arguments);
    let told: serde_json::Value = serde_json::from_str(&run(&mut command)).expect("restic's JSON");
    let reasons = told[0]["reasons"].as_array().into_iter().flatten();
    let counts = |matched: &serde_json::Value| !matched.as_str().unwrap().starts_with("oldest");
    let number = |kept: &serde_json::Value| {
        let tags = kept["snapshot"]["tags"].as_array().expect("tags").iter();
        tags.filter_map(|tag| tag.as_str()?.strip_prefix("number-")?.parse().ok()).next().expect("a number")
    };
    reasons.filter(|kept| kept["matches"].as_array().unwrap().iter().any(counts)).map(number).collect()
}

fn kept_here(retention: &Retention, all: &[Candidate]) -> BTreeSet<u64> {
    let now = all.last().unwrap().time + Duration::from_secs(86_400);
    let reasons = retention.reasons(all, now);
    let stays = all.iter().zip(reasons).filter(|(_, reasons)| reasons != &[Reason::NoRule]);
    stays.map(|(one, _)| one.number).collect()
}

/// A policy in both tongues.
struct Both {
    retention: Retention,
    arguments: Vec<String>,
}

impl Both {
    fn new(counts: [u32; 6], within: Option<(&str, u64)>, tags: &[&str]) -> Self {
        let mut both = Self { retention: Retention::new(), arguments: Vec::new() };
        for ((rule, name), count) in RULES.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            both.retention.keep(rule, count);
            both.arguments.push(format!("--keep-{name}={count}"));
        }
        if let Some((text, hours)) = within {
            both.retention.keep_within(Duration::from_secs(hours * 3600));
            both.arguments.push(format!("--keep-within={text}"));
        }
        for tag in tags {
            both.retention.keep_tag(tag);
            both.arguments.push(format!("--keep-tag={tag}"));
        }
        both
    }

    /// Each rule alone with few and with many, then several together.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for rule in 0..RULES.len() {
            for count in [3, 1000] {
                let mut counts = [0; 6];
                counts[rule] = count;
                all.push(Self::new(counts, None, &[]));
            }
        }
        all.push(Self::new([0; 6], Some(("40d", 960)), &[]));
        all.push(Self::new([0; 6], Some(("300d5h", 7205)), &[]));
        all.push(Self::new([0; 6], None, &["release"]));
        all.push(Self::new([0; 6], None, &["release", "weekly"]));
        all.push(Self::new([2, 4, 7, 4, 12, 2], None, &[]));
        all.push(Self::new([0, 0, 5, 3, 2, 10], Some(("20d12h", 492)), &["weekly"]));
        all
    }
}

#[test]
fn each_rule_keeps_what_that_of_restic_keeps_of_the_same_times() {
    if !has_that_answers("restic", "version") {
        return;
    }
    let place = Place::in_memory();
    let (repository, file, all) = (place.beside("repository"), place.beside("file"), listing());
    std::fs::write(&file, b"the same in each").unwrap();
    run(restic(&repository).arg("init"));
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(2)) {
            let (repository, file) = (&repository, &file);
            scope.spawn(move || back_up(repository, file, part));
        }
    });
    let newest = all.last().unwrap().number;
    for both in Both::all() {
        let mut theirs = kept_by_restic(&repository, &both.arguments);
        theirs.insert(newest);
        assert_eq!(kept_here(&both.retention, &all), theirs, "{:?}", both.arguments);
    }
}

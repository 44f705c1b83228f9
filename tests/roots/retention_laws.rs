//! The laws of retention, whatever the listing, the policy and the clocks: no disk, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotbackup::{Candidate, Condition, Keep, Reason, Retention};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// The time of now, around which those of the listings lie.
const NOW: u64 = 1_790_000_000;

const RULES: [Keep; 6] = [Keep::Newest, Keep::Hourly, Keep::Daily, Keep::Weekly, Keep::Monthly, Keep::Yearly];

/// A policy as plain data: the counts of [`RULES`], hours, tags.
type Rules = (Vec<u32>, u64, BTreeSet<String>);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn policy((counts, hours, tags): &Rules) -> Retention {
    let mut retention = Retention::new();
    for (rule, count) in RULES.into_iter().zip(counts) {
        retention.keep(rule, *count);
    }
    retention.keep_within(Duration::from_secs(hours * 3600));
    tags.iter().for_each(|tag| _ = retention.keep_tag(tag));
    retention
}

/// Every other one has no counts, so that tags and ages are seen alone.
fn rules() -> impl Strategy<Value = Rules> {
    let counts = prop_oneof![vec(0u32..5, RULES.len()), Just(vec![0; RULES.len()])];
    let hours = prop_oneof![Just(0), 0u64..100, 0u64..20_000];
    let tags = prop::sample::subsequence(vec!["a".to_string(), "b".to_string()], 0..=2);
    (counts, hours, tags).prop_map(|(counts, hours, tags)| (counts, hours, tags.into_iter().collect()))
}

/// Times as clocks tell them that were set back, stood still, or ran ahead of `NOW`.
fn time() -> impl Strategy<Value = u64> {
    let near = |span: u64| NOW - span..NOW + span / 4;
    prop_oneof![near(4), near(50_000), near(5_000_000), near(200_000_000), Just(0), Just(NOW * 4)]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![6 => Just(Condition::Good), 2 => Just(Condition::Damaged), 1 => Just(Condition::Unreadable)]
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let tags = prop::sample::subsequence(vec!["a".to_string(), "b".to_string(), "c".to_string()], 0..=2);
    (time(), tags, condition()).prop_map(|(time, tags, condition)| Candidate {
        number: 0,
        time: at(time),
        tags,
        condition,
    })
}

/// A listing of different names, in no order; some have no good one.
fn listing() -> impl Strategy<Value = Vec<Candidate>> {
    let spoilt = prop_oneof![5 => Just(None), 1 => Just(Some(Condition::Damaged))];
    let named = |spoilt: Option<Condition>, number, one: Candidate| {
        let spoilt = spoilt.filter(|_| one.condition == Condition::Good);
        Candidate { number, condition: spoilt.unwrap_or(one.condition), ..one }
    };
    (spoilt, btree_map(0u64..1000, candidate(), 0..40))
        .prop_map(move |(spoilt, all)| {
            all.into_iter().map(|(number, one)| named(spoilt, number, one)).collect::<Vec<_>>()
        })
        .prop_shuffle()
}

fn goes(reasons: &[Reason]) -> bool {
    reasons == [Reason::NoRule]
}

/// Those that stay, by their numbers.
fn kept(retention: &Retention, listing: &[Candidate]) -> BTreeSet<u64> {
    let reasons = retention.reasons(listing, at(NOW));
    listing.iter().zip(&reasons).filter(|(_, reasons)| !goes(reasons)).map(|(one, _)| one.number).collect()
}

fn those_that_stay(retention: &Retention, listing: &[Candidate]) -> Vec<Candidate> {
    let kept = kept(retention, listing);
    listing.iter().filter(|one| kept.contains(&one.number)).cloned().collect()
}

fn are(listing: &[Candidate], condition: Condition) -> BTreeSet<u64> {
    listing.iter().filter(|one| one.condition == condition).map(|one| one.number).collect()
}

fn without(listing: &[Candidate], dropped: impl Fn(&Candidate) -> bool) -> Vec<Candidate> {
    listing.iter().filter(|one| !dropped(one)).cloned().collect()
}

fn difference(of: &BTreeSet<u64>, and: &BTreeSet<u64>) -> Vec<u64> {
    of.difference(and).copied().collect()
}

fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) }
}

#[test]
fn the_newest_good_one_stays() {
    proptest!(cases(), |(rules in rules(), all in listing())| {
        let kept = kept(&policy(&rules), &all);
        match are(&all, Condition::Good).last() {
            Some(newest) => prop_assert!(kept.contains(newest)),
            None => prop_assert_eq!(kept.len(), all.len(), "without a good one nothing goes"),
        }
    });
}

#[test]
fn what_is_left_is_left_alone_by_the_next_prune() {
    proptest!(cases(), |(rules in rules(), all in listing(), used in any::<u64>())| {
        let retention = policy(&rules);
        let left = those_that_stay(&retention, &all);
        prop_assert_eq!(&those_that_stay(&retention, &left), &left);
        // Some of what should have gone was being read: what stays for its reasons stays all the same.
        let kept = kept(&retention, &all);
        let is_used = |one: &Candidate| used >> (one.number % 64) & 1 == 1;
        let more = without(&all, |one| !kept.contains(&one.number) && !is_used(one));
        let rest = without(&more, |one| !kept.contains(&one.number));
        prop_assert_eq!(those_that_stay(&retention, &more), rest);
    });
}

#[test]
fn a_more_generous_policy_keeps_all_that_a_lesser_one_does() {
    proptest!(cases(), |(rules in rules(), more in rules(), all in listing())| {
        let counts = rules.0.iter().zip(&more.0).map(|(a, b)| a + b).collect();
        let generous = (counts, rules.1 + more.1, rules.2.union(&more.2).cloned().collect());
        let (lesser, generous) = (kept(&policy(&rules), &all), kept(&policy(&generous), &all));
        prop_assert!(lesser.is_subset(&generous), "{:?} go", difference(&lesser, &generous));
    });
}

#[test]
fn the_order_of_the_listing_does_not_matter() {
    let twice = || listing().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()));
    proptest!(cases(), |(rules in rules(), (all, shuffled) in twice())| {
        let by_number = |all: &[Candidate]| {
            let reasons = policy(&rules).reasons(all, at(NOW));
            all.iter().map(|one| one.number).zip(reasons).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(by_number(&all), by_number(&shuffled));
    });
}

#[test]
fn unreadable_ones_never_go_and_change_no_others_fate() {
    proptest!(cases(), |(rules in rules(), all in listing())| {
        let retention = policy(&rules);
        let is_unreadable = |one: &Candidate| one.condition == Condition::Unreadable;
        let mut others = Vec::new();
        for (one, reasons) in all.iter().zip(retention.reasons(&all, at(NOW))) {
            prop_assert_eq!(is_unreadable(one), reasons == [Reason::Unreadable]);
            others.extend((!is_unreadable(one)).then_some(reasons));
        }
        prop_assert_eq!(retention.reasons(&without(&all, is_unreadable), at(NOW)), others);
    });
}

#[test]
fn damaged_ones_take_no_good_ones_place() {
    proptest!(cases(), |(rules in rules(), all in listing())| {
        let retention = policy(&rules);
        let good = are(&all, Condition::Good);
        let rest = without(&all, |one| one.condition != Condition::Good);
        let good_that_stay = &kept(&retention, &all) & &good;
        prop_assert_eq!(good_that_stay, kept(&retention, &rest));
        // And one stays only where it would if all were good, or where there is nothing better. (Those that
        // are newer than the newest good one stay as they are: "within" is then counted from the same time.)
        if let Some(newest) = good.last() {
            let mut healed = all.clone();
            for one in healed.iter_mut().filter(|one| one.number < *newest) {
                if one.condition == Condition::Damaged {
                    one.condition = Condition::Good;
                }
            }
            let is_older = |number: &u64| number < newest;
            let stay = &kept(&retention, &all) & &are(&all, Condition::Damaged);
            let stay: BTreeSet<u64> = stay.into_iter().filter(is_older).collect();
            let healed = kept(&retention, &healed);
            prop_assert!(stay.is_subset(&healed), "{:?} stay", difference(&stay, &healed));
        }
    });
}

/// Those of a listing that a rule keeps by its count.
fn counted(rule: Keep, count: u32, listing: &[Candidate]) -> BTreeSet<u64> {
    let reasons = Retention::new().keep(rule, count).reasons(listing, at(NOW));
    let is_counted = |reason: &Reason| matches!(reason, Reason::Counted { .. });
    let stays = listing.iter().zip(reasons).filter(|(_, reasons)| reasons.iter().any(is_counted));
    stays.map(|(one, _)| one.number).collect()
}

/// The law of clocks that jump. A rule that counts loses at most one place to a snapshot, whatever its time is: so
/// one whose clock was wrong costs each rule at most one of those that it keeps, and makes it keep no other.
#[test]
fn a_time_that_is_wrong_costs_a_rule_at_most_one_place() {
    let rule = || (prop::sample::select(RULES.to_vec()), 1u32..8);
    let wrong = || (time(), any::<prop::sample::Index>());
    proptest!(cases(), |((rule, count) in rule(), all in listing(), (time, which) in wrong())| {
        let mut all = without(&all, |one| one.condition != Condition::Good);
        prop_assume!(!all.is_empty());
        let which = which.index(all.len());
        all[which].time = at(time);
        let wrong = all[which].number;
        let with = counted(rule, count, &all);
        let without = counted(rule, count, &without(&all, |one| one.number == wrong));
        let (lost, won) = (difference(&without, &with), difference(&with, &without));
        prop_assert!(lost.len() <= 1, "{without:?} became {with:?}");
        prop_assert!(won.iter().all(|number| *number == wrong), "{without:?} became {with:?}");
    });
}

/// And of those that are within a time by the clock of now none goes, whatever the others' times are.
#[test]
fn what_is_young_by_the_clock_stays_whatever_the_other_times_are() {
    proptest!(cases(), |(hours in 1u64..5000, all in listing())| {
        let retention = policy(&(vec![0; RULES.len()], hours, BTreeSet::new()));
        let kept = kept(&retention, &all);
        for one in all.iter().filter(|one| one.time >= at(NOW - hours * 3600)) {
            prop_assert!(kept.contains(&one.number), "{one:?} goes");
        }
    });
}

fn good(number: u64, seconds: u64) -> Candidate {
    Candidate { number, time: at(seconds), tags: Vec::new(), condition: Condition::Good }
}

#[test]
fn each_rule_counts_the_newest_of_each_of_its_last_hours_and_days() {
    const HOUR: u64 = 3600;
    // Midnight of a Monday, the first of a month.
    let monday = 1_748_736_000 + 24 * HOUR;
    let times = [monday - 25 * HOUR, monday - HOUR, monday - 1, monday, monday + 10, monday + 2 * HOUR];
    let all: Vec<_> = (1..).zip(times).map(|(number, time)| good(number, time)).collect();
    let kept = |rule, count| kept(Retention::new().keep(rule, count), &all).into_iter().collect::<Vec<_>>();
    assert_eq!(kept(Keep::Newest, 2), [5, 6]);
    assert_eq!(kept(Keep::Hourly, 3), [3, 5, 6]);
    assert_eq!(kept(Keep::Daily, 9), [1, 3, 6]);
    assert_eq!(kept(Keep::Daily, 2), [3, 6]);
    assert_eq!(kept(Keep::Weekly, 9), [3, 6]);
    assert_eq!(kept(Keep::Monthly, 9), [1, 6]);
    assert_eq!(kept(Keep::Yearly, 9), [6]);
}

#[test]
fn a_day_that_comes_again_takes_no_second_place() {
    // The clock was set back by a day for one snapshot, and forth again.
    let day = 86_400;
    let all = [
        good(1, 10 * day),
        good(2, 11 * day),
        good(3, 12 * day),
        good(4, 11 * day + 1),
        good(5, 12 * day + 1),
    ];
    let kept: Vec<_> = kept(Retention::new().keep_daily(3), &all).into_iter().collect();
    assert_eq!(kept, [1, 4, 5]);
}

#[test]
fn an_age_counts_from_the_newest_or_from_now_whichever_is_earlier() {
    let day = 86_400;
    let mut retention = Retention::new();
    retention.keep_within(Duration::from_secs(2 * day));
    let kept = |all: &[Candidate], now| {
        let reasons = retention.reasons(all, at(now));
        all.iter().zip(reasons).filter(|(_, why)| !goes(why)).map(|(one, _)| one.number).collect::<Vec<_>>()
    };
    let idle = [good(1, 10 * day), good(2, 11 * day), good(3, 13 * day)];
    assert_eq!(kept(&idle, 400 * day), [2, 3], "a host that was idle keeps what it had");
    let ahead = [good(1, 10 * day), good(2, 13 * day), good(3, 400 * day)];
    assert_eq!(kept(&ahead, 14 * day), [2, 3], "a clock that was ahead ages nothing");
    assert_eq!(kept(&ahead, 5 * day), [1, 2, 3], "nor does one that is behind");
    let all = Retention::new().keep_within(Duration::MAX).reasons(&idle, at(400 * day));
    assert!(!all.iter().any(|reasons| goes(reasons)));
}

#[test]
fn every_reason_is_told() {
    let mut retention = Retention::new();
    retention.keep_newest(2).keep_daily(7).keep_tag("release").keep_within(Duration::from_secs(600));
    let day = 86_400;
    let mut all = [
        good(9, 100 * day),
        good(8, 100 * day - 300),
        good(7, 90 * day),
        good(6, 90 * day - 1),
        good(5, 89 * day + 1),
        good(4, 1),
    ];
    all[1].condition = Condition::Damaged;
    all[2].tags = vec!["other".into(), "release".into()];
    all[4].condition = Condition::Damaged;
    all[5].condition = Condition::Unreadable;
    let told: Vec<String> = retention
        .reasons(&all, at(101 * day))
        .iter()
        .map(|reasons| reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", "))
        .collect();
    assert_eq!(
        told,
        [
            "newest 1 of 2, daily 1 of 7, within 10 minutes, the newest good one",
            "damaged, newest 2 of 2, daily 2 of 7, within 10 minutes",
            "newest 2 of 2, daily 2 of 7, tagged release",
            "daily 3 of 7",
            "no rule keeps it",
            "unreadable",
        ]
    );
}

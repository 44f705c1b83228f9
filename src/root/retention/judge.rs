//! The judgement: what a policy keeps of a listing.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::SystemTime;

use super::policy::{Keep, Retention};
use super::reason::Reason;

/// What a policy looks at of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The number in its name, `ts-<number>`: by it alone one is newer than another.
    pub number: u64,
    /// When its backup ended.
    pub time: SystemTime,
    /// Its tags.
    pub tags: Vec<String>,
    /// What is known of it.
    pub condition: Condition,
}

/// What is known of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It can be read, and nothing in it was found bad.
    Good,
    /// It can be read, but something in it was found bad.
    Damaged,
    /// It cannot be read.
    Unreadable,
}

impl Retention {
    /// Why each of a listing stays, or [`Reason::NoRule`] for one that goes; in the listing's order, which is
    /// of no importance. Neither a disk nor a clock is looked at.
    ///
    /// The rules are asked about the good ones. A damaged one is then asked about among good and damaged ones,
    /// so it takes no good one's place, and stays only where it would were it good. Without any good one
    /// nothing goes.
    pub fn reasons(&self, listing: &[Candidate], now: SystemTime) -> Vec<Vec<Reason>> {
        let mut order: Vec<usize> = (0..listing.len()).collect();
        order.sort_unstable_by_key(|&at| Reverse(listing[at].number));
        let is = |at: usize, condition| listing[at].condition == condition;
        let readable: Vec<usize> = order.into_iter().filter(|&at| !is(at, Condition::Unreadable)).collect();
        let good: Vec<usize> = readable.iter().copied().filter(|&at| is(at, Condition::Good)).collect();
        let newest = good.first().copied();
        let until = newest.map_or(now, |newest| now.min(listing[newest].time));

        let mut reasons = self.kept(listing, &good, until);
        for (at, would_stay) in self.kept(listing, &readable, until).into_iter().enumerate() {
            if is(at, Condition::Damaged) && !would_stay.is_empty() {
                reasons[at].push(Reason::Damaged);
                reasons[at].extend(would_stay);
            }
        }
        match newest {
            Some(newest) => reasons[newest].push(Reason::NewestGood),
            None => readable.iter().for_each(|&at| reasons[at].push(Reason::NoGoodOne)),
        }
        for (at, reasons) in reasons.iter_mut().enumerate().filter(|(_, reasons)| reasons.is_empty()) {
            let is_unreadable = is(at, Condition::Unreadable);
            reasons.push(if is_unreadable { Reason::Unreadable } else { Reason::NoRule });
        }
        reasons
    }

    /// What the rules keep of those of a listing that are `asked`, the newest first.
    fn kept(&self, listing: &[Candidate], asked: &[usize], until: SystemTime) -> Vec<Vec<Reason>> {
        let mut reasons = vec![Vec::new(); listing.len()];
        for rule in Keep::ALL {
            let of = self.count(rule);
            // A set, and not only the last one: with a clock that went back, a day may come twice.
            let mut met = HashSet::new();
            for &at in asked {
                if met.len() >= of as usize {
                    break;
                }
                if met.insert(rule.bucket(at, listing[at].time)) {
                    reasons[at].push(Reason::Counted { rule, place: met.len() as u32, of });
                }
            }
        }
        for &at in asked {
            let candidate = &listing[at];
            if let Some(age) = self.within() {
                // Before all time: then everything is within.
                let is_within = until.checked_sub(age).is_none_or(|since| candidate.time >= since);
                reasons[at].extend(is_within.then_some(Reason::Within(age)));
            }
            let tags = self.tags().iter().filter(|tag| candidate.tags.contains(tag));
            reasons[at].extend(tags.cloned().map(Reason::Tagged));
        }
        reasons
    }
}

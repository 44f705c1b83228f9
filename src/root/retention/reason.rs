//! Why a snapshot stays, or goes.

use std::fmt;
use std::time::Duration;

use super::policy::Keep;

/// Why a snapshot stays, or that no rule keeps it. As text it is what a user reads: `daily 2 of 14`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A rule keeps that many, and this is one of them.
    Counted {
        /// The rule.
        rule: Keep,
        /// Which it is of those that the rule keeps; 1: the newest.
        place: u32,
        /// How many the rule keeps.
        of: u32,
    },
    /// It is not older than that.
    Within(Duration),
    /// It has this tag.
    Tagged(String),
    /// The newest good one always stays.
    NewestGood,
    /// There is no good one, and so nothing that could take its place.
    NoGoodOne,
    /// Something in it was found bad. It stays for the reasons beside this one, which would keep it were it
    /// good, and takes no good one's place.
    Damaged,
    /// It cannot be read, so nobody knows what would go.
    Unreadable,
    /// A restore or a verification is reading it.
    InUse,
    /// It goes: no rule keeps it.
    NoRule,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Counted { rule, place, of } => write!(f, "{} {place} of {of}", rule.name()),
            Reason::Within(age) => write!(f, "within {}", in_words(*age)),
            Reason::Tagged(tag) => write!(f, "tagged {tag}"),
            Reason::NewestGood => f.write_str("the newest good one"),
            Reason::NoGoodOne => f.write_str("there is no good one"),
            Reason::Damaged => f.write_str("damaged"),
            Reason::Unreadable => f.write_str("unreadable"),
            Reason::InUse => f.write_str("in use"),
            Reason::NoRule => f.write_str("no rule keeps it"),
        }
    }
}

/// A time in the largest unit of which it is a whole number.
fn in_words(age: Duration) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];
    let ms = age.as_millis();
    let is_whole = age == Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
    match units.into_iter().find(|(unit, _)| is_whole && ms > 0 && ms.is_multiple_of(*unit)) {
        Some((unit, name)) if ms == unit => format!("1 {name}"),
        Some((unit, name)) => format!("{} {name}s", ms / unit),
        None => format!("{age:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_words() {
        let within = |seconds| Reason::Within(Duration::from_secs_f64(seconds)).to_string();
        assert_eq!([within(7.0 * 86_400.0), within(86_400.0)], ["within 7 days", "within 1 day"]);
        assert_eq!([within(36.0 * 3600.0), within(5400.0)], ["within 36 hours", "within 90 minutes"]);
        assert_eq!([within(61.0), within(0.25)], ["within 61 seconds", "within 250ms"]);
        assert_eq!(within(86_400.000_000_1), "within 86400.0000001s");
        let daily = Reason::Counted { rule: Keep::Daily, place: 2, of: 14 };
        assert_eq!(daily.to_string(), "daily 2 of 14");
        assert_eq!(Reason::Tagged("release".into()).to_string(), "tagged release");
    }
}

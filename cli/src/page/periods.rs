//! Snapshots put together by their times: for the columns of a chart, and by months.

use std::time::{Duration, SystemTime};

use crate::output::time;
use crate::survey::{Entry, State};

/// The columns of a chart.
pub const COLUMNS: usize = 80;

/// Less time than this is not spread over all columns.
const SHORTEST: Duration = Duration::from_secs(3600);

/// What the snapshots of one time were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub snapshots: u64,
    /// Of these, damaged or unreadable.
    pub bad: u64,
    /// The newest that can be read: its own bytes, and those it shares.
    pub size: Option<(u64, u64)>,
    /// The longest backup, and the longest stop of writes.
    pub took: Option<Duration>,
    pub freeze: Option<Duration>,
}

impl Sum {
    /// One more, which is older than those before.
    fn add(&mut self, entry: &Entry) {
        self.snapshots += 1;
        self.bad += u64::from(entry.state != State::Good);
        if entry.state != State::Unreadable {
            self.size.get_or_insert((entry.own_bytes(), entry.snapshot.bytes_shared()));
        }
        self.took = self.took.max(entry.took());
        self.freeze = self.freeze.max(entry.snapshot.freeze());
    }
}

/// The time that a chart shows, from its left end to its right.
pub struct Line {
    pub from: SystemTime,
    pub to: SystemTime,
    pub columns: Vec<Sum>,
}

impl Line {
    /// From the oldest snapshot until now; `None`: there is none.
    pub fn of(entries: &[Entry], now: SystemTime) -> Option<Self> {
        let times = || entries.iter().filter_map(Entry::when);
        let (from, newest) = (times().min()?, times().max()?);
        let to = newest.max(now).max(from + SHORTEST);
        let mut line = Self { from, to, columns: vec![Sum::default(); COLUMNS] };
        for entry in entries {
            if let Some(when) = entry.when() {
                let column = line.column(when);
                line.columns[column].add(entry);
            }
        }
        Some(line)
    }

    /// Whether days alone would not tell its ends apart.
    pub fn is_short(&self) -> bool {
        self.to.duration_since(self.from).is_ok_and(|whole| whole < Duration::from_secs(4 * 86_400))
    }

    fn column(&self, when: SystemTime) -> usize {
        let whole = self.to.duration_since(self.from).unwrap_or(SHORTEST).as_secs_f64();
        let since = when.duration_since(self.from).unwrap_or_default().as_secs_f64();
        ((since / whole * COLUMNS as f64) as usize).min(COLUMNS - 1)
    }

    /// When a column begins.
    pub fn begin(&self, column: usize) -> SystemTime {
        let whole = self.to.duration_since(self.from).unwrap_or(SHORTEST);
        self.from + whole.mul_f64(column as f64 / COLUMNS as f64)
    }
}

/// The snapshots of a month.
pub struct Month<'a> {
    pub name: String,
    pub entries: &'a [Entry],
    pub sum: Sum,
}

/// All by months, in their order. Where clocks jumped a month can come twice.
pub fn months(entries: &[Entry]) -> Vec<Month<'_>> {
    let is_same = |a: &Entry, b: &Entry| month(a) == month(b);
    let month_of = |entries| {
        let mut sum = Sum::default();
        <[Entry]>::iter(entries).for_each(|entry| sum.add(entry));
        Month { name: month(&entries[0]), entries, sum }
    };
    entries.chunk_by(is_same).map(month_of).collect()
}

fn month(entry: &Entry) -> String {
    entry.when().map_or_else(|| "At an unknown time".into(), time::month)
}

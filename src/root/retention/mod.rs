//! Retention: which snapshots a root keeps, and why. Nothing here looks at a disk or at a clock.

mod calendar;
mod judge;
mod policy;
mod reason;
mod verdict;

pub use judge::{Candidate, Condition};
pub use policy::{Keep, Retention};
pub use reason::Reason;
pub use verdict::Verdict;

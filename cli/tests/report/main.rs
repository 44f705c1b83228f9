//! What is made to look at, and for machines that look: the page, the metrics, the units of systemd.

mod browser;
mod common;
mod content;
mod metrics;
mod units;

//! libhotbackup_remote as its users have it: the header and the symbols that are committed, and the list of
//! scenarios (tests/scenarios/cases.txt) in C, C++, Python and Go, beside the libhotbackup of this test run.

mod common;
#[path = "../../../../build/header.rs"]
mod generator;
mod header;
#[path = "../../../../tests/common/python.rs"]
mod python;
mod scenarios;

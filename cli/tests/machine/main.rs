//! A machine with a database is lost, and comes back from an object store: the whole way by the command, as an operator
//! goes it.

#[path = "../../../remote/tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/library.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod library;

mod lost;
mod rocksdb;

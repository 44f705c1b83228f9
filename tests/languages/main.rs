//! The C API and what stands over it: C++, Go and Python.

#[path = "../common/mod.rs"]
mod common;

mod c_api;
mod cpp;
mod go;
mod go_builds;
mod python;
mod scenarios;

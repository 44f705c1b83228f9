//! What an installation and a Debian package bring.

#[path = "../common/mod.rs"]
mod common;

mod command;
mod deb;
mod installed;
mod prefix;
mod remote;

//! What an installation and a Debian package bring.

#[path = "../common/mod.rs"]
mod common;

mod deb;
mod installed;
mod prefix;

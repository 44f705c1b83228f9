//! Real engines: every key of what is restored is compared.

#[path = "../common/mod.rs"]
mod common;

mod alopex;
mod go_hosts;
mod hosts_lsm;
mod hosts_pages;
mod hosts_store;
mod redb;

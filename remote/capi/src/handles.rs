//! libhotbackup's handles, as this library sees them: pointers that it hands on.

/// A job of libhotbackup's.
#[derive(Debug)]
pub enum backup_job {}

/// Options of libhotbackup's.
#[derive(Debug)]
pub enum backup_options {}

/// An error of libhotbackup's.
#[derive(Debug)]
pub enum backup_error {}

/// libhotbackup's table.
#[derive(Debug)]
pub enum backup_extension {}

/// libhotbackup's codes.
pub type backup_code = i32;

/// Done.
pub const OK: backup_code = 0;

//! Manifests are hostile until they are proved otherwise: whatever the bytes, reading them ends.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hotbackup::fuzz::manifest(bytes));

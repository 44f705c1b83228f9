//! The units of systemd.

#[test]
fn stub() { let _ = crate::common::sources(); }

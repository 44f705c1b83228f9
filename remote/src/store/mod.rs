//! The object store: what lies where, through one guest thread that owns the client.

//! Room: a public append-only log

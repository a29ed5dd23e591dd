//! Signing keys in files

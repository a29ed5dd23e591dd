//! Runs one untrusted command over named inputs

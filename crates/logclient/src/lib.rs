//! Talks to a log: submit, follow, blobs

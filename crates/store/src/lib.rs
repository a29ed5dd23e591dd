//! Durable create-only blobs and SQLite

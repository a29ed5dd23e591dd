//! Who is asked: each back end, and the tests that ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use log::{Directory, Fence, PostgresTable, Shelf, SqliteTable, Table};
use tempfile::TempDir;

use crate::postgres_server::PostgresServer;
use crate::s3_server::{Conditions, S3Server};
use crate::{shelf_contract, table_contract};

/// A directory for SQLite or files.
struct Embedded(TempDir);

impl Embedded {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl table_contract::Place for Embedded {
    async fn open(&self) -> Arc<dyn Table> {
        let path = self.0.path().join("log.sqlite3");
        Arc::new(SqliteTable::open(&path).await.unwrap())
    }

    async fn depose(&self, next: &dyn Table) -> Fence {
        // It does not know who leads.
        next.lead().await.unwrap()
    }
}

impl shelf_contract::Place for Embedded {
    async fn open(&self) -> Arc<dyn Shelf> {
        Arc::new(Directory::open(&self.0.path().join("public")).unwrap())
    }
}

/// One schema of a server.
struct Schema<'a> {
    server: &'a PostgresServer,
    schema: String,
}

impl table_contract::Place for Schema<'_> {
    async fn open(&self) -> Arc<dyn Table> {
        let url = self.server.secret();
        let table = PostgresTable::open(&url, &self.schema, "http://127.0.0.1:1").await;
        Arc::new(table.unwrap())
    }

    /// As when the leader's connection is cut and it does not notice.
    async fn depose(&self, next: &dyn Table) -> Fence {
        self.server.cut_leaders();
        next.lead().await.unwrap()
    }
}

/// One part of a bucket.
struct Part<'a> {
    server: &'a S3Server,
    prefix: String,
}

impl shelf_contract::Place for Part<'_> {
    async fn open(&self) -> Arc<dyn Shelf> {
        Arc::new(self.server.shelf(&self.prefix))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_sentence_of_the_tables_contract() {
    table_contract::every_sentence(async || Embedded::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_every_sentence_of_the_tables_contract() {
    let server = PostgresServer::start();
    let fresh = async || Schema {
        server: &server,
        schema: server.new_schema(),
    };
    table_contract::every_sentence(fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_every_sentence_of_the_shelfs_contract() {
    shelf_contract::every_sentence(async || Embedded::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_every_sentence_of_the_shelfs_contract() {
    ask_s3(Conditions::Kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_ignores_conditions_keeps_every_sentence_of_the_shelfs_contract() {
    ask_s3(Conditions::Ignored).await;
}

async fn ask_s3(conditions: Conditions) {
    let server = S3Server::start(conditions).await;
    let number = AtomicU32::new(0);
    let fresh = async || Part {
        server: &server,
        prefix: format!("log/{}", number.fetch_add(1, Ordering::Relaxed)),
    };
    shelf_contract::every_sentence(fresh).await;
}

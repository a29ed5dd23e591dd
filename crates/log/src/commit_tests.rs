//! What a writer says of a commit that failed while another process took the lead.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::Arc;

use crate::batch::Batch;
use crate::directory::Directory;
use crate::error::LogError;
use crate::growth::Growth;
use crate::sqlite::SqliteTable;
use crate::table::{Fence, Mark, SignedTree, State, Table, Work};
use crate::write::writing_side;

/// Another process takes the lead and writes just before each write of this one, whose connection breaks then.
#[derive(Debug)]
struct Overtaken(SqliteTable);

impl Table for Overtaken {
    fn lead(&self) -> Work<'_, Fence> {
        self.0.lead()
    }
    fn state(&self) -> Work<'_, State> {
        self.0.state()
    }
    fn append<'a>(&'a self, _: Fence, batch: &'a Batch, _: Mark) -> Work<'a, ()> {
        Box::pin(async move {
            let theirs = self.0.lead().await?;
            let mut other = Batch::new(batch.first());
            other.push(b"theirs").unwrap();
            self.0.append(theirs, &other, Mark::EMPTY).await?;
            Err(LogError::Row {
                table: "tail",
                what: "the connection broke".to_owned(),
            })
        })
    }
    fn tail(&self, index: u64) -> Work<'_, Option<Batch>> {
        self.0.tail(index)
    }
    fn keep_signed<'a>(
        &'a self,
        fence: Fence,
        previous: Option<Mark>,
        next: &'a SignedTree,
    ) -> Work<'a, ()> {
        self.0.keep_signed(fence, previous, next)
    }
    fn archive<'a>(&'a self, fence: Fence, size: u64, note: &'a str) -> Work<'a, ()> {
        self.0.archive(fence, size, note)
    }
    fn archived(&self) -> Work<'_, Vec<(u64, String)>> {
        self.0.archived()
    }
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.close()
    }
}

#[tokio::test]
async fn a_commit_that_broke_under_another_leader_says_that_this_one_is_deposed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.sqlite3");
    let table = SqliteTable::open(&file).await.unwrap();
    let table: Arc<dyn Table> = Arc::new(Overtaken(table));
    let shelf = Arc::new(Directory::open(&dir.path().join("public")).unwrap());
    let fence = table.lead().await.unwrap();
    let stores = (Arc::clone(&table), shelf as Arc<dyn crate::shelf::Shelf>);
    let (mut writer, integrator, _) = writing_side(stores, fence, Growth::default(), Mark::EMPTY);
    let mut batch = Batch::new(0);
    batch.push(b"ours").unwrap();
    let broken = writer.commit(&batch).await.unwrap_err();
    assert!(
        matches!(broken, LogError::Deposed { ours, theirs } if ours == fence.0 && theirs > ours),
        "{broken}"
    );
    drop(integrator);
}

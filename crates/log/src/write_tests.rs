//! The writing side over the embedded back ends: one history, whoever writes, and nothing lost.

use std::collections::BTreeMap;
use std::path::Path;

use tlog::{Frontier, leaf_hash};
use tokio::task::JoinHandle;

use super::*;
use crate::directory::Directory;
use crate::entries::Entries;
use crate::growth::outgrown;
use crate::sqlite::SqliteTable;
use crate::table::{SignedTree, State};

struct Engine {
    table: Arc<dyn Table>,
    shelf: Arc<dyn Shelf>,
    fence: Fence,
    state: State,
    writer: Writer,
    wishes: Arc<Wishes>,
    integrator: JoinHandle<Result<(), LogError>>,
}

async fn back_ends(dir: &Path) -> (Arc<dyn Table>, Arc<dyn Shelf>) {
    let table = SqliteTable::open(&dir.join("log.sqlite3")).await.unwrap();
    let shelf = Directory::open(&dir.join("public")).unwrap();
    (Arc::new(table), Arc::new(shelf))
}

impl Engine {
    /// Leads a log, without the lock of its directory.
    async fn lead(dir: &Path) -> Result<Self, LogError> {
        let (table, shelf) = back_ends(dir).await;
        let fence = table.lead().await?;
        let state = table.state().await?;
        let entries = Entries::new(Arc::clone(&table), Arc::clone(&shelf));
        let (mut growth, mut files) = (Growth::default(), Vec::new());
        while growth.size() < state.sequenced {
            let batch = entries.replay_from(growth.size(), &state).await?;
            growth.append(&batch, &mut files);
        }
        shelf.create_many(files).await?;
        let stores = (Arc::clone(&table), Arc::clone(&shelf));
        let (writer, integrator, wishes) = writing_side(stores, fence, growth, state.integrated);
        Ok(Self {
            table,
            shelf,
            fence,
            state,
            writer,
            wishes,
            integrator: tokio::spawn(integrator.run()),
        })
    }

    async fn add(&mut self, entries: &[String]) -> Result<(), LogError> {
        let mut batch = Batch::new(self.writer.next_index());
        for entry in entries {
            batch.push(entry.as_bytes()).unwrap();
        }
        self.writer.commit(&batch).await?;
        self.writer.hand_over(batch).await
    }

    /// Signs the tree as it is; what this returns was shown.
    async fn sign(&mut self) -> Result<Mark, LogError> {
        let mark = self.wishes.checkpoint(self.writer.next_index());
        let mark = mark.await.map_err(|_| LogError::Ended { part: "test" })?;
        let previous = self.state.signed.as_ref().map(|signed| signed.mark);
        let next = SignedTree {
            mark,
            note: format!("{}", mark.size),
        };
        self.table.keep_signed(self.fence, previous, &next).await?;
        self.state.signed = Some(next);
        Ok(mark)
    }

    async fn stop(self) {
        drop(self.writer);
        self.integrator.await.unwrap().unwrap();
        self.table.close().await;
    }
}

/// The roots at all sizes of the log in a directory, and its entries.
async fn history(dir: &Path) -> (Vec<Hash>, Vec<String>) {
    let (table, shelf) = back_ends(dir).await;
    let state = table.state().await.unwrap();
    let entries = Entries::new(table, shelf);
    let mut frontier = Frontier::new();
    let (mut roots, mut all) = (vec![frontier.root()], Vec::new());
    while frontier.size() < state.sequenced {
        let start = frontier.size();
        let batch = entries.replay_from(start, &state).await.unwrap();
        for index in start..batch.end() {
            let entry = batch.get(index).unwrap();
            frontier.append(leaf_hash(entry));
            roots.push(frontier.root());
            all.push(String::from_utf8(entry.to_vec()).unwrap());
        }
    }
    (roots, all)
}

use tlog::Hash;

/// What one process did: its acknowledged entries by index, its signed trees.
#[derive(Default)]
struct Done {
    acknowledged: BTreeMap<u64, String>,
    signed: Vec<Mark>,
    deposed: usize,
}

/// Leads, writes and signs until deposed; then again, until it was done often enough.
async fn contend(dir: &Path, name: &str, turns: usize) -> Done {
    let mut done = Done::default();
    let mut number = 0;
    for _ in 0..turns {
        let Ok(mut engine) = Engine::lead(dir).await else {
            // Deposed while it replayed.
            continue;
        };
        let ended = loop {
            let first = engine.writer.next_index();
            let entries: Vec<String> = (number..number + 40)
                .map(|n| format!("{name} {n}"))
                .collect();
            number += 40;
            if let Err(error) = engine.add(&entries).await {
                break error;
            }
            done.acknowledged.extend((first..).zip(entries));
            match engine.sign().await {
                Ok(mark) => done.signed.push(mark),
                Err(error) => break error,
            }
            if done.signed.len() > turns * 8 {
                engine.stop().await;
                return done;
            }
        };
        assert!(
            ended.is_final() && !matches!(ended, LogError::StateUnknown(_)),
            "{ended}"
        );
        done.deposed += 1;
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_log_sign_one_history_and_lose_no_entry() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().to_owned();
    let other = dir.clone();
    let one = tokio::spawn(async move { contend(&other, "one", 8).await });
    let two = contend(&dir, "two", 8).await;
    let one = one.await.unwrap();
    assert!(one.deposed + two.deposed > 0, "they never met");
    let (roots, entries) = history(&dir).await;
    let mut seen = BTreeMap::new();
    for mark in one.signed.iter().chain(&two.signed) {
        assert_eq!(
            roots[mark.size as usize], mark.root,
            "another history was signed"
        );
        let before = seen.insert(mark.size, mark.root);
        assert!(before.is_none_or(|root| root == mark.root));
    }
    for (index, entry) in one.acknowledged.iter().chain(&two.acknowledged) {
        assert_eq!(entries[*index as usize], *entry);
    }
    let acknowledged = one.acknowledged.len() + two.acknowledged.len();
    assert!(acknowledged <= entries.len() && acknowledged > 80);
}

#[tokio::test]
async fn the_one_that_was_deposed_can_write_nothing_any_more() {
    let root = tempfile::tempdir().unwrap();
    let mut first = Engine::lead(root.path()).await.unwrap();
    first.add(&["a".to_owned()]).await.unwrap();
    let mark = first.sign().await.unwrap();
    let mut second = Engine::lead(root.path()).await.unwrap();
    assert_eq!(second.state.signed.as_ref().unwrap().mark, mark);

    let refused = first.add(&["b".to_owned()]).await.unwrap_err();
    assert!(
        matches!(refused, LogError::Deposed { ours: 1, theirs: 2 }),
        "{refused}"
    );
    let refused = first.sign().await.unwrap_err();
    assert!(matches!(refused, LogError::Deposed { .. }), "{refused}");
    let refused = first
        .table
        .archive(first.fence, 1, "note")
        .await
        .unwrap_err();
    assert!(matches!(refused, LogError::Deposed { .. }), "{refused}");

    second.add(&["c".to_owned()]).await.unwrap();
    second.sign().await.unwrap();
    assert_eq!(history(root.path()).await.1, ["a", "c"]);
}

#[tokio::test]
async fn what_was_signed_last_is_compared_before_the_next_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let mut engine = Engine::lead(root.path()).await.unwrap();
    engine.add(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    let mark = engine.sign().await.unwrap();
    // Again at the same size, with the same root: a refresh.
    assert_eq!(engine.sign().await.unwrap(), mark);
    let keep = async |previous, size, root| {
        let next = SignedTree {
            mark: Mark { size, root },
            note: String::new(),
        };
        engine
            .table
            .keep_signed(engine.fence, previous, &next)
            .await
    };
    let other = leaf_hash(b"other");
    assert!(matches!(
        keep(None, 2, mark.root).await,
        Err(LogError::Moved { .. })
    ));
    assert!(matches!(
        keep(Some(Mark { size: 1, ..mark }), 2, mark.root).await,
        Err(LogError::Moved { .. })
    ));
    assert!(matches!(
        keep(Some(mark), 2, other).await,
        Err(LogError::Row { .. })
    ));
    assert!(matches!(
        keep(Some(mark), 1, other).await,
        Err(LogError::Row { .. })
    ));
    assert!(matches!(
        keep(Some(mark), 3, other).await,
        Err(LogError::Moved { .. })
    ));
    keep(Some(mark), 2, mark.root).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_does_not_follow_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut engine = Engine::lead(root.path()).await.unwrap();
    engine.add(&["a".to_owned()]).await.unwrap();
    for first in [0, 2] {
        let mut batch = Batch::new(first);
        batch.push(b"x").unwrap();
        let refused = engine.table.append(engine.fence, &batch, Mark::EMPTY).await;
        assert!(matches!(refused, Err(LogError::Moved { found: 1, .. })));
    }
    assert_eq!(history(root.path()).await.1, ["a"]);
}

#[tokio::test]
async fn the_tail_keeps_what_is_in_no_full_bundle_and_nothing_is_lost_over_restarts() {
    let root = tempfile::tempdir().unwrap();
    let mut number = 0;
    for round in 0..6u64 {
        let mut engine = Engine::lead(root.path()).await.unwrap();
        for _ in 0..5 {
            let entries: Vec<String> = (number..number + 77)
                .map(|n| format!("entry {n}"))
                .collect();
            number += 77;
            engine.add(&entries).await.unwrap();
            let mark = engine.sign().await.unwrap();
            assert_eq!(mark.size, number);
        }
        let state = engine.table.state().await.unwrap();
        // What the last batch but one filled is forgotten with the last one.
        assert_eq!(state.integrated.size, (number - 77) / 256 * 256);
        let kept = engine.table.tail(state.integrated.size).await.unwrap();
        assert!(kept.is_some());
        if let Some(before) = state.integrated.size.checked_sub(77) {
            assert_eq!(
                engine.table.tail(before).await.unwrap(),
                None,
                "round {round}"
            );
        }
        engine.stop().await;
    }
    let (_, entries) = history(root.path()).await;
    let expected: Vec<String> = (0..number).map(|n| format!("entry {n}")).collect();
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn partial_files_are_forgotten_only_where_the_full_one_is_there() {
    let root = tempfile::tempdir().unwrap();
    let mut engine = Engine::lead(root.path()).await.unwrap();
    for _ in 0..5 {
        let entries: Vec<String> = (0..120).map(|n| n.to_string()).collect();
        engine.add(&entries).await.unwrap();
        engine.sign().await.unwrap();
    }
    let public = root.path().join("public");
    let is_there = |path: &str| public.join(path).exists();
    let full: Vec<String> = outgrown(0, 600).collect();
    assert_eq!(full.len(), 4);
    // A disk that lost one of the full ones.
    std::fs::remove_file(public.join("tile/0/000")).unwrap();
    for _ in 0..2 {
        engine.shelf.forget_partials(full.clone()).await.unwrap();
        assert!(is_there("tile/0/000.p/120") && is_there("tile/0/000.p/240"));
        assert!(!is_there("tile/0/001.p") && !is_there("tile/entries/000.p"));
        assert!(is_there("tile/entries/000") && is_there("tile/0/001"));
        assert!(is_there("tile/0/002.p/88") && is_there("tile/entries/002.p/88"));
        assert!(is_there("tile/1/000.p/2"));
    }
}

/// Wish and next batch come while the integrator sleeps, so that it wakes up to both: in whatever order it looks, it
/// must not go past the size that was wished for first.
#[tokio::test]
async fn a_wish_made_before_a_batch_was_handed_over_is_granted_at_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = Engine::lead(dir.path()).await.unwrap();
    for round in 0..40 {
        engine.add(&[format!("first {round}")]).await.unwrap();
        // It is idle when it granted this.
        let settled = engine.wishes.checkpoint(engine.writer.next_index());
        settled.await.unwrap();
        let size = engine.writer.next_index();
        let mut batch = Batch::new(size);
        batch.push(format!("second {round}").as_bytes()).unwrap();
        engine.writer.commit(&batch).await.unwrap();
        let wished = engine.wishes.checkpoint(size);
        engine.writer.hand_over(batch).await.unwrap();
        let granted = tokio::time::timeout(std::time::Duration::from_secs(20), wished);
        assert_eq!(granted.await.unwrap().unwrap().size, size, "round {round}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_wish_for_a_tree_that_was_passed_is_refused_and_not_left_waiting() {
    let root = tempfile::tempdir().unwrap();
    let mut engine = Engine::lead(root.path()).await.unwrap();
    engine.add(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(engine.sign().await.unwrap().size, 2);
    let passed = engine.wishes.checkpoint(1);
    assert!(passed.await.is_err());
    assert!(!engine.wishes.is_closed());
    assert_eq!(engine.sign().await.unwrap().size, 2);
    engine.stop().await;
}

//! Every sentence of the contract in `table.rs`, asked of any back end.

use std::sync::Arc;

use crate::signed_contract::{
    nothing_is_signed_that_is_not_sequenced, of_many_who_sign_after_one_tree_one_does,
    only_what_follows_may_be_signed, the_first_note_of_a_size_is_archived,
    the_same_tree_may_be_signed_again,
};
use log::{Batch, Fence, LogError, Mark, SignedTree, State, Table};
use tlog::Hash;

/// Rows under test, of one log that nobody wrote to yet.
pub trait Place {
    /// A way to the rows, as another process has it.
    async fn open(&self) -> Arc<dyn Table>;

    /// Has `next` lead although the former leader lives.
    async fn depose(&self, next: &dyn Table) -> Fence;
}

/// Asks every sentence of fresh rows each; the last name printed is the one that does not hold.
pub async fn every_sentence<P: Place>(fresh: impl AsyncFn() -> P) {
    macro_rules! hold {
        ($($sentence:ident),* $(,)?) => {$(
            println!("{}", stringify!($sentence));
            $sentence(&fresh().await).await;
        )*};
    }
    hold!(
        a_new_table_is_empty,
        what_was_written_is_there_for_every_process,
        a_fence_only_grows,
        every_write_under_another_fence_is_refused_and_changes_nothing,
        an_append_stands_only_where_the_last_one_ended,
        a_refused_append_leaves_nothing,
        of_many_appends_at_one_place_one_stands,
        who_leads_next_reads_everything_written_before,
        only_what_follows_may_be_signed,
        the_same_tree_may_be_signed_again,
        nothing_is_signed_that_is_not_sequenced,
        of_many_who_sign_after_one_tree_one_does,
        the_tail_gives_the_batch_around_an_entry,
        entries_of_any_bytes_and_the_largest_size_come_back,
        integrated_never_goes_back_and_only_whole_batches_are_forgotten,
        the_first_note_of_a_size_is_archived,
        writes_at_the_same_time_all_stand,
        a_reader_sees_one_moment,
    );
}

fn batch(first: u64, entries: &[&[u8]]) -> Batch {
    let mut batch = Batch::new(first);
    for entry in entries {
        batch.push(entry).unwrap();
    }
    batch
}

/// `count` entries from `first` on, each telling its index and who wrote it.
pub fn named(first: u64, count: u64, by: &str) -> Batch {
    let mut batch = Batch::new(first);
    for index in first..first + count {
        batch.push(format!("{index} by {by}").as_bytes()).unwrap();
    }
    batch
}

pub fn mark(size: u64, root: u8) -> Mark {
    Mark {
        size,
        root: Hash::from_bytes([root; 32]),
    }
}

pub fn signed(size: u64, root: u8, note: &str) -> SignedTree {
    SignedTree {
        mark: mark(size, root),
        note: note.to_owned(),
    }
}

fn is_deposed<T: std::fmt::Debug>(done: Result<T, LogError>, ours: Fence, theirs: Fence) -> bool {
    matches!(done, Err(LogError::Deposed { ours: a, theirs: b }) if a == ours.0 && b == theirs.0)
}

pub fn is_moved<T: std::fmt::Debug>(done: Result<T, LogError>, expected: u64, found: u64) -> bool {
    matches!(done, Err(LogError::Moved { expected: a, found: b }) if a == expected && b == found)
}

/// All entries below `end`, from the tail alone.
async fn entries(table: &dyn Table, end: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while (all.len() as u64) < end {
        let batch = table.tail(all.len() as u64).await.unwrap().unwrap();
        assert_eq!(batch.first(), all.len() as u64);
        all.extend(batch.entries().map(<[u8]>::to_vec));
    }
    all
}

async fn a_new_table_is_empty(place: &impl Place) {
    let table = place.open().await;
    let empty = State {
        fence: Fence(0),
        sequenced: 0,
        integrated: Mark::EMPTY,
        signed: None,
    };
    assert_eq!(table.state().await.unwrap(), empty);
    assert_eq!(table.tail(0).await.unwrap(), None);
    assert!(table.archived().await.unwrap().is_empty());
}

async fn what_was_written_is_there_for_every_process(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    let entries = batch(0, &[b"abc", b""]);
    table.append(fence, &entries, Mark::EMPTY).await.unwrap();
    let tree = signed(2, 7, "note");
    table.keep_signed(fence, None, &tree).await.unwrap();
    table.archive(fence, 2, "witnessed").await.unwrap();
    let state = table.state().await.unwrap();
    table.close().await;
    for _ in 0..2 {
        let other = place.open().await;
        assert_eq!(other.state().await.unwrap(), state);
        assert_eq!(other.tail(1).await.unwrap().unwrap(), entries);
        assert_eq!(
            other.archived().await.unwrap(),
            [(2, "witnessed".to_owned())]
        );
    }
    assert_eq!((state.sequenced, state.signed), (2, Some(tree)));
}

async fn a_fence_only_grows(place: &impl Place) {
    let table = place.open().await;
    let mut last = table.state().await.unwrap().fence;
    for _ in 0..3 {
        let next = table.lead().await.unwrap();
        assert!(next > last);
        assert_eq!(place.open().await.state().await.unwrap().fence, next);
        last = next;
    }
}

async fn every_write_under_another_fence_is_refused_and_changes_nothing(place: &impl Place) {
    let (old, new) = (place.open().await, place.open().await);
    let former = old.lead().await.unwrap();
    old.append(former, &named(0, 3, "old"), Mark::EMPTY)
        .await
        .unwrap();
    let tree = signed(3, 1, "of old");
    old.keep_signed(former, None, &tree).await.unwrap();
    let fence = place.depose(&*new).await;
    assert!(fence > former);
    let state = new.state().await.unwrap();
    // One that never was, and the number before the first leader's.
    for ours in [former, Fence(fence.0 + 1), Fence(0)] {
        for table in [&old, &new] {
            let late = named(3, 1, "old");
            let next = signed(3, 1, "again");
            let previous = Some(tree.mark);
            assert!(is_deposed(
                table.append(ours, &late, Mark::EMPTY).await,
                ours,
                fence
            ));
            assert!(is_deposed(
                table.keep_signed(ours, previous, &next).await,
                ours,
                fence
            ));
            assert!(is_deposed(
                table.archive(ours, 3, "late").await,
                ours,
                fence
            ));
        }
    }
    assert_eq!(new.state().await.unwrap(), state);
    assert_eq!(new.tail(3).await.unwrap(), None);
    assert!(new.archived().await.unwrap().is_empty());
    new.append(fence, &named(3, 1, "new"), Mark::EMPTY)
        .await
        .unwrap();
}

async fn an_append_stands_only_where_the_last_one_ended(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    assert!(is_moved(
        table.append(fence, &named(1, 1, "a"), Mark::EMPTY).await,
        1,
        0
    ));
    table
        .append(fence, &named(0, 5, "a"), Mark::EMPTY)
        .await
        .unwrap();
    for first in [0, 4, 6] {
        let done = table
            .append(fence, &named(first, 1, "b"), Mark::EMPTY)
            .await;
        assert!(is_moved(done, first, 5));
    }
    table
        .append(fence, &named(5, 1, "a"), Mark::EMPTY)
        .await
        .unwrap();
    assert_eq!(table.state().await.unwrap().sequenced, 6);
    let expected: Vec<Vec<u8>> = (0..6).map(|n| format!("{n} by a").into_bytes()).collect();
    assert_eq!(entries(&*table, 6).await, expected);
}

async fn a_refused_append_leaves_nothing(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    table
        .append(fence, &named(0, 256, "a"), Mark::EMPTY)
        .await
        .unwrap();
    let state = table.state().await.unwrap();
    let ahead = table.append(fence, &named(300, 2, "a"), mark(256, 1)).await;
    assert!(is_moved(ahead, 300, 256));
    assert_eq!(table.state().await.unwrap(), state);
    assert_eq!(table.tail(300).await.unwrap(), None);
    assert_eq!(table.tail(256).await.unwrap(), None);
    assert!(
        table.tail(0).await.unwrap().is_some(),
        "nothing was forgotten"
    );
}

async fn of_many_appends_at_one_place_one_stands(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    for round in 0..5 {
        let mut racing = tokio::task::JoinSet::new();
        for racer in 0..8_u64 {
            let table = place.open().await;
            racing.spawn(async move {
                // Of different length, so that nothing of two of them fits together.
                let batch = named(round * 10, 1 + racer, &format!("racer {racer}"));
                (
                    batch.clone(),
                    table.append(fence, &batch, Mark::EMPTY).await,
                )
            });
        }
        let mut stands = None;
        while let Some(done) = racing.join_next().await {
            let (batch, done) = done.unwrap();
            match done {
                Ok(()) => assert!(stands.replace(batch).is_none(), "two of them stand"),
                Err(error) => assert!(matches!(error, LogError::Moved { .. }), "{error}"),
            }
        }
        let stands = stands.unwrap();
        assert_eq!(table.state().await.unwrap().sequenced, stands.end());
        assert_eq!(table.tail(round * 10).await.unwrap().unwrap(), stands);
        let rest = named(stands.end(), (round + 1) * 10 - stands.end(), "rest");
        table.append(fence, &rest, Mark::EMPTY).await.unwrap();
    }
}

async fn who_leads_next_reads_everything_written_before(place: &impl Place) {
    let (old, new) = (place.open().await, place.open().await);
    let fence = old.lead().await.unwrap();
    let writer = tokio::spawn(async move {
        let mut next = 0;
        loop {
            match old.append(fence, &named(next, 2, "old"), Mark::EMPTY).await {
                Ok(()) => next += 2,
                Err(LogError::Deposed { .. }) => return next,
                Err(error) => panic!("{error}"),
            }
        }
    });
    while new.state().await.unwrap().sequenced < 10 {}
    let fence = place.depose(&*new).await;
    let found = new.state().await.unwrap().sequenced;
    let mine = named(found, 1, "new");
    new.append(fence, &mine, Mark::EMPTY).await.unwrap();
    assert_eq!(
        writer.await.unwrap(),
        found,
        "nothing was added behind the change"
    );
    let all = entries(&*new, found + 1).await;
    assert_eq!(all.last().unwrap(), mine.get(found).unwrap());
}

async fn the_tail_gives_the_batch_around_an_entry(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    let batches = [named(0, 1, "a"), named(1, 5, "b"), named(6, 300, "c")];
    for batch in &batches {
        table.append(fence, batch, Mark::EMPTY).await.unwrap();
    }
    for batch in &batches {
        for index in [batch.first(), batch.end() - 1] {
            assert_eq!(table.tail(index).await.unwrap().as_ref(), Some(batch));
        }
    }
    for index in [306, 307, u64::MAX >> 1, u64::MAX] {
        assert_eq!(table.tail(index).await.unwrap(), None, "{index}");
    }
}

async fn entries_of_any_bytes_and_the_largest_size_come_back(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    let all_bytes: Vec<u8> = (0..=255).cycle().take(tlog::ENTRY_BYTES_MAX).collect();
    let mut largest = Batch::new(0);
    for _ in 0..64 {
        largest.push(&all_bytes).unwrap();
    }
    largest.push(b"").unwrap();
    table.append(fence, &largest, Mark::EMPTY).await.unwrap();
    let found = place.open().await.tail(64).await.unwrap().unwrap();
    assert!(found == largest, "other bytes");
}

async fn integrated_never_goes_back_and_only_whole_batches_are_forgotten(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    let integrated = async || table.state().await.unwrap().integrated;
    table
        .append(fence, &named(0, 200, "a"), Mark::EMPTY)
        .await
        .unwrap();
    table
        .append(fence, &named(200, 200, "b"), Mark::EMPTY)
        .await
        .unwrap();
    table
        .append(fence, &named(400, 200, "c"), mark(256, 1))
        .await
        .unwrap();
    assert_eq!(integrated().await, mark(256, 1));
    assert_eq!(table.tail(0).await.unwrap(), None, "forgotten");
    assert_eq!(table.tail(199).await.unwrap(), None, "forgotten");
    // Half of it is in no bundle yet.
    assert_eq!(table.tail(200).await.unwrap().unwrap().first(), 200);
    for older in [Mark::EMPTY, mark(256, 9)] {
        let end = table.state().await.unwrap().sequenced;
        table
            .append(fence, &named(end, 1, "d"), older)
            .await
            .unwrap();
        assert_eq!(integrated().await, mark(256, 1));
    }
    table
        .append(fence, &named(602, 1, "e"), mark(512, 2))
        .await
        .unwrap();
    assert_eq!(integrated().await, mark(512, 2));
    assert_eq!(table.tail(399).await.unwrap(), None, "forgotten");
    assert_eq!(table.tail(511).await.unwrap().unwrap().first(), 400);
    assert_eq!(table.tail(602).await.unwrap().unwrap().first(), 602);
}

async fn writes_at_the_same_time_all_stand(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    let appender = async {
        for n in 0..40 {
            table
                .append(fence, &named(n, 1, "a"), Mark::EMPTY)
                .await
                .unwrap();
        }
    };
    let signer = async {
        let mut previous = None;
        for n in 0..40_u8 {
            // The empty tree again and again: it is there whatever the other one does.
            let note = n.to_string();
            let tree = SignedTree {
                mark: Mark::EMPTY,
                note,
            };
            table.keep_signed(fence, previous, &tree).await.unwrap();
            previous = Some(tree.mark);
        }
    };
    let archiver = async {
        for size in 0..40 {
            table.archive(fence, size, "note").await.unwrap();
        }
    };
    tokio::join!(appender, signer, archiver);
    let state = table.state().await.unwrap();
    assert_eq!(state.sequenced, 40);
    assert_eq!(state.signed.unwrap().note, "39");
    assert_eq!(table.archived().await.unwrap().len(), 40);
    assert_eq!(entries(&*table, 40).await.len(), 40);
}

async fn a_reader_sees_one_moment(place: &impl Place) {
    let (writer, reader) = (place.open().await, place.open().await);
    let fence = writer.lead().await.unwrap();
    let writing = tokio::spawn(async move {
        let mut previous = None;
        for n in 0..60_u64 {
            let batch = named(n * 256, 256, "a");
            let integrated = match n {
                0 => Mark::EMPTY,
                n => mark(n * 256, n as u8),
            };
            writer.append(fence, &batch, integrated).await.unwrap();
            let next = signed((n + 1) * 256, n as u8, &n.to_string());
            writer.keep_signed(fence, previous, &next).await.unwrap();
            previous = Some(next.mark);
        }
    });
    let (mut last, mut seen) = (0, 0_u32);
    while !writing.is_finished() {
        let state = reader.state().await.unwrap();
        assert!(state.sequenced >= last, "nothing is taken back");
        last = state.sequenced;
        assert!(state.integrated.size < state.sequenced.max(1));
        let size = state.signed.as_ref().map_or(0, |tree| tree.mark.size);
        // The writer does one thing after the other, so at any moment these are all there is.
        assert!(
            [size, size + 256].contains(&state.sequenced),
            "{size} signed of {}",
            state.sequenced
        );
        if let Some(tree) = state.signed {
            assert_eq!((tree.mark.size / 256 - 1).to_string(), tree.note);
        }
        if state.integrated.size > 0 {
            let root = (state.integrated.size / 256) as u8;
            assert_eq!(state.integrated.root, Hash::from_bytes([root; 32]));
        }
        seen += 1;
    }
    writing.await.unwrap();
    assert!(seen > 3, "looked only {seen} times");
}

//! Sentences of the contract in `table.rs` about what is signed and archived.

use log::{LogError, Mark, SignedTree};

use crate::table_contract::{Place, is_moved, mark, named, signed};

fn is_row<T: std::fmt::Debug>(done: Result<T, LogError>) -> bool {
    matches!(
        done,
        Err(LogError::Row {
            table: "signed",
            ..
        })
    )
}

pub async fn only_what_follows_may_be_signed(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    table
        .append(fence, &named(0, 9, "a"), Mark::EMPTY)
        .await
        .unwrap();
    let first = signed(4, 4, "four");
    let with = async |previous, next: &SignedTree| table.keep_signed(fence, previous, next).await;
    assert!(is_moved(with(Some(mark(3, 3)), &first).await, 3, 0));
    with(None, &first).await.unwrap();
    assert!(is_moved(with(None, &signed(5, 5, "five")).await, 0, 4));
    assert!(is_moved(
        with(Some(mark(4, 9)), &signed(5, 5, "five")).await,
        4,
        4
    ));
    let after = Some(first.mark);
    assert!(is_row(with(after, &signed(4, 9, "another four")).await));
    assert!(is_row(with(after, &signed(3, 3, "three")).await));
    assert_eq!(table.state().await.unwrap().signed, Some(first));
    let next = signed(9, 9, "nine");
    with(after, &next).await.unwrap();
    assert_eq!(table.state().await.unwrap().signed, Some(next));
}

pub async fn the_same_tree_may_be_signed_again(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    // The empty tree too.
    let mut previous = None;
    for note in ["a", "b", "a"] {
        let tree = SignedTree {
            mark: Mark::EMPTY,
            note: note.to_owned(),
        };
        table.keep_signed(fence, previous, &tree).await.unwrap();
        previous = Some(tree.mark);
        assert_eq!(table.state().await.unwrap().signed, Some(tree));
    }
}

pub async fn nothing_is_signed_that_is_not_sequenced(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    table
        .append(fence, &named(0, 2, "a"), Mark::EMPTY)
        .await
        .unwrap();
    let ahead = table.keep_signed(fence, None, &signed(3, 3, "three")).await;
    assert!(is_moved(ahead, 3, 2));
    assert_eq!(table.state().await.unwrap().signed, None);
}

pub async fn of_many_who_sign_after_one_tree_one_does(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    table
        .append(fence, &named(0, 50, "a"), Mark::EMPTY)
        .await
        .unwrap();
    let mut previous = None;
    for round in 0..5_u64 {
        let mut racing = tokio::task::JoinSet::new();
        for racer in 0..8_u64 {
            let table = place.open().await;
            racing.spawn(async move {
                let next = signed(round * 8 + racer + 1, racer as u8, "racer");
                let done = table.keep_signed(fence, previous, &next).await;
                (next, done)
            });
        }
        let mut stands = None;
        while let Some(done) = racing.join_next().await {
            let (next, done) = done.unwrap();
            match done {
                Ok(()) => assert!(stands.replace(next).is_none(), "two of them stand"),
                Err(error) => assert!(matches!(error, LogError::Moved { .. }), "{error}"),
            }
        }
        assert_eq!(table.state().await.unwrap().signed, stands);
        previous = stands.map(|tree| tree.mark);
    }
}

pub async fn the_first_note_of_a_size_is_archived(place: &impl Place) {
    let table = place.open().await;
    let fence = table.lead().await.unwrap();
    for (size, note) in [(260, "b"), (4, "a"), (260, "later"), (0, "empty"), (4, "a")] {
        table.archive(fence, size, note).await.unwrap();
    }
    let archived = [(0, "empty"), (4, "a"), (260, "b")];
    let archived = archived.map(|(size, note)| (size, note.to_owned()));
    assert_eq!(table.archived().await.unwrap(), archived);
}

//! Every sentence of the contract in `shelf.rs`, asked of any back end.

use std::sync::Arc;

use log::{File, Shelf};
use store::StoreError;

/// Files under test, of one log that nobody wrote to yet.
pub trait Place {
    /// A way to the files, as another process has it.
    async fn open(&self) -> Arc<dyn Shelf>;
}

/// Asks every sentence of a fresh shelf each; the last name printed is the one that does not hold.
pub async fn every_sentence<P: Place>(fresh: impl AsyncFn() -> P) {
    macro_rules! hold {
        ($($sentence:ident),* $(,)?) => {$(
            println!("{}", stringify!($sentence));
            $sentence(&fresh().await).await;
        )*};
    }
    hold!(
        what_was_made_is_there_for_every_process,
        a_file_is_never_changed,
        a_call_that_names_a_file_twice_is_judged_like_two_calls,
        a_call_that_failed_is_completed_by_calling_again,
        several_processes_make_the_same_files,
        a_bad_name_is_refused,
        what_is_replaced_is_what_came_last,
        a_reader_of_a_replaced_file_sees_one_of_them_whole,
        a_file_is_read_to_a_limit,
        an_absent_file_is_not_found,
        partials_are_forgotten_where_the_full_one_is_there,
    );
}

fn file(path: &str, bytes: &[u8]) -> File {
    (path.to_owned(), bytes.to_vec())
}

async fn read(shelf: &dyn Shelf, path: &str) -> Option<Vec<u8>> {
    match shelf.read(path, 1 << 25).await {
        Ok(bytes) => Some(bytes),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn is_conflict<T>(done: &Result<T, StoreError>, at: &str) -> bool {
    matches!(done, Err(StoreError::Conflict { path }) if path.ends_with(at))
}

async fn what_was_made_is_there_for_every_process(place: &impl Place) {
    let shelf = place.open().await;
    // The largest bundle there can be, the smallest file, and every shape of a name.
    let largest = vec![0xa5; 256 * (2 + tlog::ENTRY_BYTES_MAX)];
    let files = vec![
        file("tile/entries/x001/067", &largest),
        file("tile/0/x001/067", &[7; 8192]),
        file("tile/0/x001/068.p/17", b"partial"),
        file("archive/69990", b"note"),
        file("empty", b""),
    ];
    shelf.create_many(files.clone()).await.unwrap();
    drop(shelf);
    let other = place.open().await;
    for (path, bytes) in &files {
        assert!(read(&*other, path).await.as_ref() == Some(bytes), "{path}");
    }
    other.create_many(Vec::new()).await.unwrap();
}

async fn a_file_is_never_changed(place: &impl Place) {
    let shelf = place.open().await;
    shelf.create_many(vec![file("a/b", b"abc")]).await.unwrap();
    shelf.create_many(vec![file("a/b", b"abc")]).await.unwrap();
    for other in [&b"abd"[..], b"ab", b"abcd", b""] {
        let done = shelf.create_many(vec![file("a/b", other)]).await;
        assert!(is_conflict(&done, "a/b"), "{other:?}: {done:?}");
    }
    assert_eq!(read(&*shelf, "a/b").await.unwrap(), b"abc");
}

async fn a_call_that_names_a_file_twice_is_judged_like_two_calls(place: &impl Place) {
    let shelf = place.open().await;
    let twice = vec![file("a", b"1"), file("b", b"2"), file("a", b"1")];
    shelf.create_many(twice).await.unwrap();
    assert_eq!(read(&*shelf, "a").await.unwrap(), b"1");
    let against_itself = vec![file("c", b"1"), file("c", b"2")];
    let done = shelf.create_many(against_itself).await;
    assert!(is_conflict(&done, "c"), "{done:?}");
    assert!(read(&*shelf, "c").await != Some(b"2".to_vec()));
}

async fn a_call_that_failed_is_completed_by_calling_again(place: &impl Place) {
    let shelf = place.open().await;
    shelf
        .create_many(vec![file("t/50", b"other")])
        .await
        .unwrap();
    let mut files: Vec<File> = (0..100)
        .map(|n| file(&format!("t/{n}"), format!("bytes {n}").as_bytes()))
        .collect();
    let done = shelf.create_many(files.clone()).await;
    assert!(is_conflict(&done, "t/50"), "{done:?}");
    // Any part of them may be there, each of them whole.
    for (path, bytes) in files.iter().filter(|(path, _)| path != "t/50") {
        let found = read(&*shelf, path).await;
        assert!(found.is_none() || found.as_ref() == Some(bytes), "{path}");
    }
    files.remove(50);
    shelf.create_many(files.clone()).await.unwrap();
    for (path, bytes) in &files {
        assert_eq!(read(&*shelf, path).await.as_ref(), Some(bytes));
    }
    assert_eq!(read(&*shelf, "t/50").await.unwrap(), b"other");
}

async fn several_processes_make_the_same_files(place: &impl Place) {
    let files: Vec<File> = (0..40)
        .map(|n| file(&format!("tile/0/{n:03}"), &vec![n; 8192]))
        .collect();
    // All open before one works: a directory that is opened sweeps what seems to be left behind.
    let reader = place.open().await;
    let mut shelves = Vec::new();
    for _ in 0..4 {
        shelves.push(place.open().await);
    }
    let mut working = tokio::task::JoinSet::new();
    for shelf in shelves {
        let files = files.clone();
        working.spawn(async move { shelf.create_many(files).await });
    }
    while !working.is_empty() {
        // Whoever reads meanwhile sees all of a file or nothing.
        for n in [0_u8, 39] {
            if let Some(bytes) = read(&*reader, &format!("tile/0/{n:03}")).await {
                assert!(bytes == vec![n; 8192], "a file in the making was seen");
            }
        }
        while let Some(done) = working.try_join_next() {
            done.unwrap().unwrap();
        }
    }
    for (path, bytes) in &files {
        assert_eq!(read(&*reader, path).await.as_ref(), Some(bytes));
    }
}

async fn a_bad_name_is_refused(place: &impl Place) {
    let shelf = place.open().await;
    let long = "a".repeat(2000);
    for path in [
        "", "/a", "../a", "a/../b", "a//b", "a/", "a\\b", "a\nb", ".a", &long,
    ] {
        let made = shelf
            .create_many(vec![file("good", b"1"), file(path, b"1")])
            .await;
        assert!(
            matches!(made, Err(StoreError::Path(_))),
            "{path:?}: {made:?}"
        );
        let replaced = shelf.replace(path, b"1".to_vec()).await;
        assert!(matches!(replaced, Err(StoreError::Path(_))), "{path:?}");
        let found = shelf.read(path, 10).await;
        assert!(matches!(found, Err(StoreError::Path(_))), "{path:?}");
        let forgotten = shelf.forget_partials(vec![path.to_owned()]).await;
        assert!(matches!(forgotten, Err(StoreError::Path(_))), "{path:?}");
    }
}

async fn what_is_replaced_is_what_came_last(place: &impl Place) {
    let (shelf, other) = (place.open().await, place.open().await);
    for note in ["one", "a longer one", "", "two"] {
        shelf.replace("checkpoint", note.into()).await.unwrap();
        assert_eq!(read(&*other, "checkpoint").await.unwrap(), note.as_bytes());
    }
    other
        .replace("archive/index", b"4\n".to_vec())
        .await
        .unwrap();
    assert_eq!(read(&*shelf, "archive/index").await.unwrap(), b"4\n");
}

async fn a_reader_of_a_replaced_file_sees_one_of_them_whole(place: &impl Place) {
    let (shelf, reader) = (place.open().await, place.open().await);
    shelf.replace("checkpoint", vec![0; 100]).await.unwrap();
    let writing = tokio::spawn(async move {
        for n in 1..40_u8 {
            let bytes = vec![n; 100 + usize::from(n) * 700];
            shelf.replace("checkpoint", bytes).await.unwrap();
        }
    });
    let mut last = 0;
    while !writing.is_finished() {
        let bytes = read(&*reader, "checkpoint").await.unwrap();
        let n = bytes[0];
        assert!(bytes == vec![n; 100 + usize::from(n) * 700], "parts of two");
        assert!(n >= last, "an older one came back");
        last = n;
    }
    writing.await.unwrap();
}

async fn a_file_is_read_to_a_limit(place: &impl Place) {
    let shelf = place.open().await;
    shelf.create_many(vec![file("a", &[1; 100])]).await.unwrap();
    for max in [100, 101, u64::MAX >> 1] {
        assert_eq!(shelf.read("a", max).await.unwrap(), [1; 100]);
    }
    for max in [99, 1, 0] {
        let done = shelf.read("a", max).await;
        assert!(
            matches!(done, Err(StoreError::TooLarge { bytes_max, .. }) if bytes_max == max),
            "{max}"
        );
    }
}

async fn an_absent_file_is_not_found(place: &impl Place) {
    let shelf = place.open().await;
    shelf.create_many(vec![file("a/b/c", b"1")]).await.unwrap();
    for path in ["x", "a/x", "a/b", "a/b/c/d", "a/b/cc"] {
        let found = shelf.read(path, 10).await;
        assert!(found.is_err(), "{path}");
    }
    for path in ["x", "a/x", "a/b/cc"] {
        let found = shelf.read(path, 10).await;
        assert!(matches!(found, Err(StoreError::NotFound { .. })), "{path}");
    }
}

async fn partials_are_forgotten_where_the_full_one_is_there(place: &impl Place) {
    let shelf = place.open().await;
    let files = [
        "tile/0/068",
        "tile/0/068.p/1",
        "tile/0/068.p/17",
        "tile/0/068.p/255",
        "tile/0/069.p/3",
        "tile/0/0681.p/4",
        "tile/1/068.p/5",
        "tile/entries/068.p/6",
    ];
    let made = files.map(|path| file(path, path.as_bytes())).to_vec();
    shelf.create_many(made).await.unwrap();
    let full = ["tile/0/068", "tile/0/069", "tile/0/070"].map(str::to_owned);
    // Twice: what is gone is forgotten without complaint.
    for _ in 0..2 {
        shelf.forget_partials(full.to_vec()).await.unwrap();
        for path in files {
            let forgotten = path.starts_with("tile/0/068.p/");
            assert_eq!(read(&*shelf, path).await.is_none(), forgotten, "{path}");
        }
    }
    // A late leader may make one again.
    shelf
        .create_many(vec![file("tile/0/068.p/17", b"again")])
        .await
        .unwrap();
    shelf.forget_partials(full.to_vec()).await.unwrap();
    assert_eq!(read(&*shelf, "tile/0/068.p/17").await, None);
    assert_eq!(read(&*shelf, "tile/0/068").await.unwrap(), b"tile/0/068");
}

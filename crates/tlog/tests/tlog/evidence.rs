//! Evidence of a fork: what a judge is convinced by, and what accuses nobody.

use proptest::prelude::*;
use tlog::{
    Checkpoint, Fork, ForkError, ForkEvidence, ForkProveError, Hash, KeyType, NoteSigner as _,
    ParseError, ProofError, ProveError, Verified, VerifierKey, open_checkpoint, prove_prefix,
    sign_checkpoint,
};

use crate::keys::{ORIGIN, TestSigner, World, checkpoint, note};
use crate::published::MemoryLog;

/// A log of `size` entries; from index `changed` on, other entries than everybody else sees.
fn history(size: u64, changed: u64) -> MemoryLog {
    let mut log = MemoryLog::default();
    let entry = |index: u64| format!("{index} {}", u64::from(index >= changed)).into_bytes();
    log.publish((0..size).map(entry).collect());
    log
}

fn signed(size: u64, root: Hash) -> Verified<Checkpoint> {
    let world = World::get();
    let cp = checkpoint(size, root);
    let line = sign_checkpoint(&cp.to_string(), &world.log).unwrap();
    open_checkpoint(&note(&cp, vec![line]), &keys()).unwrap()
}

fn head(log: &MemoryLog) -> Verified<Checkpoint> {
    signed(log.size(), log.frontier.root())
}

fn keys() -> Vec<VerifierKey> {
    vec![World::get().log.vkey().clone()]
}

#[test]
fn two_roots_of_one_size_are_a_fork_by_themselves() {
    let (one, other) = (history(5, 5), history(5, 4));
    let fork = Fork::of_equal_size(head(&one), head(&other)).unwrap();
    let file = fork.to_evidence().to_bytes();
    let opened = ForkEvidence::parse(&file).unwrap().open(&keys()).unwrap();
    assert_eq!(opened, fork);
    assert_eq!(opened.prefix_root(), &other.frontier.root());
}

#[test]
fn a_larger_tree_that_does_not_contain_the_smaller_one_is_a_fork_by_its_own_tiles() {
    // Sizes that are powers of two, odd, full tiles, and next to those.
    for (m, n) in [
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (7, 8),
        (8, 300),
        (255, 256),
        (256, 257),
        (256, 512),
        (300, 700),
    ] {
        let (seen, shown) = (history(m, m), history(n, m - 1));
        for (one, other) in [(head(&seen), head(&shown)), (head(&shown), head(&seen))] {
            let fork = Fork::prove(one, other, &shown).unwrap();
            assert_eq!(fork.prefix_root(), &shown.at(m).frontier.root(), "{m} {n}");
            let file = fork.to_evidence().to_bytes();
            let parsed = ForkEvidence::parse(&file).unwrap();
            assert_eq!(parsed.to_bytes(), file);
            assert_eq!(parsed.first(), fork.smaller().note());
            assert_eq!(parsed.second(), fork.larger().note());
            assert_eq!(parsed.open(&keys()).unwrap(), fork);
        }
    }
}

#[test]
fn an_honest_log_cannot_be_accused() {
    for (m, n) in [(1, 2), (3, 4), (4, 9), (256, 700), (300, 700)] {
        let (earlier, later) = (history(m, 1000), history(n, 1000));
        let refused = Fork::prove(head(&earlier), head(&later), &later);
        assert!(
            matches!(refused, Err(ForkProveError::NoFork(ForkError::Consistent { smaller, larger })) if (smaller, larger) == (m, n)),
            "{m} {n}: {refused:?}"
        );
    }
    let log = history(5, 5);
    assert_eq!(
        Fork::of_equal_size(head(&log), head(&log)),
        Err(ForkError::Consistent {
            smaller: 5,
            larger: 5
        })
    );
}

#[test]
fn tiles_that_do_not_belong_to_the_larger_checkpoint_accuse_nobody() {
    let (earlier, later) = (history(6, 1000), history(11, 1000));
    // Whoever wants to accuse makes up tiles; they do not lead to what the log signed.
    let invented = history(11, 2);
    assert!(matches!(
        Fork::prove(head(&earlier), head(&later), &invented),
        Err(ForkProveError::NoFork(ForkError::Path(
            ProofError::RootMismatch { size: 11 }
        )))
    ));
    let path = prove_prefix(&later, 6, 11).unwrap();
    for at in 0..path.len() {
        let mut changed = path.clone();
        changed[at] = Hash::EMPTY_ROOT;
        assert!(matches!(
            Fork::with_path(head(&earlier), head(&later), changed),
            Err(ForkError::Path(ProofError::RootMismatch { size: 11 }))
        ));
    }
    for changed in [
        path[1..].to_vec(),
        [&path[..], &path[..1]].concat(),
        Vec::new(),
    ] {
        assert!(matches!(
            Fork::with_path(head(&earlier), head(&later), changed),
            Err(ForkError::Path(_))
        ));
    }
}

#[test]
fn only_what_the_log_signed_accuses_the_log() {
    let (seen, shown) = (history(3, 3), history(8, 0));
    let fork = Fork::prove(head(&seen), head(&shown), &shown).unwrap();
    let file = String::from_utf8(fork.to_evidence().to_bytes()).unwrap();
    // A stranger, and a stranger who calls himself like the log.
    for name in ["stranger.example", ORIGIN] {
        let stranger = TestSigner::new(name, KeyType::Ed25519, "stranger");
        let evidence = ForkEvidence::parse(file.as_bytes()).unwrap();
        assert!(matches!(
            evidence.open(&[stranger.vkey().clone()]),
            Err(ForkError::Smaller(_))
        ));
    }
    // The larger root exchanged after it was signed.
    let root = shown.frontier.root().to_string();
    let other = history(8, 1).frontier.root().to_string();
    let evidence = ForkEvidence::parse(file.replace(&root, &other).as_bytes()).unwrap();
    assert!(matches!(evidence.open(&keys()), Err(ForkError::Larger(_))));
}

#[test]
fn checkpoints_of_two_logs_or_of_the_empty_tree_are_no_fork() {
    let log = history(3, 3);
    let other_key = TestSigner::new("other.example/log", KeyType::Ed25519, "other");
    let cp = Checkpoint::new("other.example/log".parse().unwrap(), 3, Hash::EMPTY_ROOT).unwrap();
    let line = sign_checkpoint(&cp.to_string(), &other_key).unwrap();
    let other = open_checkpoint(&note(&cp, vec![line]), &[other_key.vkey().clone()]).unwrap();
    assert!(matches!(
        Fork::of_equal_size(head(&log), other),
        Err(ForkError::TwoLogs { .. })
    ));
    let empty = signed(0, Hash::EMPTY_ROOT);
    assert!(matches!(
        Fork::prove(empty, head(&log), &log),
        Err(ForkProveError::NoFork(ForkError::Empty))
    ));
}

#[test]
fn malformed_evidence_is_refused() {
    let (seen, shown) = (history(3, 3), history(8, 0));
    let fork = Fork::prove(head(&seen), head(&shown), &shown).unwrap();
    let good = String::from_utf8(fork.to_evidence().to_bytes()).unwrap();
    let equal = Fork::of_equal_size(head(&seen), head(&history(3, 0))).unwrap();
    let equal = String::from_utf8(equal.to_evidence().to_bytes()).unwrap();
    let (lines, notes) = good.split_once("\n\n").unwrap();
    let hash = lines.lines().nth(1).unwrap();
    let first = notes.split_inclusive("\n\n").take(2).collect::<String>();
    for bad in [
        String::new(),
        lines.to_owned(),
        format!("{lines}\n\n"),
        format!("{lines}\n\n{first}"),
        good.replace("@v1", "@v2"),
        good.replace(hash, &hash[1..]),
        good.replace('\n', "\r\n"),
        format!("{good}\n"),
        format!("{good}x"),
        good[..good.len() - 1].to_owned(),
        // The larger tree first; no hash; a hash that is not needed; too many.
        format!(
            "{lines}\n\n{}\n{}",
            &notes[first.len()..],
            first.trim_end_matches('\n').to_owned() + "\n"
        ),
        format!("limpid/fork-evidence@v1\n\n{notes}"),
        equal.replacen("@v1\n", &format!("@v1\n{hash}\n"), 1),
        good.replacen(
            "@v1\n",
            &format!("@v1\n{}", format!("{hash}\n").repeat(64)),
            1,
        ),
        good.replacen(&format!("\n\n{ORIGIN}"), &format!("\n\n\n{ORIGIN}"), 1),
        good.replacen(&format!("\n\n{ORIGIN}"), "\n\nother.example/log", 1),
    ] {
        assert!(ForkEvidence::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let long = "x".repeat(tlog::limits::EVIDENCE_BYTES_MAX + 1);
    assert!(matches!(
        ForkEvidence::parse(long.as_bytes()),
        Err(ParseError::TooLong { .. })
    ));
}

#[test]
fn evidence_with_more_hashes_than_any_tree_has_is_refused() {
    let hash = Hash::EMPTY_ROOT;
    let bytes = |count: usize| {
        let hashes = format!("{hash}\n").repeat(count);
        format!("limpid/fork-evidence@v1\n{hashes}\n").into_bytes()
    };
    let max = tlog::limits::FORK_HASHES_MAX;
    let refused = ForkEvidence::parse(&bytes(max + 1)).unwrap_err();
    let (what, found) = ("hashes of fork evidence", max + 1);
    assert_eq!(refused, ParseError::TooMany { what, found, max });
    // As many as there may be, but then the checkpoints are missing.
    let refused = ForkEvidence::parse(&bytes(max)).unwrap_err();
    assert!(matches!(refused, ParseError::Missing { .. }), "{refused}");
}

#[test]
fn what_a_tree_begins_with_is_proven_for_smaller_trees_only() {
    let log = history(5, 5);
    for (old_size, new_size) in [(5, 5), (4, 3), (0, 5), (0, 0)] {
        let refused = prove_prefix(&log, old_size, new_size);
        assert!(
            matches!(
                refused,
                Err(ProveError::Request(ProofError::Shrinking { .. }))
            ),
            "{old_size} {new_size}"
        );
    }
    assert_eq!(prove_prefix(&log, 4, 5).unwrap().len(), 2);
}

#[test]
fn notes_are_told_apart_however_long_an_origin_is() {
    // Longer than everything behind it, and not the name of the key that signed.
    let origin = format!("example.org/{}log", "long/".repeat(32));
    let of = |root: &[u8]| {
        let note = signed(5, tlog::sha256(root)).note().to_vec();
        let text = String::from_utf8(note).unwrap();
        text.replacen(ORIGIN, &origin, 1).into_bytes()
    };
    let (first, second) = (of(b"one"), of(b"two"));
    let file = [b"limpid/fork-evidence@v1\n\n", &first[..], b"\n", &second].concat();
    let parsed = ForkEvidence::parse(&file).unwrap();
    assert_eq!((parsed.first(), parsed.second()), (&first[..], &second[..]));
}

#[test]
fn the_page_of_the_format_shows_evidence_that_opens() {
    let page = include_str!("../../../../spec/fork-evidence.md");
    let blocks: Vec<&str> = page
        .split("```text\n")
        .skip(1)
        .filter_map(|block| block.split_once("```").map(|(text, _)| text))
        .collect();
    let key: VerifierKey = blocks
        .iter()
        .find_map(|block| block.strip_prefix("vkey ")?.trim_end().parse().ok())
        .unwrap();
    let shown: Vec<&&str> = blocks
        .iter()
        .filter(|block| block.starts_with("limpid/fork-evidence@v1\n"))
        .collect();
    let opened: Vec<Fork> = shown
        .iter()
        .map(|text| {
            ForkEvidence::parse(text.as_bytes())
                .unwrap()
                .open(std::slice::from_ref(&key))
                .unwrap()
        })
        .collect();
    let sizes: Vec<(u64, u64)> = opened
        .iter()
        .map(|f| (f.smaller().size(), f.larger().size()))
        .collect();
    assert_eq!(sizes, [(3, 3), (3, 8)]);
    let (seen, shown_later) = (history(3, 3), history(8, 0));
    assert_eq!(
        opened,
        [
            Fork::of_equal_size(head(&seen), head(&history(3, 0))).unwrap(),
            Fork::prove(head(&seen), head(&shown_later), &shown_later).unwrap()
        ],
        "the page shows the bytes of this world"
    );
}

proptest! {
    #[test]
    fn every_pair_of_forked_trees_gives_evidence_and_no_pair_of_honest_ones(
        m in 1u64..600,
        more in 0u64..600,
        changed in any::<prop::sample::Index>(),
    ) {
        let n = m + more;
        let (seen, honest) = (history(m, 2000), history(n, 2000));
        let shown = history(n, changed.index(m as usize) as u64);
        let fork = Fork::prove(head(&seen), head(&shown), &shown).unwrap();
        let file = fork.to_evidence().to_bytes();
        let parsed = ForkEvidence::parse(&file).unwrap();
        prop_assert_eq!(parsed.to_bytes(), file);
        prop_assert_eq!(parsed.open(&keys()).unwrap(), fork);
        prop_assert!(Fork::prove(head(&seen), head(&honest), &honest).is_err());
        // Nor do the other tree's tiles accuse.
        prop_assert!(Fork::prove(head(&seen), head(&honest), &shown).is_err());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(ForkEvidence::parse(&bytes));
    }

    #[test]
    fn a_changed_byte_never_makes_other_evidence_of_the_same_fork(
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (seen, shown) = (history(5, 5), history(13, 2));
        let fork = Fork::prove(head(&seen), head(&shown), &shown).unwrap();
        let mut file = fork.to_evidence().to_bytes();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let opened = ForkEvidence::parse(&file).map(|evidence| evidence.open(&keys()));
        prop_assert!(!matches!(opened, Ok(Ok(_))), "byte {}", at);
    }
}

//! Subtrees against the definition, written down a second time over all leaves.

use proptest::prelude::*;
use tlog::{
    Hash, KeyType, NoteError, NoteSigner as _, ParseError, ProofError, ProveError, SignSubtree,
    SignatureLine, Subtree, cosign_subtree, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, prove_subtree_consistency, prove_subtree_inclusion, root_from_tiles,
    subtree_hash, verify_subtree_consistency, verify_subtree_cosignature, verify_subtree_inclusion,
};

use crate::keys::{TestSigner, World, checkpoint};
use crate::published::MemoryLog;

fn log_of(size: u64) -> MemoryLog {
    let mut log = MemoryLog::default();
    log.publish((0..size).map(|n| n.to_be_bytes().to_vec()).collect());
    log
}

fn leaves_of(log: &MemoryLog) -> Vec<Hash> {
    log.entries.iter().map(|entry| leaf_hash(entry)).collect()
}

/// MTH of RFC 6962, over all leaves.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_split(n: usize) -> usize {
    let mut split = 1;
    while split * 2 < n {
        split *= 2;
    }
    split
}

/// SUBTREE_SUBPROOF of the draft, in its own words.
fn naive_proof(start: usize, end: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if start == 0 && end == leaves.len() {
        return if known {
            vec![]
        } else {
            vec![naive_root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let k = left.len();
    let (mut proof, sibling) = if end <= k {
        (naive_proof(start, end, left, known), right)
    } else if k <= start {
        (naive_proof(start - k, end - k, right, known), left)
    } else {
        assert_eq!(start, 0);
        (naive_proof(0, end - k, right, false), left)
    };
    proof.push(naive_root(sibling));
    proof
}

/// The definition: the start is a multiple of the smallest power of two that holds the width.
fn naive_is_subtree(start: u64, end: u64) -> bool {
    let mut power = 1;
    while start < end && power < end - start {
        power *= 2;
    }
    start < end && start.is_multiple_of(power)
}

fn subtrees(size: u64) -> impl Iterator<Item = Subtree> {
    let pairs = (0..=size).flat_map(move |start| (0..=size).map(move |end| (start, end)));
    pairs.filter_map(|(start, end)| {
        let made = Subtree::new(start, end).ok();
        assert_eq!(
            made.is_some(),
            naive_is_subtree(start, end),
            "{start}..{end}"
        );
        made
    })
}

#[test]
fn every_proof_of_a_small_tree_is_the_one_of_the_definition_and_no_other_is_taken() {
    for size in 1..=34u64 {
        let log = log_of(size);
        let leaves = leaves_of(&log);
        let root = naive_root(&leaves);
        for subtree in subtrees(size) {
            let range = subtree.start() as usize..subtree.end() as usize;
            let hash = naive_root(&leaves[range.clone()]);
            assert_eq!(subtree_hash(&log, subtree, size).unwrap(), hash);
            let proof = prove_subtree_consistency(&log, subtree, size).unwrap();
            assert_eq!(proof, naive_proof(range.start, range.end, &leaves, true));
            verify_subtree_consistency(subtree, &hash, size, &root, &proof).unwrap();
            let refused = |hash: &Hash, root: &Hash, proof: &[Hash]| {
                let verified = verify_subtree_consistency(subtree, hash, size, root, proof);
                assert!(verified.is_err(), "{subtree} of {size}");
            };
            refused(&Hash::EMPTY_ROOT, &root, &proof);
            refused(&hash, &Hash::EMPTY_ROOT, &proof);
            refused(&hash, &root, &[&proof[..], &[hash]].concat());
            refused(&hash, &root, &[&[hash], &proof[..]].concat());
            for at in 0..proof.len() {
                let mut changed = proof.clone();
                changed[at] = Hash::EMPTY_ROOT;
                refused(&hash, &root, &changed);
                changed.remove(at);
                refused(&hash, &root, &changed);
            }
        }
    }
}

#[test]
fn a_subtree_at_the_start_is_an_old_tree_with_the_proof_of_rfc_6962() {
    let log = log_of(300);
    for old in 1..=300 {
        let subtree = Subtree::new(0, old).unwrap();
        assert_eq!(
            prove_subtree_consistency(&log, subtree, 300).unwrap(),
            prove_consistency(&log, old, 300).unwrap()
        );
    }
}

#[test]
fn an_entry_is_proven_in_its_subtree_and_at_no_other_index() {
    let log = log_of(21);
    let leaves = leaves_of(&log);
    for subtree in subtrees(21) {
        let (start, end) = (subtree.start(), subtree.end());
        let hash = naive_root(&leaves[start as usize..end as usize]);
        for index in start..end {
            let path = prove_subtree_inclusion(&log, index, subtree, 21).unwrap();
            let check = |at, leaf| verify_subtree_inclusion(leaf, at, subtree, &path, &hash);
            let leaf = &leaves[index as usize];
            check(index, leaf).unwrap();
            assert!(check(index, &Hash::EMPTY_ROOT).is_err());
            for other in (0..22).filter(|other| *other != index) {
                assert!(check(other, leaf).is_err(), "{other} in {subtree}");
            }
        }
        for outside in [start.wrapping_sub(1), end] {
            let refused = prove_subtree_inclusion(&log, outside, subtree, 21).unwrap_err();
            let reason = ProofError::IndexOutsideSubtree {
                index: outside,
                start,
                end,
            };
            assert!(matches!(refused, ProveError::Request(found) if found == reason));
        }
    }
    let whole = Subtree::new(0, 21).unwrap();
    let path = prove_subtree_inclusion(&log, 7, whole, 21).unwrap();
    assert_eq!(path, prove_inclusion(&log, 7, 21).unwrap());
}

#[test]
fn what_is_no_subtree_or_not_in_the_tree_is_refused() {
    let max = tlog::limits::TREE_SIZE_MAX;
    for (start, end) in [
        (0, 0),
        (1, 1),
        (2, 1),
        (3, 5),
        (1, max),
        (0, max + 1),
        (max, max),
    ] {
        let reason = ProofError::NotASubtree { start, end };
        assert_eq!(Subtree::new(start, end), Err(reason));
    }
    assert_eq!(Subtree::new(0, max).unwrap().leaves(), max);
    assert_eq!(
        Subtree::new(max - 1, max).unwrap().to_string(),
        format!("{}..{max}", max - 1)
    );
    let log = log_of(9);
    let subtree = Subtree::new(8, 10).unwrap();
    let reason = ProofError::SubtreeBeyondSize {
        start: 8,
        end: 10,
        size: 9,
    };
    let empty = Hash::EMPTY_ROOT;
    let refused = verify_subtree_consistency(subtree, &empty, 9, &empty, &[]);
    assert_eq!(refused, Err(reason));
    let request =
        |error: ProveError<_>| matches!(error, ProveError::Request(found) if found == reason);
    assert!(request(
        prove_subtree_consistency(&log, subtree, 9).unwrap_err()
    ));
    assert!(request(
        prove_subtree_inclusion(&log, 8, subtree, 9).unwrap_err()
    ));
    assert!(request(subtree_hash(&log, subtree, 9).unwrap_err()));
}

#[test]
fn a_sign_subtree_body_has_one_spelling() {
    let (log, world) = (log_of(14), World::get());
    let subtree = Subtree::new(8, 13).unwrap();
    let note = world.full_note(&checkpoint(14, root_from_tiles(&log, 14).unwrap()));
    let body = SignSubtree {
        subtree,
        hash: subtree_hash(&log, subtree, 14).unwrap(),
        proof: prove_subtree_consistency(&log, subtree, 14).unwrap(),
        checkpoint: note,
    };
    assert_eq!(body.proof.len(), 4);
    let bytes = body.to_bytes();
    assert_eq!(SignSubtree::parse(&bytes).unwrap(), body);
    let text = String::from_utf8(bytes).unwrap();
    let with = |first: &str| text.replacen("subtree 8 13\n", first, 1);
    for first in [
        "subtree 08 13\n",
        "subtree 8 013\n",
        "subtree 8  13\n",
        "subtree 8 13 \n",
        "subtree 8\n",
        "subtree 9 13\n",
        "subtree 13 8\n",
        "subtree 8 8\n",
        "subtree -8 13\n",
        "subtree 8 9223372036854775808\n",
        "Subtree 8 13\n",
        "",
    ] {
        assert!(
            SignSubtree::parse(with(first).as_bytes()).is_err(),
            "{first:?}"
        );
    }
    let lines: Vec<&str> = text.splitn(3, '\n').collect();
    let too_many = format!(
        "{}\n{}\n{}",
        lines[0],
        lines[1],
        format!("{}\n", body.hash).repeat(64)
    );
    assert!(matches!(
        SignSubtree::parse(format!("{too_many}{}", lines[2]).as_bytes()),
        Err(ParseError::TooMany { .. })
    ));
    assert!(SignSubtree::parse(format!("{}\n{}\n\n", lines[0], lines[1]).as_bytes()).is_err());
}

#[test]
fn a_subtree_is_cosigned_without_a_time_by_a_key_whose_message_can_name_it() {
    let world = World::get();
    let subtree = Subtree::new(8, 13).unwrap();
    let (origin, hash) = (
        checkpoint(14, tlog::sha256(b"r")).origin().clone(),
        tlog::sha256(b"s"),
    );
    let key = world.w1_pq.vkey();
    let line = cosign_subtree(&origin, subtree, &hash, &world.w1_pq).unwrap();
    assert_eq!(line.signature()[..8], [0; 8]);
    let verify = |subtree, hash: &Hash, line: &SignatureLine| {
        verify_subtree_cosignature(&origin, subtree, hash, line, key)
    };
    verify(subtree, &hash, &line).unwrap();
    let bad = |result| matches!(result, Err(NoteError::BadSignature { .. }));
    assert!(bad(verify(Subtree::new(8, 12).unwrap(), &hash, &line)));
    assert!(bad(verify(Subtree::new(0, 13).unwrap(), &hash, &line)));
    assert!(bad(verify(subtree, &Hash::EMPTY_ROOT, &line)));
    let mut timed = line.signature().to_vec();
    timed[7] = 1;
    let timed = SignatureLine::new(key.name().clone(), key.id(), timed).unwrap();
    assert!(bad(verify(subtree, &hash, &timed)));
    let short = SignatureLine::new(key.name().clone(), key.id(), vec![0; 8]).unwrap();
    assert!(bad(verify(subtree, &hash, &short)));
    let other = TestSigner::new("w9.example", KeyType::CosignatureMlDsa44, "w9");
    let foreign = cosign_subtree(&origin, subtree, &hash, &other).unwrap();
    assert!(matches!(
        verify(subtree, &hash, &foreign),
        Err(NoteError::OtherKey { .. })
    ));
    let refused = cosign_subtree(&origin, subtree, &hash, &world.w1).unwrap_err();
    assert!(matches!(refused, NoteError::KeyType { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_across_tile_edges_are_those_of_the_definition(
        size in 200u64..700, seed in any::<u64>(), height in 0u32..10,
    ) {
        let log = log_of(size);
        let leaves = leaves_of(&log);
        // A subtree of up to 2^height leaves, somewhere.
        let width = 1u64 << height;
        let start = (seed % size) / width * width;
        let end = (start + 1 + (seed >> 32) % width).min(size);
        let subtree = Subtree::new(start, end).unwrap();
        let range = start as usize..end as usize;
        let proof = prove_subtree_consistency(&log, subtree, size).unwrap();
        prop_assert_eq!(&proof, &naive_proof(range.start, range.end, &leaves, true));
        let hash = naive_root(&leaves[range]);
        prop_assert_eq!(subtree_hash(&log, subtree, size).unwrap(), hash);
        verify_subtree_consistency(subtree, &hash, size, &naive_root(&leaves), &proof).unwrap();
    }

    #[test]
    fn random_subtrees_and_proofs_never_panic(
        start in any::<u64>(), end in any::<u64>(), height in 0u32..64, size in any::<u64>(),
        path in prop::collection::vec(any::<[u8; 32]>(), 0..66),
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash::from_bytes).collect();
        let hash = tlog::sha256(b"x");
        let aligned = start & (u64::MAX << height);
        for (start, end) in [(start, end), (aligned, aligned.saturating_add(1 + end % (1 << height)))] {
            let Ok(subtree) = Subtree::new(start, end) else { continue };
            prop_assert!(naive_is_subtree(start, end));
            let root = Hash::EMPTY_ROOT;
            prop_assert!(verify_subtree_consistency(subtree, &hash, size, &root, &path).is_err());
            prop_assert!(verify_subtree_inclusion(&hash, start, subtree, &path, &root).is_err());
        }
    }

    #[test]
    fn random_sign_subtree_bodies_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400), start in any::<u64>(), end in any::<u64>(),
    ) {
        let _refused = SignSubtree::parse(&bytes);
        let mut text = format!("subtree {start} {end}\n").into_bytes();
        text.extend_from_slice(&bytes);
        if let Ok(read) = SignSubtree::parse(&text) {
            prop_assert_eq!(read.to_bytes(), text);
        }
    }
}

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog::{
    Frontier, Hash, ProofError, leaf_hash, node_hash, verify_consistency, verify_inclusion,
};
use tlog::{prove_consistency, prove_inclusion, root_from_tiles};

use crate::published::MemoryLog;

/// The eight leaves and roots used by Certificate Transparency's own tests.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn the_roots_of_the_rfc_6962_test_tree_are_known() {
    assert_eq!(Hash::EMPTY_ROOT, tlog::sha256(b""));
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_hex(), ROOTS[0]);
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        frontier.append(leaf_hash(leaf));
        assert_eq!(frontier.root().to_hex(), *root);
    }
}

#[test]
fn a_hash_has_one_spelling_in_hex_and_one_in_base64() {
    let hash = tlog::sha256(b"x");
    assert_eq!(Hash::from_hex(&hash.to_hex()).unwrap(), hash);
    assert_eq!(Hash::from_base64(&hash.to_string()).unwrap(), hash);
    assert_eq!(format!("{hash:?}"), hash.to_hex());
    let upper = hash.to_hex().to_uppercase();
    let long = hash.to_hex() + "0";
    for bad in [upper.as_str(), long.as_str(), &hash.to_hex()[1..], "", "zz"] {
        assert!(Hash::from_hex(bad).is_err(), "{bad}");
    }
    for bad in [
        hash.to_string().trim_end_matches('='),
        "",
        "AAAA",
        "AAAAAA==",
    ] {
        assert!(Hash::from_base64(bad).is_err(), "{bad}");
    }
    let mut stream = tlog::Sha256Stream::new();
    stream.update(b"");
    stream.update(b"x");
    assert_eq!(stream.finish(), hash);
}

/// A compact range in every state is accepted, and no other number of hashes is.
#[test]
fn a_frontier_can_be_stored_and_taken_up_again() {
    let mut frontier = Frontier::new();
    for size in 0..70u64 {
        let copy = Frontier::from_parts(size, frontier.parts().to_vec()).unwrap();
        assert_eq!(copy, frontier);
        assert_eq!(copy.size(), size);
        assert_eq!(copy.root(), frontier.root());
        let mut parts = frontier.parts().to_vec();
        parts.push(Hash::EMPTY_ROOT);
        let refused = Frontier::from_parts(size, parts);
        assert!(matches!(refused, Err(ProofError::FrontierShape { .. })));
        frontier.append(leaf_hash(&size.to_be_bytes()));
    }
    assert!(Frontier::from_parts(1 << 63, vec![Hash::EMPTY_ROOT]).is_err());
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// All pairs up to 70 leaves: roots and proofs byte for byte as an independent tree makes them.
#[test]
fn proofs_are_those_of_an_independent_tree() {
    let mut log = MemoryLog::default();
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![Hash::EMPTY_ROOT];
    for size in 1..=70u64 {
        let entry = format!("entry {size}").into_bytes();
        oracle.push(entry.clone());
        log.publish(vec![entry]);
        let root = root_from_tiles(&log, size).unwrap();
        assert_eq!(root.as_bytes(), oracle.root().as_bytes().as_slice());
        roots.push(root);
        for index in 0..size {
            let path = prove_inclusion(&log, index, size).unwrap();
            assert_eq!(
                concat(&path),
                oracle.prove_inclusion(index as usize).as_bytes()
            );
            let leaf = leaf_hash(&log.entries[index as usize]);
            verify_inclusion(&leaf, index, size, &path, &root).unwrap();
        }
        for old in 1..size {
            let path = prove_consistency(&log, old, size).unwrap();
            let expected = oracle.prove_consistency((size - old) as usize);
            assert_eq!(concat(&path), expected.as_bytes());
            verify_consistency(old, &roots[old as usize], size, &root, &path).unwrap();
        }
    }
}

#[test]
fn every_change_to_an_inclusion_proof_is_refused() {
    let mut log = MemoryLog::default();
    log.publish((0..13u8).map(|i| vec![i]).collect());
    let root = root_from_tiles(&log, 13).unwrap();
    for index in 0..13 {
        let path = prove_inclusion(&log, index, 13).unwrap();
        assert_eq!(
            prove_inclusion(&&log, index, 13).unwrap(),
            path,
            "a reference is a source, too"
        );
        let leaf = leaf_hash(&[index as u8]);
        let check = |leaf: &Hash, index, size, path: &[Hash], root: &Hash| {
            assert!(verify_inclusion(leaf, index, size, path, root).is_err());
        };
        check(&leaf_hash(b"other"), index, 13, &path, &root);
        check(&leaf, index, 13, &path, &Hash::EMPTY_ROOT);
        check(&leaf, index, 13, &path[1..], &root);
        check(&leaf, index, 13, &path[..path.len() - 1], &root);
        check(&leaf, index, 13, &[&path[..], &[root]].concat(), &root);
        check(&leaf, index, 13, &[&[root], &path[..]].concat(), &root);
        for other in (0..13).filter(|other| *other != index) {
            check(&leaf, other, 13, &path, &root);
        }
        for at in 0..path.len() {
            let mut changed = path.clone();
            changed[at] = leaf;
            check(&leaf, index, 13, &changed, &root);
        }
    }
    let leaf = leaf_hash(b"");
    let refused = verify_inclusion(&leaf, 0, 0, &[], &Hash::EMPTY_ROOT);
    assert_eq!(
        refused,
        Err(ProofError::IndexBeyondSize { index: 0, size: 0 })
    );
    assert_eq!(verify_inclusion(&leaf, 0, 1, &[], &leaf), Ok(()));
}

#[test]
fn every_change_to_a_consistency_proof_is_refused() {
    let mut log = MemoryLog::default();
    log.publish((0..14u8).map(|i| vec![i]).collect());
    let root_at = |size| {
        let mut frontier = Frontier::new();
        log.entries[..size as usize]
            .iter()
            .for_each(|e| frontier.append(leaf_hash(e)));
        frontier.root()
    };
    for new in 2..=14u64 {
        for old in 1..new {
            let (old_root, new_root) = (root_at(old), root_at(new));
            let path = prove_consistency(&log.at(new), old, new).unwrap();
            verify_consistency(old, &old_root, new, &new_root, &path).unwrap();
            let check = |old_root: &Hash, new_root: &Hash, path: &[Hash]| {
                assert!(verify_consistency(old, old_root, new, new_root, path).is_err());
            };
            check(&Hash::EMPTY_ROOT, &new_root, &path);
            check(&old_root, &Hash::EMPTY_ROOT, &path);
            check(&old_root, &new_root, &path[1..]);
            check(&old_root, &new_root, &path[..path.len() - 1]);
            check(&old_root, &new_root, &[]);
            check(&old_root, &new_root, &[&path[..], &[new_root]].concat());
            for at in 0..path.len() {
                let mut changed = path.clone();
                changed[at] = Hash::EMPTY_ROOT;
                check(&old_root, &new_root, &changed);
            }
        }
    }
}

#[test]
fn the_empty_tree_is_a_prefix_of_every_tree_and_has_one_root() {
    let root = leaf_hash(b"a");
    let empty = Hash::EMPTY_ROOT;
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 1, &root, &[]), Ok(()));
    let refused = verify_consistency(0, &empty, 1, &root, &[root]);
    assert_eq!(refused, Err(ProofError::PathLength { found: 1 }));
    assert_eq!(
        verify_consistency(0, &root, 1, &root, &[]),
        Err(ProofError::EmptyRoot)
    );
    assert_eq!(
        verify_consistency(0, &root, 0, &root, &[]),
        Err(ProofError::EmptyRoot)
    );
}

#[test]
fn a_proof_of_a_wrong_length_is_refused_with_the_length_it_has() {
    let root = leaf_hash(b"a");
    for found in [1, 2, 60] {
        let refused = verify_consistency(6, &root, 9, &root, &vec![root; found]);
        assert_eq!(refused, Err(ProofError::PathLength { found }));
    }
}

#[test]
fn two_roots_for_one_size_are_a_split_and_a_shrinking_log_is_refused() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    assert_eq!(verify_consistency(1, &a, 1, &a, &[]), Ok(()));
    assert_eq!(
        verify_consistency(1, &a, 1, &b, &[]),
        Err(ProofError::Split { size: 1 })
    );
    let refused = verify_consistency(1, &a, 1, &a, &[a]);
    assert_eq!(refused, Err(ProofError::PathLength { found: 1 }));
    let shrinking = ProofError::Shrinking {
        old_size: 2,
        new_size: 1,
    };
    assert_eq!(verify_consistency(2, &a, 1, &b, &[]), Err(shrinking));
}

#[test]
fn questions_about_leaves_that_do_not_exist_are_errors() {
    let mut log = MemoryLog::default();
    log.publish(vec![b"a".to_vec()]);
    assert!(prove_inclusion(&log, 1, 1).is_err());
    assert!(prove_consistency(&log, 2, 1).is_err());
    assert!(
        prove_inclusion(&log, 0, 2).is_err(),
        "the tile of that size was never written"
    );
    assert!(prove_consistency(&log, 0, 1).unwrap().is_empty());
    assert!(prove_consistency(&log, 1, 1).unwrap().is_empty());
    assert_eq!(root_from_tiles(&log, 0).unwrap(), Hash::EMPTY_ROOT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_across_tile_edges_are_those_of_an_independent_tree(
        size in 200usize..700, seed in any::<u64>(),
    ) {
        let entries: Vec<Vec<u8>> =
            (0..size as u64).map(|i| (i ^ seed).to_be_bytes().to_vec()).collect();
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        entries.iter().for_each(|entry| oracle.push(entry.clone()));
        let mut log = MemoryLog::default();
        log.publish(entries);
        let index = seed as usize % size;
        let path = prove_inclusion(&log, index as u64, size as u64).unwrap();
        let expected = oracle.prove_inclusion(index);
        prop_assert_eq!(concat(&path), expected.as_bytes());
        if index > 0 {
            let path = prove_consistency(&log, index as u64, size as u64).unwrap();
            let expected = oracle.prove_consistency(size - index);
            prop_assert_eq!(concat(&path), expected.as_bytes());
        }
    }

    #[test]
    fn random_proofs_never_panic(
        index in any::<u64>(), old in any::<u64>(), size in any::<u64>(),
        path in prop::collection::vec(any::<[u8; 32]>(), 0..66),
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash::from_bytes).collect();
        let root = node_hash(&Hash::EMPTY_ROOT, &Hash::EMPTY_ROOT);
        prop_assert!(verify_inclusion(&root, index, size, &path, &Hash::EMPTY_ROOT).is_err());
        let refused = verify_consistency(old, &root, size, &Hash::EMPTY_ROOT, &path);
        prop_assert!(refused.is_err());
    }
}

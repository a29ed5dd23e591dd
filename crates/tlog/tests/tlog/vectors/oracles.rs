//! Other people's programs, fed the same vectors. Where one differs, the case is named here and in
//! the table of `spec/vectors/README.md`; if it stops to differ, or differs elsewhere, a test fails.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use fips204::traits::{SerDes as _, Verifier as _};
use serde_json::json;
use sha2::Sha256;
use signed_note::{StandardVerifier, Verifier, VerifierList};
use tlog::cosignature::ml_dsa44_message;
use tlog::{Checkpoint, Hash, SignatureLine, VerifierKey, leaf_hash};

use super::case::{Answer, Case, Expect, File, Judge, why};
use super::trees::entry;

fn only(name: &str, applies: impl Fn(&File, &Case) -> bool) -> File {
    let mut file = File::read(name);
    let cases = std::mem::take(&mut file.cases);
    let (kept, _): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| applies(&file, case));
    file.cases = kept;
    file
}

fn debug(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

#[test]
fn signed_note_reads_notes() {
    Judge::default().run(&File::read("note"), "parse", |case| {
        let note = signed_note::Note::from_bytes(&case.bytes("note")).map_err(debug)?;
        assert_eq!(note.to_bytes(), case.bytes("note"), "{}", case.name);
        Ok(None)
    });
}

#[test]
fn signed_note_verifies_notes() {
    let file = File::read("note");
    let judge = Judge {
        // Of a key's lines it looks at the first.
        accepts: &["one_known_key_with_a_good_and_a_bad_line"],
        ..Judge::default()
    };
    judge.run(&file, "verify", |case| {
        let verifiers = case.texts("known").into_iter().map(|label| {
            let verifier = StandardVerifier::new(&file.key(&label).vkey).unwrap();
            Box::new(verifier) as Box<dyn Verifier>
        });
        let note = signed_note::Note::from_bytes(&case.bytes("note")).map_err(debug)?;
        note.verify(&VerifierList::new(verifiers.collect()))
            .map_err(debug)?;
        Ok(None)
    });
}

#[test]
fn signed_note_reads_vkeys_of_its_type() {
    let file = only("note", |_, case| {
        case.op == "vkey" && (case.expect != Expect::Ok || case.result["type"] == 1)
    });
    let judge = Judge {
        // Any hex digits will do, and points are reduced silently.
        accepts: &[
            "an_id_in_upper_case",
            "an_ed25519_point_that_is_not_reduced",
        ],
        ..Judge::default()
    };
    judge.run(&file, "vkey", |case| {
        let key = StandardVerifier::new(case.text("vkey")).map_err(debug)?;
        if case.expect == Expect::Ok {
            assert_eq!(format!("{:08x}", key.key_id()), case.result["id"]);
        }
        Ok(None)
    });
}

#[test]
fn tlog_tiles_reads_checkpoints() {
    Judge::default().run(&File::read("checkpoint"), "body", |case| {
        let text = case.bytes("body");
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(&text).map_err(debug)?;
        let extensions: Vec<&str> = checkpoint.extension().lines().collect();
        Ok(Some(json!({
            "origin": checkpoint.origin(),
            "size": checkpoint.size(),
            "root": Hash::from_bytes(checkpoint.hash().0).to_string(),
            "extensions": extensions,
        })))
    });
}

/// Its paths carry the height of a tile, and `data` where tlog-tiles has `entries`.
fn their_path(path: &str) -> String {
    let path = path.replacen("entries", "data", 1);
    path.replacen("tile/", "tile/8/", 1)
}

/// It panics at three of the invalid paths, and must do so at no other.
const PANICS: &[&str] = &[
    "a_tile_path_of_level_64",
    "a_tile_path_with_a_width_of_0",
    "a_bundle_path_with_a_width_of_0",
];

fn read_path(case: &Case) -> Result<tlog_tiles::Tile, String> {
    let path = their_path(case.text("path"));
    let read = std::panic::catch_unwind(|| tlog_tiles::Tile::from_path(&path).map_err(debug));
    let expected = PANICS.contains(&case.name.as_str());
    assert_eq!(read.is_err(), expected, "{}", case.name);
    read.unwrap_or_else(|_| Err("it panics".to_owned()))
}

#[test]
fn tlog_tiles_reads_paths() {
    let theirs = ["a_tile_path_of_static_ct", "a_bundle_path_is_no_tile_path"];
    let file = only("tiles", |_, case| !theirs.contains(&case.name.as_str()));
    Judge::default().run(&file, "tile_path", |case| {
        let tile = read_path(case)?;
        Ok(Some(json!({
            "level": tile.level(), "index": tile.level_index(), "width": tile.width()
        })))
    });
    let file = only("tiles", |_, case| {
        case.text_or_empty("path").contains("entries")
    });
    Judge::default().run(&file, "bundle_path", |case| {
        let tile = read_path(case)?;
        Ok(Some(
            json!({"index": tile.level_index(), "width": tile.width()}),
        ))
    });
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

/// RFC 6962 defines proofs from trees of one entry on; tlog-witness adds the empty tree.
const FROM_NOTHING: &[&str] = &["from_0_to_5", "from_0_to_0"];

#[test]
fn tlog_tiles_judges_proofs() {
    let file = File::read("proof");
    Judge::default().run(&file, "inclusion", |case| {
        let path = case.hashes("path").iter().map(theirs).collect();
        let (root, leaf) = (theirs(&case.hash("root")), theirs(&case.hash("leaf")));
        tlog_tiles::check_record(&path, case.number("size"), root, case.number("index"), leaf)
            .map_err(debug)?;
        Ok(None)
    });
    let judge = Judge {
        refuses: FROM_NOTHING,
        ..Judge::default()
    };
    judge.run(&file, "consistency", |case| {
        let proof = case.hashes("proof").iter().map(theirs).collect();
        let (root, old_root) = (theirs(&case.hash("root")), theirs(&case.hash("old_root")));
        let (size, old) = (case.number("size"), case.number("old_size"));
        tlog_tiles::check_tree(&proof, size, root, old, old_root).map_err(debug)?;
        Ok(None)
    });
}

fn root_of(case: &Case, root: &str, size: &str) -> RootHash<Sha256> {
    RootHash::new((*case.hash(root).as_bytes()).into(), case.number(size))
}

fn joined(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

#[test]
fn ct_merkle_judges_proofs() {
    // It hashes the leaf itself, so the leaf must be that of an entry.
    let file = only("proof", |_, case| {
        case.op == "consistency"
            || case.op == "inclusion"
                && leaf_hash(&entry(case.number("index"))) == case.hash("leaf")
    });
    Judge::default().run(&file, "inclusion", |case| {
        let proof = InclusionProof::try_from_bytes(joined(&case.hashes("path"))).map_err(debug)?;
        let index = case.number("index");
        root_of(case, "root", "size")
            .verify_inclusion(&entry(index), index, &proof)
            .map_err(debug)?;
        Ok(None)
    });
    let judge = Judge {
        refuses: FROM_NOTHING,
        ..Judge::default()
    };
    judge.run(&file, "consistency", |case| {
        let proof =
            ConsistencyProof::try_from_bytes(joined(&case.hashes("proof"))).map_err(debug)?;
        root_of(case, "root", "size")
            .verify_consistency(&root_of(case, "old_root", "old_size"), &proof)
            .map_err(debug)?;
        Ok(None)
    });
}

/// The signature by `fips204`; name, id and time by hand.
fn fips204_verifies(file: &File, case: &Case) -> Answer {
    let key: VerifierKey = file.key(case.text("key")).vkey.parse().unwrap();
    let line: SignatureLine = case.text("line").trim_end().parse().map_err(why)?;
    let body = case.text("body").split("an extension").next().unwrap();
    let checkpoint = Checkpoint::parse(body).map_err(why)?;
    let wrong = || "not by this key, or too short or late".to_owned();
    let (time, raw) = line
        .signature()
        .split_first_chunk::<8>()
        .ok_or_else(wrong)?;
    let time = u64::from_be_bytes(*time);
    if !line.is_by(&key) || time > i64::MAX as u64 {
        return Err(wrong());
    }
    let (origin, size) = (checkpoint.origin(), checkpoint.size());
    let message = ml_dsa44_message(key.name(), time, origin, 0..size, checkpoint.root());
    let raw = raw.try_into().map_err(|_| wrong())?;
    let public = key.public_key().try_into().unwrap();
    let public = fips204::ml_dsa_44::PublicKey::try_from_bytes(public).map_err(debug)?;
    if !public.verify(&message, &raw, &[]) {
        return Err("the signature fails".to_owned());
    }
    Ok(Some(json!({"timestamp": time})))
}

#[test]
fn fips204_judges_ml_dsa_44_cosignatures() {
    let file = only("cosignature", |file, case| {
        case.op == "verify" && file.key(case.text("key")).key_type == 6
    });
    assert!(file.cases.len() > 30, "{}", file.cases.len());
    Judge::default().run(&file, "verify", |case| fips204_verifies(&file, case));
}

/// Sigsum writes raw keys in hex where tlog-policy has vkeys.
fn sigsum_policy(case: &Case) -> Result<sigsum::Policy, String> {
    let text = String::from_utf8(case.bytes("policy")).map_err(why)?;
    let mut theirs = String::new();
    for line in text.split_inclusive('\n') {
        for part in line.split_inclusive([' ', '\t', '\n']) {
            let word = part.trim_end_matches([' ', '\t', '\n']);
            match word.parse::<VerifierKey>() {
                Ok(key) => theirs += &part.replacen(word, &hex::encode(key.public_key()), 1),
                Err(_) => theirs += part,
            }
        }
    }
    sigsum::Policy::parse(&theirs).map_err(debug)
}

/// What its grammar cannot say: other keys than Ed25519, octets that are no text, key types.
const NOT_SIGSUM: &[&str] = &[
    "a_comment_that_is_not_utf_8",
    "a_name_that_is_not_utf_8",
    "a_witness_with_an_ml_dsa_44_key",
    "a_log_with_an_ml_dsa_44_key_only",
    "a_key_in_hex",
    "a_vkey_with_a_wrong_id",
    "a_log_with_a_witness_key",
    "a_witness_with_a_log_key",
];

#[test]
fn sigsum_reads_policies() {
    let file = only("policy", |_, case| {
        !NOT_SIGSUM.contains(&case.name.as_str())
    });
    let judge = Judge {
        accepts: &[
            "the_octet_00_in_a_comment",
            "the_octet_0b_in_a_comment",
            "the_octet_0c_in_a_comment",
            "the_octet_0d_in_a_comment",
            "the_octet_1b_in_a_comment",
            "the_octet_7f_in_a_comment",
            "a_witness_named_none",
            "a_group_named_none",
            "a_member_twice_in_one_group",
            "a_witness_in_two_groups",
            "a_group_in_two_groups",
            "a_witness_in_two_groups_that_the_quorum_does_not_use",
            "a_threshold_of_0",
            "a_threshold_of_more_than_its_members",
            "a_threshold_of_plus_1",
            "a_threshold_of_2_to_the_32_plus_1",
        ],
        ..Judge::default()
    };
    judge.run(&file, "parse", |case| {
        sigsum_policy(case)?;
        Ok(None)
    });
}

#[test]
fn sigsum_judges_quorums() {
    let file = File::read("policy");
    Judge::default().run(&file, "quorum", |case| {
        let policy = sigsum_policy(case)?;
        for row in case.result.as_array().unwrap() {
            let cosigned = row["cosigned"].as_array().unwrap().iter();
            let keys: Vec<sigsum::Hash> = cosigned
                .map(|name| {
                    let key: VerifierKey = file.key(name.as_str().unwrap()).vkey.parse().unwrap();
                    sigsum::Hash::new(key.public_key())
                })
                .collect();
            assert_eq!(
                policy.check_quorum(&keys),
                row["satisfied"] == true,
                "{row}"
            );
        }
        Ok(None)
    });
}

//! Notes, checkpoints, cosignatures and policies.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tlog::cosignature::{ed25519_message, ml_dsa44_message};
use tlog::{
    Checkpoint, KeyType, Note, Policy, SignatureLine, Subtree, Threshold, VerifierKey, cosign,
    open_checkpoint, open_witnessed, verify_cosignature,
};

use super::case::{Answer, Case, ERROR, File, Judge, OK, bytes_of, why};
use crate::keys::TestSigner;

fn lines_of(lines: &[SignatureLine]) -> Value {
    let line = |line: &SignatureLine| {
        let text = line.to_string();
        json!({"name": line.name().as_str(), "signature": text.rsplit(' ').next().unwrap()})
    };
    lines.iter().map(line).collect()
}

#[test]
fn notes_are_read_as_the_vectors_say() {
    let judge = Judge {
        open: Some(&[
            ("a_key_id_and_no_signature", ERROR),
            ("the_same_line_twice", OK),
            ("a_zero_width_space_in_a_name", OK),
            ("two_hundred_signatures", ERROR),
        ]),
        ..Judge::default()
    };
    judge.run(&File::read("note"), "parse", |case| {
        let bytes = case.bytes("note");
        let note = Note::parse(&bytes).map_err(why)?;
        assert_eq!(note.to_string().as_bytes(), bytes, "{}", case.name);
        Ok(Some(
            json!({"text": note.text(), "signatures": lines_of(note.signatures())}),
        ))
    });
}

#[test]
fn signatures_on_notes_count_as_the_vectors_say() {
    let file = File::read("note");
    let judge = Judge {
        // Two lines by one key are ambiguous to us; a log's keys are named like its origin.
        open: Some(&[
            ("one_known_key_with_the_same_good_line_twice", ERROR),
            ("a_key_whose_name_is_not_the_origin", ERROR),
        ]),
        ..Judge::default()
    };
    judge.run(&file, "verify", |case| {
        open_checkpoint(&case.bytes("note"), &file.known(case)).map_err(why)?;
        Ok(None)
    });
}

#[test]
fn vkeys_are_read_as_the_vectors_say() {
    let judge = Judge {
        open: Some(&[
            ("an_ed25519_key_of_small_order", ERROR),
            ("an_ecdsa_key_with_its_own_id_formula", ERROR),
            ("a_key_of_type_03", ERROR),
            ("a_key_of_type_05", ERROR),
            ("a_key_of_type_07", ERROR),
            ("a_key_of_type_ff", ERROR),
        ]),
        ..Judge::default()
    };
    judge.run(&File::read("note"), "vkey", |case| {
        let key: VerifierKey = case.text("vkey").parse().map_err(why)?;
        assert_eq!(key.to_string(), case.text("vkey"));
        Ok(Some(json!({
            "name": key.name().as_str(),
            "id": key.id().to_string(),
            "type": key.key_type().to_byte(),
            "public_key": hex::encode(key.public_key()),
        })))
    });
}

#[test]
fn checkpoint_texts_are_read_as_the_vectors_say() {
    let judge = Judge {
        // Our origins are key names, and we neither write nor read extension lines.
        refuses: &[
            "an_origin_with_spaces",
            "an_origin_with_a_plus",
            "an_origin_of_256_bytes",
            "an_extension_line",
            "two_extension_lines",
        ],
        accepts: &[],
        open: Some(&[
            ("a_size_of_9223372036854775808", ERROR),
            ("a_size_of_18446744073709551615", ERROR),
            ("a_size_of_18446744073709551616", ERROR),
            ("a_size_of_1000000000000000000000000000000", ERROR),
            ("an_empty_tree_with_another_root", OK),
        ]),
    };
    judge.run(&File::read("checkpoint"), "body", |case| {
        let checkpoint = Checkpoint::parse(case.text("body")).map_err(why)?;
        assert_eq!(checkpoint.to_string(), case.text("body"));
        Ok(Some(json!({
            "origin": checkpoint.origin().as_str(),
            "size": checkpoint.size(),
            "root": checkpoint.root().to_string(),
            "extensions": [],
        })))
    });
}

#[test]
fn checkpoints_are_opened_as_the_vectors_say() {
    let file = File::read("checkpoint");
    let judge = Judge {
        refuses: &[
            "an_ed25519_signature_over_extension_lines",
            "an_ml_dsa_44_signature_says_nothing_about_extension_lines",
        ],
        open: Some(&[("the_key_is_not_named_like_the_origin", ERROR)]),
        ..Judge::default()
    };
    judge.run(&file, "open", |case| {
        let checkpoint = open_checkpoint(&case.bytes("note"), &file.known(case)).map_err(why)?;
        Ok(Some(json!({
            "origin": checkpoint.origin().as_str(),
            "size": checkpoint.size(),
            "root": checkpoint.root().to_string(),
        })))
    });
}

fn message(case: &Case) -> Answer {
    let checkpoint = Checkpoint::parse(case.text("body")).map_err(why)?;
    let time = case.number("timestamp");
    let message = if case.number("type") == 4 {
        ed25519_message(&checkpoint, time)
    } else {
        let cosigner = case.text("cosigner").parse().map_err(why)?;
        let leaves = 0..checkpoint.size();
        ml_dsa44_message(
            &cosigner,
            time,
            checkpoint.origin(),
            leaves,
            checkpoint.root(),
        )
    };
    assert_eq!(message, bytes_of(&case.result), "{}", case.name);
    Ok(None)
}

#[test]
fn cosigned_messages_are_those_of_the_vectors() {
    let file = File::read("cosignature");
    let judge = Judge {
        refuses: &[
            "an_ed25519_message_holds_the_extension_lines",
            "an_ml_dsa_44_message_leaves_extension_lines_out",
        ],
        ..Judge::default()
    };
    judge.run(&file, "message", message);
    // A subtree never states a time through our types, except the one that is the whole tree.
    let judge = Judge {
        accepts: &[],
        ..Judge::default()
    };
    judge.run(&file, "subtree_message", |case| {
        let (start, end) = (case.number("start"), case.number("end"));
        let time = case.number("timestamp");
        Subtree::new(start, end).map_err(why)?;
        if start != 0 && time != 0 {
            return Err("cosign_subtree takes no time".to_owned());
        }
        let cosigner = case.text("cosigner").parse().map_err(why)?;
        let origin = case.text("origin").parse().map_err(why)?;
        let message = ml_dsa44_message(&cosigner, time, &origin, start..end, &case.hash("hash"));
        assert_eq!(message, bytes_of(&case.result), "{}", case.name);
        Ok(None)
    });
}

#[test]
fn cosignatures_are_judged_as_the_vectors_say() {
    let file = File::read("cosignature");
    let judge = Judge {
        refuses: &[
            "an_ed25519_cosignature_with_extension_lines",
            "an_ml_dsa_44_cosignature_beside_extension_lines",
            // What we take for a cosignature is a witness's, and witnesses state a time.
            "an_ml_dsa_44_cosignature_without_a_time",
        ],
        accepts: &[],
        open: Some(&[("an_ed25519_cosignature_at_time_0", ERROR)]),
    };
    judge.run(&file, "verify", |case| {
        let key = file.key(case.text("key"));
        let checkpoint = Checkpoint::parse(case.text("body")).map_err(why)?;
        let line: SignatureLine = case.text("line").trim_end().parse().map_err(why)?;
        let vkey: VerifierKey = key.vkey.parse().unwrap();
        let timestamp = verify_cosignature(&checkpoint, &line, &vkey).map_err(why)?;
        if case.is_set("deterministic") {
            let signer = TestSigner::from_seed(
                &key.name,
                KeyType::from_byte(key.key_type).unwrap(),
                hex::decode(&key.seed).unwrap().try_into().unwrap(),
            );
            assert_eq!(cosign(&checkpoint, timestamp, &signer).unwrap(), line);
        }
        Ok(Some(json!({"timestamp": timestamp})))
    });
}

fn summary(policy: &Policy) -> Value {
    let group = |group: &tlog::PolicyGroup| {
        let members: Vec<&str> = group.members().iter().map(|name| name.as_str()).collect();
        let k = match group.threshold() {
            Threshold::All => members.len(),
            Threshold::Any => 1,
            Threshold::AtLeast(k) => k,
        };
        json!({"name": group.name().as_str(), "k": k, "members": members})
    };
    json!({
        "logs": policy.logs().len(),
        "witnesses": policy.witnesses().iter().map(|w| w.name().as_str()).collect::<Vec<_>>(),
        "groups": policy.groups().iter().map(group).collect::<Vec<_>>(),
        "quorum": policy.quorum().map(|name| name.as_str()),
    })
}

fn policy_of(case: &Case) -> Result<Policy, String> {
    let bytes = case.bytes("policy");
    Policy::parse(std::str::from_utf8(&bytes).map_err(why)?).map_err(why)
}

#[test]
fn policies_are_read_as_the_vectors_say() {
    let judge = Judge {
        // Our policies are UTF-8, and each log has the Ed25519 key that tlog-tiles demands.
        refuses: &[
            "a_comment_that_is_not_utf_8",
            "a_name_that_is_not_utf_8",
            "a_log_with_an_ml_dsa_44_key_only",
        ],
        accepts: &[],
        open: Some(&[
            ("no_newline_at_the_end", ERROR),
            ("the_same_key_as_log_and_as_witness", OK),
            ("a_threshold_with_a_leading_zero", ERROR),
        ]),
    };
    judge.run(&File::read("policy"), "parse", |case| {
        let policy = policy_of(case)?;
        assert_eq!(Policy::parse(&policy.to_string()).unwrap(), policy);
        Ok(Some(summary(&policy)))
    });
}

#[test]
fn quorums_are_met_as_the_vectors_say() {
    Judge::default().run(&File::read("policy"), "quorum", |case| {
        let policy = policy_of(case)?;
        for row in case.result.as_array().unwrap() {
            let cosigned = row["cosigned"].as_array().unwrap();
            let witnesses = policy.witnesses().iter().map(|w| w.name().clone());
            let names: BTreeSet<_> = witnesses
                .filter(|name| cosigned.iter().any(|one| one == name.as_str()))
                .collect();
            assert_eq!(names.len(), cosigned.len());
            let satisfied = policy.is_satisfied(&names);
            assert_eq!(satisfied, row["satisfied"] == true, "{} {row}", case.name);
        }
        Ok(None)
    });
}

#[test]
fn notes_are_judged_by_policies_as_the_vectors_say() {
    let judge = Judge {
        refuses: &[
            // Of a log with two keys we want both signatures.
            "one_of_two_keys_of_the_log_signed",
            // Without a quorum nothing is witnessed; such a checkpoint is opened by key instead.
            "quorum_none_needs_the_log_only",
        ],
        ..Judge::default()
    };
    judge.run(&File::read("policy"), "verify", |case| {
        open_witnessed(&case.bytes("note"), &policy_of(case)?).map_err(why)?;
        Ok(None)
    });
}

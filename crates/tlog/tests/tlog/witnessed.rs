use tlog::{
    Checkpoint, Hash, KeyType, NoteError, NoteSigner as _, Policy, PolicyError, SignatureLine,
    cosign, open_witnessed,
};

use crate::keys::{TestSigner, World, checkpoint, note};

fn cp() -> Checkpoint {
    checkpoint(9, tlog::sha256(b"root"))
}

#[test]
fn a_checkpoint_with_every_signature_is_witnessed() {
    let world = World::get();
    let bytes = world.full_note(&cp());
    let opened = open_witnessed(&bytes, &world.strict_policy()).unwrap();
    assert_eq!(*opened, cp());
    assert_eq!(opened.note(), bytes);
    assert_eq!(**opened.as_verified(), cp());
    // Of two keys the earlier time counts; of two witnesses the lower middle one.
    let cosigners: Vec<_> = opened
        .cosigners()
        .iter()
        .map(|(n, t)| (n.as_str(), *t))
        .collect();
    assert_eq!(cosigners, [("w1.example", 100), ("w2.example", 110)]);
    assert_eq!(opened.median_time(), 100);
}

#[test]
fn each_missing_signature_is_noticed() {
    let world = World::get();
    for missing in 0..6 {
        let mut lines = world.all_lines(&cp());
        lines.remove(missing);
        let refused = open_witnessed(&note(&cp(), lines), &world.strict_policy()).unwrap_err();
        match missing {
            0 | 1 => assert!(matches!(refused, PolicyError::LogSignatureMissing { .. })),
            _ => assert!(
                matches!(refused, PolicyError::QuorumNotMet { .. }),
                "{refused}"
            ),
        }
    }
}

#[test]
fn each_false_signature_of_a_known_key_refuses_the_note_even_if_the_quorum_is_met() {
    let world = World::get();
    let text = world.strict_policy_text();
    let any = text.replace("both all w1 w2", "both any w1 w2");
    let any = any.replace("w1 all", "w1 any").replace("w2 all", "w2 any");
    for policy in [world.strict_policy(), Policy::parse(&any).unwrap()] {
        for bad in 0..6 {
            let mut lines = world.all_lines(&cp());
            let mut signature = lines[bad].signature().to_vec();
            *signature.last_mut().unwrap() ^= 1;
            let line = &lines[bad];
            lines[bad] = SignatureLine::new(line.name().clone(), line.id(), signature).unwrap();
            let refused = open_witnessed(&note(&cp(), lines), &policy).unwrap_err();
            assert!(matches!(
                refused,
                PolicyError::Note(NoteError::BadSignature { .. })
            ));
        }
    }
}

#[test]
fn cosignatures_of_another_checkpoint_do_not_carry_over() {
    let world = World::get();
    let other = checkpoint(9, tlog::sha256(b"another history"));
    let mut lines = world.all_lines(&cp());
    lines.splice(2.., world.all_lines(&other).drain(2..));
    let refused = open_witnessed(&note(&cp(), lines), &world.strict_policy()).unwrap_err();
    assert!(matches!(
        refused,
        PolicyError::Note(NoteError::BadSignature { .. })
    ));
}

#[test]
fn a_log_the_policy_does_not_list_is_refused() {
    let world = World::get();
    let stranger = TestSigner::new("log.example/b", KeyType::Ed25519, "stranger");
    let foreign = Checkpoint::new("log.example/b".parse().unwrap(), 9, *cp().root()).unwrap();
    let lines = vec![
        tlog::sign_checkpoint(&foreign.to_string(), &stranger).unwrap(),
        cosign(&foreign, 100, &world.w1).unwrap(),
        cosign(&foreign, 100, &world.w2).unwrap(),
    ];
    let bytes = note(&foreign, lines);
    let refused = open_witnessed(&bytes, &world.ed_policy()).unwrap_err();
    assert!(matches!(refused, PolicyError::UnknownOrigin { .. }));
    // Listed beside the other log, it is accepted: a policy can hold several logs.
    let text = format!("log {}\n{}", stranger.vkey(), world.ed_policy());
    let both = Policy::parse(&text).unwrap();
    assert!(open_witnessed(&bytes, &both).is_ok());
    assert!(open_witnessed(&world.ed_note(&cp()), &both).is_ok());
}

#[test]
fn a_false_line_of_another_log_of_the_policy_refuses_the_note() {
    let world = World::get();
    let other = TestSigner::new("log.example/b", KeyType::Ed25519, "other log");
    let text = format!("log {}\n{}", other.vkey(), world.ed_policy());
    let policy = Policy::parse(&text).unwrap();
    let mut lines = world.all_lines(&cp());
    lines.retain(|line| line.id() != world.log_pq.vkey().id());
    assert!(open_witnessed(&note(&cp(), lines.clone()), &policy).is_ok());
    let key = other.vkey();
    let line = SignatureLine::new(key.name().clone(), key.id(), vec![0; 64]).unwrap();
    lines.push(line);
    let refused = open_witnessed(&note(&cp(), lines), &policy).unwrap_err();
    assert!(matches!(
        refused,
        PolicyError::Note(NoteError::BadSignature { .. })
    ));
}

#[test]
fn nothing_is_witnessed_under_quorum_none() {
    let world = World::get();
    let policy = Policy::parse(&format!("log {}\nquorum none\n", world.log.vkey())).unwrap();
    let refused = open_witnessed(&world.full_note(&cp()), &policy).unwrap_err();
    assert_eq!(refused, PolicyError::QuorumNone);
}

#[test]
fn an_empty_tree_with_another_root_is_refused() {
    let world = World::get();
    let good = checkpoint(0, Hash::EMPTY_ROOT);
    assert!(open_witnessed(&world.ed_note(&good), &world.ed_policy()).is_ok());
    let bad = checkpoint(0, tlog::sha256(b"x"));
    let refused = open_witnessed(&world.ed_note(&bad), &world.ed_policy()).unwrap_err();
    assert!(matches!(
        refused,
        PolicyError::Note(NoteError::EmptyRoot { .. })
    ));
}

#[test]
fn signatures_of_strangers_are_ignored_and_have_no_say_in_the_time() {
    let world = World::get();
    let stranger = TestSigner::new("zz.example", KeyType::CosignatureEd25519, "zz");
    let mut lines = world.all_lines(&cp());
    lines.push(cosign(&cp(), 999_999, &stranger).unwrap());
    let opened = open_witnessed(&note(&cp(), lines), &world.strict_policy()).unwrap();
    assert_eq!(opened.cosigners().len(), 2);
    assert_eq!(opened.median_time(), 100);
}

/// w1 needs both keys; with one it is no witness, though the quorum is met by the others.
#[test]
fn half_of_a_two_key_witness_has_no_say_in_the_time() {
    let world = World::get();
    let w3 = TestSigner::new("w3.example", KeyType::CosignatureEd25519, "w3");
    let outside = TestSigner::new("out.example", KeyType::CosignatureEd25519, "out");
    let text = format!(
        "log {}\nwitness w1-ed {}\nwitness w1-pq {}\nwitness w2 {}\nwitness w3 {}\nwitness out {}\n\
         group w1 all w1-ed w1-pq\ngroup two 2 w1 w2 w3\nquorum two\n",
        world.log.vkey(),
        world.w1.vkey(),
        world.w1_pq.vkey(),
        world.w2.vkey(),
        w3.vkey(),
        outside.vkey(),
    );
    let policy = Policy::parse(&text).unwrap();
    let base = tlog::sign_checkpoint(&cp().to_string(), &world.log).unwrap();
    let mut lines = vec![
        base,
        cosign(&cp(), 1, &world.w1).unwrap(),
        cosign(&cp(), 50, &world.w2).unwrap(),
        cosign(&cp(), 60, &w3).unwrap(),
        // In the policy, but not below the quorum.
        cosign(&cp(), 2, &outside).unwrap(),
    ];
    let opened = open_witnessed(&note(&cp(), lines.clone()), &policy).unwrap();
    let cosigners: Vec<_> = opened
        .cosigners()
        .iter()
        .map(|(n, t)| (n.as_str(), *t))
        .collect();
    assert_eq!(cosigners, [("w2.example", 50), ("w3.example", 60)]);
    assert_eq!(opened.median_time(), 50);
    // With its second key it counts, and three witnesses have a true middle.
    lines.push(cosign(&cp(), 55, &world.w1_pq).unwrap());
    let opened = open_witnessed(&note(&cp(), lines), &policy).unwrap();
    assert_eq!(opened.cosigners().len(), 3);
    assert_eq!(opened.median_time(), 50);
}

#[test]
fn the_median_is_the_middle_of_the_sorted_times_and_not_of_their_names() {
    let signers: Vec<TestSigner> = (0..5)
        .map(|i| {
            let name = format!("m{i}.example");
            TestSigner::new(&name, KeyType::CosignatureEd25519, &name)
        })
        .collect();
    let world = World::get();
    let mut text = format!("log {}\n", world.log.vkey());
    for (i, signer) in signers.iter().enumerate() {
        text += &format!("witness m{i} {}\n", signer.vkey());
    }
    text += "group g 3 m0 m1 m2 m3 m4\nquorum g\n";
    let policy = Policy::parse(&text).unwrap();
    let median = |times: &[u64]| {
        let mut lines = vec![tlog::sign_checkpoint(&cp().to_string(), &world.log).unwrap()];
        lines.extend(
            times
                .iter()
                .zip(&signers)
                .map(|(t, s)| cosign(&cp(), *t, s).unwrap()),
        );
        open_witnessed(&note(&cp(), lines), &policy)
            .unwrap()
            .median_time()
    };
    assert_eq!(median(&[900, 1, 500]), 500);
    assert_eq!(median(&[900, 1, 500, 400]), 400);
    assert_eq!(median(&[900, 1, 500, 400, 700]), 500);
}

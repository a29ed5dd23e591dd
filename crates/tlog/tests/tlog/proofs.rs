use tlog::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, ConflictSize, OpenError, ParseError, PolicyError,
    ProofError, TlogProof, cosignatures_to_bytes, parse_cosignatures, prove_inclusion,
};

use crate::keys::{World, checkpoint};
use crate::published::MemoryLog;

fn log_and_proof() -> (MemoryLog, TlogProof) {
    let world = World::get();
    let mut log = MemoryLog::default();
    log.publish((0..9u8).map(|i| vec![i; 3]).collect());
    let cp = checkpoint(9, log.frontier.root());
    let proof = TlogProof {
        extra: Some(b"salt".to_vec()),
        index: 4,
        path: prove_inclusion(&log, 4, 9).unwrap(),
        checkpoint: world.full_note(&cp),
    };
    (log, proof)
}

#[test]
fn a_proof_opens_for_its_entry_and_no_other() {
    let policy = World::get().strict_policy();
    let (_, proof) = log_and_proof();
    let (index, opened) = proof.open(&[4; 3], &policy).unwrap();
    assert_eq!((index, opened.size()), (4, 9));
    let refused = proof.open(&[5; 3], &policy);
    assert!(matches!(
        refused,
        Err(OpenError::Inclusion { index: 4, .. })
    ));
    for index in (0..9).filter(|i| *i != 4) {
        let moved = TlogProof {
            index,
            ..proof.clone()
        };
        assert!(matches!(
            moved.open(&[4; 3], &policy),
            Err(OpenError::Inclusion { .. })
        ));
    }
    let beyond = TlogProof {
        index: 9,
        ..proof.clone()
    };
    assert!(matches!(
        beyond.open(&[4; 3], &policy),
        Err(OpenError::Inclusion {
            source: ProofError::IndexBeyondSize { .. },
            ..
        })
    ));
    let refused = proof.open(&vec![0; 65_536], &policy);
    assert!(matches!(
        refused,
        Err(OpenError::EntryTooLong { found: 65_536 })
    ));
}

#[test]
fn a_proof_under_an_unwitnessed_checkpoint_does_not_open() {
    let world = World::get();
    let (log, mut proof) = log_and_proof();
    let cp = checkpoint(9, log.frontier.root());
    let mut lines = world.all_lines(&cp);
    lines.truncate(2);
    proof.checkpoint = crate::keys::note(&cp, lines);
    let refused = proof.open(&[4; 3], &world.strict_policy());
    assert!(matches!(
        refused,
        Err(OpenError::Policy(PolicyError::QuorumNotMet { .. }))
    ));
}

#[test]
fn extra_is_carried_and_proves_nothing() {
    let policy = World::get().strict_policy();
    let (_, proof) = log_and_proof();
    for extra in [None, Some(vec![]), Some(vec![0; 1000])] {
        let changed = TlogProof {
            extra,
            ..proof.clone()
        };
        assert_eq!(TlogProof::parse(&changed.to_bytes()).unwrap(), changed);
        assert!(changed.open(&[4; 3], &policy).is_ok());
    }
}

#[test]
fn the_file_form_of_a_proof_is_that_of_the_specification() {
    let (_, proof) = log_and_proof();
    let text = String::from_utf8(proof.to_bytes()).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    assert_eq!(lines.next(), Some("extra c2FsdA=="));
    assert_eq!(lines.next(), Some("index 4"));
    for hash in &proof.path {
        assert_eq!(lines.next(), Some(hash.to_string().as_str()));
    }
    assert_eq!(lines.next(), Some(""));
    assert_eq!(lines.next(), Some("log.example/a"));
    assert_eq!(TlogProof::parse(text.as_bytes()).unwrap(), proof);
}

#[test]
fn malformed_proofs_are_refused() {
    let (_, proof) = log_and_proof();
    let good = String::from_utf8(proof.to_bytes()).unwrap();
    let (head, tail) = good.split_once("\n\n").unwrap();
    let hash = proof.path[0].to_string();
    for bad in [
        String::new(),
        head.to_owned(),
        format!("{head}\n\n"),
        good.replace("proof@v1", "proof@v2"),
        good.replace("extra c2FsdA==", "extra c2FsdA"),
        good.replace("extra c2FsdA==", "extra c2FsdB=="),
        good.replace("extra ", "extra  "),
        good.replace("index 4", "index 04"),
        good.replace("index 4", "index -4"),
        good.replace("index 4", "index 9223372036854775807"),
        good.replace("index 4\n", ""),
        good.replace("index 4", "index 4\nindex 4"),
        good.replace("extra c2FsdA==", "extra c2FsdA==\nextra c2FsdA=="),
        format!("{head}\n{}\n\n{tail}", vec![hash.clone(); 63].join("\n")),
        good.replace(&hash, &hash[..43]),
        good.replace('\n', "\r\n"),
        format!("\n{good}"),
    ] {
        assert!(TlogProof::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let long = TlogProof {
        extra: Some(vec![0; 64 * 1024 + 1]),
        ..proof
    };
    assert!(TlogProof::parse(&long.to_bytes()).is_err());
}

#[test]
fn the_request_of_the_witness_specification_is_read_and_printed() {
    let text = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n\
        example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(request.old_size, 20_852_014);
    assert_eq!(request.proof.len(), 4);
    assert!(
        request
            .checkpoint
            .starts_with(b"example.com/behind-the-sofa\n")
    );
    assert_eq!(request.to_bytes(), text.as_bytes());
}

#[test]
fn malformed_requests_are_refused() {
    let cp = checkpoint(9, tlog::sha256(b"root"));
    let hash = tlog::sha256(b"h");
    let request = AddCheckpoint {
        old_size: 5,
        proof: vec![hash; 63],
        checkpoint: World::get().ed_note(&cp),
    };
    let good = String::from_utf8(request.to_bytes()).unwrap();
    assert_eq!(AddCheckpoint::parse(good.as_bytes()).unwrap(), request);
    for bad in [
        String::new(),
        "old 5\n".to_owned(),
        "old 5\n\n".to_owned(),
        good.replace("old 5", "old 05"),
        good.replace("old 5", "old  5"),
        good.replace("old 5", "new 5"),
        good.replace("old 5", "old 18446744073709551616"),
        good.replacen("old 5\n", &format!("old 5\n{hash}\n"), 1),
        good.replacen(&hash.to_string(), "AAAA", 1),
    ] {
        assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let long = AddCheckpoint {
        checkpoint: vec![b'x'; 512 * 1024 + 1],
        ..request
    };
    let refused = AddCheckpoint::parse(&long.to_bytes());
    assert!(matches!(refused, Err(ParseError::TooLong { .. })));
}

#[test]
fn the_answers_of_a_witness_are_read_exactly() {
    let cp = checkpoint(9, tlog::sha256(b"root"));
    let lines = World::get().all_lines(&cp).split_off(2);
    let body = cosignatures_to_bytes(&lines);
    assert_eq!(parse_cosignatures(&body).unwrap(), lines);
    for bad in [
        &b""[..],
        b"\n",
        b"x\n",
        &body[..body.len() - 1],
        &[&body[..], b"\n"].concat(),
    ] {
        assert!(parse_cosignatures(bad).is_err());
    }
    assert_eq!(CONFLICT_CONTENT_TYPE, "text/x.tlog.size");
    assert_eq!(
        "20852014\n".parse::<ConflictSize>().unwrap(),
        ConflictSize(20_852_014)
    );
    assert_eq!(ConflictSize(0).to_string(), "0\n");
    for bad in ["", "5", "05\n", "5\n\n", "5\r\n", " 5\n", "-5\n", "\n"] {
        assert!(bad.parse::<ConflictSize>().is_err(), "{bad:?}");
    }
}

//! Records in batches: their one form, their proofs, and what proves nothing.

use proptest::prelude::*;
use statement::{
    BatchError, BatchTree, FileDigest, LineError, Outcome, Proven, ReanalysisRecord, ReceiptRecord,
    Receipts, Record, SampleId, StatementDigest, VerdictRecord,
};

use crate::custody::{SAMPLE, seal};
use crate::samples::{NOT_AFTER, origin};

fn file(text: &str) -> FileDigest {
    FileDigest::of(text.as_bytes())
}

fn said(text: &str) -> StatementDigest {
    StatementDigest::of(text.as_bytes())
}

fn receipt() -> ReceiptRecord {
    ReceiptRecord {
        sample: SAMPLE.parse().unwrap(),
        seal: seal(),
        wraps: file("wraps"),
        home: "CH".parse().unwrap(),
        received: 1_800_003_600,
        salt: file("salt"),
    }
}

fn verdict() -> VerdictRecord {
    VerdictRecord {
        sample: SAMPLE.parse().unwrap(),
        seal: seal(),
        home: "CH".parse().unwrap(),
        outcome: Outcome::Anomaly,
        score: 40,
        worker: said("worker release"),
        rules: said("rules release"),
        scoring: said("scoring release"),
        finished: 1_800_003_700,
        reasons: vec![
            "entropy:section-high".parse().unwrap(),
            "packer:unknown".parse().unwrap(),
        ],
        salt: file("verdict salt"),
    }
}

/// The sample of a neighbour in the batch of the pages.
fn neighbour(number: usize) -> (SampleId, FileDigest) {
    let sample = file(&format!("neighbour {number}")).to_string();
    (
        sample[..32].parse().unwrap(),
        file(&format!("salt {number}")),
    )
}

/// The batch of the page `receipts`.
pub fn receipts() -> (Vec<ReceiptRecord>, BatchTree<ReceiptRecord>) {
    let beside = |number| {
        let (sample, salt) = neighbour(number);
        ReceiptRecord {
            sample,
            salt,
            ..receipt()
        }
    };
    let records = vec![beside(0), receipt(), beside(2)];
    let tree = BatchTree::new(&records).unwrap();
    (records, tree)
}

/// The batch of the page `verdicts`.
pub fn verdicts() -> (Vec<VerdictRecord>, BatchTree<VerdictRecord>) {
    let beside = |number| {
        let (sample, salt) = neighbour(number);
        VerdictRecord {
            sample,
            salt,
            ..verdict()
        }
    };
    let records = vec![beside(0), verdict(), beside(2)];
    let tree = BatchTree::new(&records).unwrap();
    (records, tree)
}

fn reanalysis() -> ReanalysisRecord {
    ReanalysisRecord {
        grant: crate::custody::grant_digest(),
        verdict: VerdictRecord {
            outcome: Outcome::Malicious,
            score: 100,
            rules: said("newer rules release"),
            finished: 1_800_090_000,
            reasons: vec!["rule.malicious:late.yar:Late".parse().unwrap()],
            ..verdict()
        },
    }
}

/// The batch of the page `reanalyses`.
pub fn reanalyses() -> (Vec<ReanalysisRecord>, BatchTree<ReanalysisRecord>) {
    let beside = |number| {
        let (sample, salt) = neighbour(number);
        let mut record = reanalysis();
        (record.verdict.sample, record.verdict.salt) = (sample, salt);
        record
    };
    let records = vec![beside(0), reanalysis(), beside(2)];
    let tree = BatchTree::new(&records).unwrap();
    (records, tree)
}

/// The block of a page after this mark.
fn block<'a>(page: &'a str, mark: &str) -> &'a str {
    let (_, rest) = page.split_once(mark).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn the_pages_show_records_and_proofs_as_they_are_printed() {
    let page = include_str!("../../../../spec/receipts.md");
    let shown = format!("{}\n", block(page, "```text\n"));
    assert_eq!(receipt().to_text(), shown);
    assert_eq!(ReceiptRecord::parse(&shown).unwrap(), receipt());
    let (_, after) = page.rsplit_once("## The receipt").unwrap();
    let file = block(after, "```json\n");
    let batch = include_str!("../../../../spec/receipts.md").rsplit_once("```json\n");
    let payload = batch.unwrap().1.split_once("\n```").unwrap().0;
    let digest = StatementDigest::of(payload.as_bytes());
    let proven = receipts().1.prove(digest, 1, &receipt()).unwrap();
    assert_eq!(String::from_utf8(proven.to_bytes().unwrap()).unwrap(), file);
    let read: Proven<ReceiptRecord> = Proven::parse(file.as_bytes()).unwrap();
    assert_eq!(read, proven);
    let statement = statement::Statement::parse(payload.as_bytes()).unwrap();
    let statement::Predicate::Receipts(batch) = statement.predicate else {
        panic!("no receipts");
    };
    assert_eq!(read.check(digest, &batch).unwrap(), &receipt());

    let page = include_str!("../../../../spec/verdicts.md");
    let shown = format!("{}\n", block(page, "```text\n"));
    assert_eq!(verdict().to_text(), shown);
    assert_eq!(VerdictRecord::parse(&shown).unwrap(), verdict());
    let proof = block(page, "```json\n");
    let proof: Proven<VerdictRecord> = Proven::parse(proof.as_bytes()).unwrap();
    assert_eq!(
        verdicts().1.prove(proof.batch(), 1, &verdict()),
        Some(proof)
    );
}

#[test]
fn a_second_look_is_no_first_verdict_and_stands_under_its_own_grant() {
    let page = include_str!("../../../../spec/reanalyses.md");
    let shown = format!("{}\n", block(page, "```text\n"));
    assert_eq!(reanalysis().to_text(), shown);
    assert_eq!(ReanalysisRecord::parse(&shown).unwrap(), reanalysis());
    VerdictRecord::parse(&shown).unwrap_err();
    ReanalysisRecord::parse(&reanalysis().verdict.to_text()).unwrap_err();
    let proof = block(page, "```json\n");
    let proof: Proven<ReanalysisRecord> = Proven::parse(proof.as_bytes()).unwrap();
    let made = reanalyses().1.prove(proof.batch(), 1, &reanalysis());
    assert_eq!(made.as_ref(), Some(&proof));
    let batch = crate::custody::reanalyses();
    assert_eq!(proof.check(proof.batch(), &batch).unwrap(), &reanalysis());
    let other = statement::Reanalyses {
        grant: said("another grant"),
        ..batch
    };
    let refused = proof.check(proof.batch(), &other);
    assert!(matches!(refused, Err(BatchError::OtherGrant { .. })));
}

fn batch_of(tree: &BatchTree<ReceiptRecord>, count: usize) -> Receipts {
    Receipts {
        audience: vec![origin()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        seq: 1,
        count: count as u64,
        root: tree.root(),
    }
}

fn numbered(number: usize) -> ReceiptRecord {
    ReceiptRecord {
        salt: file(&format!("salt {number}")),
        ..receipt()
    }
}

#[test]
fn each_record_of_a_batch_is_proven_at_its_place_and_at_no_other() {
    for count in [1, 2, 3, 5, 8, 13, 64] {
        let records: Vec<ReceiptRecord> = (0..count).map(numbered).collect();
        let tree = BatchTree::new(&records).unwrap();
        let batch = batch_of(&tree, count);
        for (index, record) in records.iter().enumerate() {
            let proven = tree.prove(said("batch"), index, record).unwrap();
            assert_eq!(proven.check(said("batch"), &batch).unwrap(), record);
            assert!(tree.prove(said("batch"), count, record).is_none());
            let other = (index + 1) % count;
            assert_eq!(
                tree.prove(said("batch"), other, record).is_some(),
                count == 1
            );
            let text = String::from_utf8(proven.to_bytes().unwrap()).unwrap();
            let moved = text.replace(
                &format!("\"index\":{index},"),
                &format!("\"index\":{},", index + 1),
            );
            let moved: Proven<ReceiptRecord> = Proven::parse(moved.as_bytes()).unwrap();
            let refused = moved.check(said("batch"), &batch);
            assert!(matches!(refused, Err(BatchError::NotIncluded { .. })));
        }
    }
}

#[test]
fn a_proof_for_another_batch_home_or_record_is_refused() {
    let (records, tree) = receipts();
    let batch = batch_of(&tree, records.len());
    let proven = tree.prove(said("batch"), 1, &records[1]).unwrap();
    let refused = proven.check(said("other"), &batch);
    assert!(matches!(refused, Err(BatchError::OtherBatch { .. })));
    let abroad = Receipts {
        home: "RU".parse().unwrap(),
        ..batch.clone()
    };
    let refused = proven.check(said("batch"), &abroad);
    assert!(matches!(refused, Err(BatchError::OtherHome { .. })));
    let text = String::from_utf8(proven.to_bytes().unwrap()).unwrap();
    let later = text.replace("received 1800003600", "received 1800003601");
    let later: Proven<ReceiptRecord> = Proven::parse(later.as_bytes()).unwrap();
    let refused = later.check(said("batch"), &batch);
    assert!(matches!(refused, Err(BatchError::NotIncluded { .. })));
    let verdict = Proven::<VerdictRecord>::parse(text.as_bytes());
    assert!(matches!(
        verdict,
        Err(BatchError::Record(LineError::Title { .. }))
    ));
}

#[test]
fn batches_of_nothing_and_of_too_many_are_not_made() {
    for count in [0, 1025] {
        let records: Vec<ReceiptRecord> = (0..count).map(numbered).collect();
        let refused = BatchTree::new(&records);
        assert!(matches!(refused, Err(BatchError::Count { .. })));
    }
}

#[test]
fn a_proof_is_read_up_to_its_greatest_length() {
    // Of a length of its own: hashes of 67 bytes and a reason of as many bytes as are missing.
    let of_length = |bytes: usize| {
        let text = |hashes: usize, reason: usize| {
            let record = VerdictRecord {
                reasons: vec!["x".repeat(reason).parse().unwrap()],
                ..verdict()
            };
            serde_json::json!({
                "batch": said("batch"),
                "index": 0,
                "path": vec![file("neighbour"); hashes],
                "record": record.to_text(),
            })
            .to_string()
        };
        let hashes = (bytes - text(1, 1).len()) / 67 + 1;
        let missing = bytes - text(hashes, 1).len();
        let text = text(hashes, 1 + missing);
        assert_eq!(text.len(), bytes);
        Proven::<VerdictRecord>::parse(text.as_bytes())
    };
    assert!(of_length(32_768).is_ok());
    for bytes in [32_769, 40_000] {
        assert!(matches!(of_length(bytes), Err(BatchError::TooLong { bytes: b }) if b == bytes));
    }
}

#[test]
fn records_have_one_form() {
    let good = verdict().to_text();
    for (from, to) in [
        ("verdict v1", "verdict v2"),
        ("outcome anomaly", "outcome harmless"),
        ("score 40", "score 040"),
        ("score 40", "score -40"),
        ("home CH\n", ""),
        ("home CH\n", "home CH\nhome CH\n"),
        ("reason packer:unknown\n", "reason packer unknown\n"),
        ("reason packer:unknown\n", "reason packer:unknown"),
        ("reason packer:unknown\n", "reason \n"),
        (
            "reason packer:unknown\n",
            "reason packer:unknown\nname invoice.pdf\n",
        ),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        assert!(VerdictRecord::parse(&changed).is_err(), "{to}");
    }
    let many = |count| format!("{good}{}", "reason x\n".repeat(count));
    assert!(VerdictRecord::parse(&many(62)).is_ok());
    assert!(VerdictRecord::parse(&many(63)).is_err());
    assert!(VerdictRecord::parse(&many(5000)).is_err());
    // As long as the limits of its parts let it be; the limit of the whole is further.
    let longest = VerdictRecord {
        reasons: vec!["x".repeat(128).parse().unwrap(); 64],
        ..verdict()
    };
    let read = VerdictRecord::parse(&longest.to_text()).unwrap();
    assert_eq!(read, longest);
    let endless = format!("{good}{}", "reason x\n".repeat(1_800));
    let endless = VerdictRecord::parse(&endless).unwrap_err();
    assert!(
        matches!(endless, LineError::TooLong { max: 16_384, .. }),
        "{endless}"
    );
    for outcome in Outcome::ALL {
        let record = VerdictRecord {
            outcome,
            ..verdict()
        };
        assert_eq!(VerdictRecord::parse(&record.to_text()).unwrap(), record);
    }
}

proptest! {
    #[test]
    fn a_changed_byte_of_a_record_is_refused_or_is_another_record(at in 0..400_usize, to in any::<u8>()) {
        let good = receipt().to_text();
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(text) = std::str::from_utf8(&bytes)
            && let Ok(record) = ReceiptRecord::parse(text)
        {
            prop_assert_eq!(record.to_text(), text);
            prop_assert_eq!(record == receipt(), text == good);
        }
    }

    #[test]
    fn no_bytes_make_a_proof_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
        prop_assert!(Proven::<ReceiptRecord>::parse(&bytes).is_err());
        prop_assert!(VerdictRecord::parse(&text).is_err());
    }
}

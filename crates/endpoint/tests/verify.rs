//! Offline verification: the honest file passes; change one thing and it is refused by the check for it.

use std::path::PathBuf;

use endpoint::{EndpointError, Freshness, Report, WithdrawalsReport, verify_file};
use law::Bundle;
use statement::StatementDigest;

use crate::world::{self, Made, NOW, Twist, World, refused_with};

struct Case {
    dir: tempfile::TempDir,
    world: World,
    made: Made,
}

impl Case {
    fn new(twist: Twist) -> Self {
        let mut world = World::new(b"root");
        let made = world.release(1, None, twist);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("truename"), &made.artifact).unwrap();
        Self { dir, world, made }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("truename")
    }

    fn bundle(&self) -> Vec<u8> {
        self.world.bundle(&self.made.indices, NOW)
    }

    fn verify(&self, bundle: &[u8]) -> Result<Report, EndpointError> {
        verify_file(
            &self.file(),
            bundle,
            self.world.anchor,
            None,
            None,
            NOW + 60,
        )
    }
}

#[test]
fn an_honest_file_is_verified_and_the_report_names_everybody() {
    let case = Case::new(Twist::Honest);
    let report = case.verify(&case.bundle()).unwrap();
    assert_eq!(report.release.digest, case.made.release);
    assert_eq!(
        (report.release.product.as_str(), report.release.seq),
        ("truename", 1)
    );
    let owners: Vec<_> = report
        .rebuilds
        .iter()
        .map(|r| r.signed.legal_owner.as_str())
        .collect();
    assert_eq!(owners, ["Lab A University", "Lab B Cooperative"]);
    assert_eq!(report.approval.party, "supervisor");
    assert_eq!(report.source.authored_in, "CH");
    assert_eq!(report.log.witnesses.len(), 2);
    assert_eq!(report.withdrawals, WithdrawalsReport::None);
    assert_eq!(report.evidence.freshness, Freshness::Fresh);
    assert!(
        report
            .does_not_prove
            .iter()
            .any(|limit| limit.contains("act together"))
    );
}

#[test]
fn the_report_fits_80_columns_and_is_json_too() {
    let case = Case::new(Twist::Honest);
    let report = case.verify(&case.bundle()).unwrap();
    let text = report.to_string();
    for line in text.lines() {
        assert!(
            line.chars().count() <= 80,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    for expected in [
        "truename 1.1, stable/linux-x86_64, number 1",
        "lab-b (Lab B Cooperative, JP): identical",
        "version 1, newest known at 2027-01-15T08:00:00Z",
        "withdrawals     none given",
        "evidence        fresh, 1 min 0 s old",
        "does not prove  - that the program is harmless",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rebuilds"][0]["verdict"], "identical");
    assert_eq!(json["withdrawals"]["given"], "none");
    assert_eq!(json["evidence"]["freshness"], "fresh");
}

#[test]
fn evidence_turns_amber_and_red_by_itself() {
    let case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    for (age, expected) in [
        (86_400, Freshness::Fresh),
        (86_401, Freshness::Amber),
        (14 * 86_400, Freshness::Amber),
        (14 * 86_400 + 1, Freshness::Red),
    ] {
        let anchor = case.world.anchor;
        let report = verify_file(&case.file(), &bundle, anchor, None, None, NOW + age).unwrap();
        assert_eq!(report.evidence.freshness, expected, "{age}");
    }
}

#[test]
fn a_clock_set_back_makes_evidence_no_younger_than_new() {
    let case = Case::new(Twist::Honest);
    let report = verify_file(
        &case.file(),
        &case.bundle(),
        case.world.anchor,
        None,
        None,
        5,
    )
    .unwrap();
    assert_eq!(report.evidence.age_seconds, 0);
}

#[test]
fn flipped_bytes_anywhere_in_the_bundle_are_refused() {
    let case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    // A stride that shares no factor with base64's four characters, so every kind of place is hit.
    for (round, at) in (0..bundle.len()).step_by(61).enumerate() {
        let bit = 1 << (round % 7);
        let mut bad = bundle.clone();
        bad[at] ^= bit;
        assert!(
            case.verify(&bad).is_err(),
            "bit {bit:#x} of byte {at} of {}",
            bundle.len()
        );
    }
}

#[test]
fn a_bundle_cut_anywhere_is_refused() {
    let case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    for end in (0..bundle.len()).step_by(97) {
        refused_with!("bundle.malformed", case.verify(&bundle[..end]));
    }
}

#[test]
fn bytes_that_are_no_bundle_are_bad_input_and_refusals_are_refusals() {
    let case = Case::new(Twist::NoSupervisor);
    assert_eq!(case.verify(b"{}").unwrap_err().exit_code(), 2);
    assert_eq!(case.verify(&case.bundle()).unwrap_err().exit_code(), 1);
    let absent = verify_file(
        &case.dir.path().join("no"),
        b"",
        case.world.anchor,
        None,
        None,
        NOW,
    );
    assert_eq!(absent.unwrap_err().exit_code(), 2);
}

#[test]
fn another_anchor_is_refused() {
    let case = Case::new(Twist::Honest);
    let other = StatementDigest::of(b"another constitution");
    let judged = verify_file(&case.file(), &case.bundle(), other, None, None, NOW);
    refused_with!("constitution.anchor", judged);
}

#[test]
fn another_file_is_refused() {
    let case = Case::new(Twist::Honest);
    std::fs::write(case.file(), b"something else").unwrap();
    refused_with!("install.artifact", case.verify(&case.bundle()));
}

#[test]
fn a_release_without_the_supervisor_is_refused() {
    let case = Case::new(Twist::NoSupervisor);
    refused_with!("release.quorum_supervisor", case.verify(&case.bundle()));
}

#[test]
fn two_keys_of_the_center_are_no_quorum() {
    let case = Case::new(Twist::TwoCenterKeys);
    refused_with!("release.quorum_one_party", case.verify(&case.bundle()));
}

#[test]
fn a_rebuild_that_was_copied_does_not_count() {
    let case = Case::new(Twist::CopiedRebuild);
    refused_with!("rebuild.uncommitted", case.verify(&case.bundle()));
}

#[test]
fn a_rebuild_committed_to_after_the_reveal_does_not_count() {
    let case = Case::new(Twist::LateCommitment);
    refused_with!("rebuild.committed_late", case.verify(&case.bundle()));
}

#[test]
fn more_rebuilds_can_be_asked_for_and_fewer_cannot() {
    let case = Case::new(Twist::Honest);
    let (file, bundle, anchor) = (case.file(), case.bundle(), case.world.anchor);
    refused_with!(
        "rebuild.too_few",
        verify_file(&file, &bundle, anchor, None, Some(3), NOW)
    );
    let copied = Case::new(Twist::CopiedRebuild);
    let judged = verify_file(&copied.file(), &copied.bundle(), anchor, None, Some(1), NOW);
    refused_with!("rebuild.uncommitted", judged);
}

#[test]
fn valid_signatures_that_no_log_shows_are_refused() {
    let case = Case::new(Twist::Honest);
    let honest = Bundle::parse(&case.bundle()).unwrap();
    // The same statements in a log of their own: every signature holds, the witnesses saw another tree.
    let mut shadow = World::new(b"root");
    shadow.withdraw(StatementDigest::of(b"shifts everything by one"));
    let made = shadow.release(1, None, Twist::Honest);
    let mut unlogged = Bundle::parse(&shadow.bundle(&made.indices, NOW)).unwrap();
    unlogged.checkpoint = honest.checkpoint;
    refused_with!(
        "entry.not_included",
        case.verify(&unlogged.to_bytes().unwrap())
    );
}

#[test]
fn a_checkpoint_that_one_witness_did_not_see_is_refused() {
    let case = Case::new(Twist::Honest);
    let mut bundle = Bundle::parse(&case.bundle()).unwrap();
    let [first, _] = world::roster::witnesses();
    bundle.checkpoint = case.world.log.checkpoint_by(&[first], NOW);
    refused_with!(
        "checkpoint.unwitnessed",
        case.verify(&bundle.to_bytes().unwrap())
    );
}

#[test]
fn a_withdrawn_release_is_refused_and_without_its_withdrawal_the_report_says_so() {
    let mut case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    let at = case.world.withdraw(case.made.release);
    let withdrawal = case.world.bundle(&[at], NOW + 30);
    let (file, anchor) = (case.file(), case.world.anchor);
    let given = [withdrawal.clone()];
    refused_with!(
        "release.withdrawn",
        verify_file(&file, &bundle, anchor, Some(&given), None, NOW)
    );
    // The withdrawal inside the bundle itself counts as well.
    let mut indices = case.made.indices.clone();
    indices.push(at);
    refused_with!(
        "release.withdrawn",
        case.verify(&case.world.bundle(&indices, NOW))
    );
    let blind = case.verify(&bundle).unwrap();
    assert!(
        blind
            .does_not_prove
            .iter()
            .any(|limit| limit.contains("no withdrawals were given"))
    );
}

#[test]
fn the_withdrawal_of_another_release_is_counted_and_does_not_refuse() {
    let mut case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    let at = case.world.withdraw(StatementDigest::of(b"another release"));
    let given = [case.world.bundle(&[at], NOW + 30)];
    let report = verify_file(
        &case.file(),
        &bundle,
        case.world.anchor,
        Some(&given),
        None,
        NOW + 60,
    )
    .unwrap();
    assert_eq!(
        report.withdrawals,
        WithdrawalsReport::Some {
            count: 1,
            known_to: Some(NOW + 30)
        }
    );
    assert_eq!(report.constitution.newest_known_at, NOW + 30);
}

#[test]
fn the_report_and_bundle_of_the_specifications_are_these() {
    let case = Case::new(Twist::Honest);
    let bundle = case.bundle();
    let report = case.verify(&bundle).unwrap().to_string();
    // `git` and editors take blanks off the ends of lines; so does the page.
    let report = report
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n");
    let page = include_str!("../../../spec/endpoint.md");
    assert!(
        page.contains(&report),
        "spec/endpoint.md must show\n{report}"
    );

    let page = include_str!("../../../spec/bundle.md");
    let note = String::from_utf8(Bundle::parse(&bundle).unwrap().checkpoint).unwrap();
    assert!(page.contains(&note), "spec/bundle.md must show\n{note}");
    let facts = format!(
        "{} bytes, SHA-256\n{}",
        bundle.len(),
        statement::FileDigest::of(&bundle)
    );
    assert!(page.contains(&facts), "spec/bundle.md must say\n{facts}");
    let head = String::from_utf8(bundle[..25].to_vec()).unwrap();
    assert!(
        page.contains(&head),
        "spec/bundle.md must begin the example with\n{head}"
    );
}

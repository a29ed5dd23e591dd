//! The pages under `spec/` show the very bytes that are printed.

use statement::{
    Emergency, FileDigest, Kind, Predicate, Publication, Release, ResourceDescriptor, Statement,
    StatementDigest, Subject, VerificationResult, VerificationSummary, Verifier, VsaPolicy,
    Withdrawal, approval_resource_uri,
};

const NOT_AFTER: u64 = 1_802_592_000;

fn file(name: &str) -> FileDigest {
    FileDigest::of(name.as_bytes())
}

fn said(name: &str) -> StatementDigest {
    StatementDigest::of(name.as_bytes())
}

fn payload(subject: (&str, FileDigest), predicate: impl Into<Predicate>) -> String {
    let subject = Subject::new(subject.0, subject.1);
    let payload = Statement::new(vec![subject], predicate).to_payload();
    String::from_utf8(payload.unwrap()).unwrap()
}

fn release() -> String {
    let release = Release {
        audience: vec!["center.example/log".parse().unwrap()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: "truename".to_owned(),
        version: "1.1.0".to_owned(),
        channel: "stable".to_owned(),
        platform: "linux-x86_64".to_owned(),
        seq: 2,
        predecessor: Some(said("release 1")),
        kind: Kind::Software,
        file: "truename".to_owned(),
        artifact: file("artifact"),
        artifact_bytes: 441_640,
        build: said("build"),
        approval: said("approval"),
        signed: None,
    };
    payload(("truename", file("artifact")), release)
}

fn publication() -> String {
    let publication = Publication {
        audience: vec!["center.example/log".parse().unwrap()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        role: "software".to_owned(),
        version: 4,
        metadata: file("4.software.json"),
    };
    payload(("4.software.json", file("4.software.json")), publication)
}

fn emergency() -> String {
    let emergency = Emergency {
        audience: vec!["center.example/log".parse().unwrap()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        build: said("build"),
        reason: "the released one is being attacked".to_owned(),
    };
    payload(("source", file("source")), emergency)
}

fn withdrawal() -> String {
    let withdrawal = Withdrawal {
        audience: vec!["center.example/log".parse().unwrap()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        release: said("release 2"),
        reason: "it deletes files".to_owned(),
    };
    payload(("truename", file("artifact")), withdrawal)
}

fn approval() -> String {
    let approval = VerificationSummary {
        input_attestations: vec![
            ResourceDescriptor::new("provenance", file("provenance")),
            ResourceDescriptor::new("rebuild", file("rebuild a")),
            ResourceDescriptor::new("rebuild", file("rebuild b")),
        ],
        policy: VsaPolicy {
            digest: Subject::new("", file("constitution")).digest,
            uri: "https://spec.limpid.example/constitution/v1".to_owned(),
        },
        resource_uri: approval_resource_uri(&"center.example/log".parse().unwrap(), said("build")),
        time_verified: "2026-11-22T00:00:00Z".to_owned(),
        verification_result: VerificationResult::Passed,
        verified_levels: vec!["LIMPID_REBUILDS_2".to_owned()],
        verifier: Verifier {
            id: "https://supervisor.example".to_owned(),
        },
    };
    payload(("truename", file("artifact")), approval)
}

#[test]
fn the_pages_show_the_bytes_that_are_printed() {
    let pages = [
        (
            "release",
            release(),
            include_str!("../../../spec/release.md"),
        ),
        (
            "publication",
            publication(),
            include_str!("../../../spec/publication.md"),
        ),
        (
            "emergency",
            emergency(),
            include_str!("../../../spec/emergency.md"),
        ),
        (
            "withdrawal",
            withdrawal(),
            include_str!("../../../spec/withdrawal.md"),
        ),
        (
            "approval",
            approval(),
            include_str!("../../../spec/approval.md"),
        ),
    ];
    let missing: Vec<_> = pages
        .iter()
        .filter(|(_, payload, page)| !page.contains(payload.as_str()))
        .map(|(name, payload, _)| format!("spec/{name}.md lacks\n{payload}\n"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.concat());
}

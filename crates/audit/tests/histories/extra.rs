//! What is said beside the stories: in other words, too early, too late, or against them.

use statement::{
    Envelope, FileDigest, Predicate, Statement, StatementDigest, TestResult, VerificationResult,
};

use crate::honest::{
    chain::{Step, center_log},
    keys::Key,
    roster::{NOT_AFTER, NOW},
    story::{Made, say, sign},
};

pub(crate) fn said(entry: &[u8]) -> StatementDigest {
    Envelope::parse(entry).unwrap().digest()
}

/// Another signature in the same form.
pub(crate) fn forged(mut entry: Vec<u8>) -> Vec<u8> {
    let at = entry.len() - 20;
    entry[at] = if entry[at] == b'A' { b'B' } else { b'A' };
    entry
}

/// The statement of a step in other words, or of another result.
pub(crate) fn twin(made: &Made, step: Step) -> Vec<u8> {
    let mut statement = made.statement(step);
    match &mut statement.predicate {
        Predicate::Release(release) => release.not_after -= 1,
        Predicate::Publication(publication) => publication.metadata = FileDigest::of(b"another"),
        Predicate::Provenance(provenance) => {
            let artifact = FileDigest::of(b"trojan");
            for subject in &mut statement.subject {
                subject.digest.sha256 = artifact;
            }
            for blob in &mut provenance.build_definition.external_parameters.blobs {
                blob.sha256 = artifact;
            }
        }
        _ => {}
    }
    resign(&statement, made.key(step))
}

pub(crate) fn resign(statement: &Statement, key: &Key) -> Vec<u8> {
    sign(&statement.to_payload().unwrap(), key)
}

/// The supervisor says no.
pub(crate) fn failed(made: &Made) -> Vec<u8> {
    let mut statement = made.statement(Step::Approval);
    if let Predicate::Approval(summary) = &mut statement.predicate {
        summary.verification_result = VerificationResult::Failed;
    }
    resign(&statement, &Key::of("supervisor", "supervisor"))
}

/// The conveyer's tests failed.
pub(crate) fn tested(made: &Made) -> Vec<u8> {
    let failed = vec!["unit".to_owned()];
    let tests = TestResult::of((&center_log(), made.build()), [], Vec::new(), failed);
    say(tests, &Key::of("vendor", "conveyer"))
}

/// A result that is shown before its time, or in words that are past theirs.
pub(crate) fn early(made: &Made, step: Step) -> Vec<u8> {
    let mut statement = made.statement(step);
    if let Predicate::Provenance(provenance) = &mut statement.predicate {
        let asked = &mut provenance.build_definition.external_parameters;
        asked.not_after = NOW;
    }
    resign(&statement, made.key(step))
}

/// The same finding in words that are past their time.
pub(crate) fn late_finding(entry: &[u8], key: &Key) -> Vec<u8> {
    let envelope = Envelope::parse(entry).unwrap();
    let mut statement = Statement::parse(envelope.payload()).unwrap();
    if let Predicate::Finding(finding) = &mut statement.predicate {
        finding.not_after = NOW;
    }
    resign(&statement, key)
}

/// Everybody at once, with a reason.
pub(crate) fn emergency(made: &Made) -> Vec<u8> {
    let emergency = statement::Emergency {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        build: made.build(),
        reason: "It deletes files".to_owned(),
    };
    say(emergency, &Key::of("vendor", "center"))
}

//! Statements and repository of a world whose daemons run.

use law::Bundle;
use statement::{Envelope, FileDigest, Predicate, Provenance, Statement};

use super::outsiders::ask;
use crate::released::Running;

/// More than any SBOM here has.
const SBOM_BYTES_MAX: u64 = 1 << 20;

#[test]
fn every_entry_of_a_log_and_the_whole_repository_convince_programs_that_are_not_ours() {
    let running = Running::start();
    let release = running.release("lures-outside");
    sbom_of_the_log(&running, &release);
    let dir = &running.world.dir;
    let place = |path: &str| dir.join(path).display().to_string();

    let constitution = place("constitution/payload.json");
    let said = ask(
        "statements.py",
        &[&constitution, &place("vendor/log/public/tile/entries")],
    );
    let seen = said["statements"].as_object().unwrap();
    for (predicate, least) in [
        ("https://spec.limpid.example/constitution/v1", 4),
        ("https://spec.limpid.example/source/v1", 1),
        ("https://slsa.dev/provenance/v1", 1),
        ("https://spec.limpid.example/rebuild/v1", 2),
        ("https://slsa.dev/verification_summary/v1", 1),
        ("https://spec.limpid.example/release/v1", 2),
        ("https://spec.limpid.example/publication/v1", 1),
    ] {
        assert!(
            seen[predicate].as_u64() >= Some(least),
            "{predicate} in {said}"
        );
    }
    let entries: u64 = seen.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(said["flips_refused"], 2 * entries, "{said}");

    let target = "rules/lures-outside/stable/linux-x86_64/1/lures.db";
    let repository = running.world.repository_dir().display().to_string();
    let said = ask("repository.py", &[&repository, target, &place("outside")]);
    assert_eq!(said["refusals"].as_object().unwrap().len(), 5, "{said}");
    assert_eq!(said["refusals"]["timestamp.json"], "UnsignedMetadataError");
    let installed = said["sha256"].as_str().unwrap();
    let file = format!("targets/rules/lures-outside/stable/linux-x86_64/1/{installed}.lures.db");
    assert!(
        running.world.repository_dir().join(file).is_file(),
        "{said}"
    );
}

/// The SBOM that the provenance names is a blob of the log, and valid.
fn sbom_of_the_log(running: &Running, release: &str) {
    let bundle = Bundle::parse(&running.bundle(release)).unwrap();
    let entries = bundle.entries.iter();
    let provenance = entries
        .filter_map(|item| provenance(&item.entry))
        .next()
        .unwrap();
    let [named] = &provenance.run_details.byproducts[..] else {
        panic!("{:?}", provenance.run_details)
    };
    assert_eq!(named.uri, "sbom");
    let client = running.world.center_client().unwrap();
    let digest: FileDigest = named.digest.sha256;
    let text = running
        .runtime
        .block_on(client.blob(digest, SBOM_BYTES_MAX))
        .unwrap();
    let path = running.world.dir.join("sbom.json");
    std::fs::write(&path, text).unwrap();
    let judged = ask("sbom.py", &[&path.display().to_string()]);
    assert_eq!(judged[0]["refusals"], 3, "{judged}");
}

fn provenance(entry: &[u8]) -> Option<Provenance> {
    let envelope = Envelope::parse(entry).unwrap();
    match Statement::parse(envelope.payload()).unwrap().predicate {
        Predicate::Provenance(provenance) => Some(provenance),
        _ => None,
    }
}

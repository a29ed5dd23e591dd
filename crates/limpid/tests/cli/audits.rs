//! `limpid audit` of a world with a release, honest and damaged.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    place::Place,
    program::{Ran, limpid},
    released::Running,
    running::Up,
};

/// A world and a copy of its repository that can be damaged.
struct Audited {
    running: Running,
    place: Place,
}

fn copy_dir(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (source, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if source.is_dir() {
            copy_dir(&source, &to.join(name));
        } else {
            fs::copy(source, to.join(name)).unwrap();
        }
    }
}

/// The only file below a directory.
fn only_file(dir: &Path) -> PathBuf {
    let entry = fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    if entry.is_dir() {
        only_file(&entry)
    } else {
        entry
    }
}

impl Audited {
    fn start() -> Self {
        let (running, place) = (Running::start(), Place::new());
        let audited = Self { running, place };
        copy_dir(
            &audited.running.world.repository_dir(),
            &audited.path("before"),
        );
        audited.running.release("lures");
        audited
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A fresh copy of the repository.
    fn repository(&self) -> PathBuf {
        let copy = self.path("repository");
        copy_dir(&self.running.world.repository_dir(), &copy);
        copy
    }

    fn audit(&self, arguments: &[&str]) -> Ran {
        let world = &self.running.world;
        let (anchor, center) = (world.anchor().to_string(), world.center_log_url());
        let log = ["audit", "--anchor", &anchor, "--log", &center];
        limpid(&[&log, arguments].concat())
    }

    /// Audits both logs and a repository.
    fn audit_all(&self, repository: &Path, arguments: &[&str]) -> Ran {
        let supervisor = self.running.world.dir.join("supervisor/log");
        let both = [
            "--log",
            supervisor.to_str().unwrap(),
            "--repository",
            repository.to_str().unwrap(),
        ];
        self.audit(&[&both, arguments].concat())
    }

    fn must_find(&self, repository: &Path, status: i32, code: &str) {
        let found = codes(&self.audit_all(repository, &["--json"]).json(status));
        assert!(found.contains(code), "{code} is not among {found:?}");
    }
}

fn codes(report: &Value) -> BTreeSet<String> {
    let found = report["findings"].as_array().unwrap();
    let codes = found.iter().map(|found| found["code"].as_str().unwrap());
    codes.map(str::to_owned).collect()
}

#[test]
fn a_released_world_is_audited_and_each_damage_to_its_repository_is_named() {
    let audited = Audited::start();
    whole_world_holds(&audited);
    doubts_are_not_broken_promises(&audited);
    a_monitor_tells_what_is_new(&audited);
    let damages: [(&str, &str); 7] = [
        ("metadata/1.rules.json", "publication.missing"),
        ("metadata/2.rules.json", "publication.missing"),
        ("metadata/1.root.json", "repository.root"),
        ("metadata/timestamp.json", "repository.timestamp"),
        ("withdrawals/index.json", "withdrawal.hidden"),
        ("bundles", "bundle.missing"),
        ("targets", "target.missing"),
    ];
    for (path, code) in damages {
        let repository = audited.repository();
        let path = repository.join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        audited.must_find(&repository, 4, code);
    }
    let repository = audited.repository();
    let target = only_file(&repository.join("targets"));
    let mut bytes = fs::read(&target).unwrap();
    bytes[0] ^= 1;
    fs::remove_file(&target).unwrap();
    fs::write(&target, bytes).unwrap();
    audited.must_find(&repository, 4, "target.digest");
}

fn whole_world_holds(audited: &Audited) {
    let repository = audited.repository();
    let page = audited.path("report.html");
    let ran = audited.audit_all(&repository, &["--html", page.to_str().unwrap()]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(
        ran.stdout
            .starts_with("Audit: every promise that was checked held\n")
    );
    assert!(ran.stdout.contains("1 of 1 signed have both sides"));
    assert!(fs::read_to_string(page).unwrap().contains("Every promise"));

    let report = audited.audit_all(&repository, &["--json"]).json(0);
    assert_eq!(report["outcome"], "held");
    let counts = &report["repository"]["counts"];
    assert_eq!(counts["publications"], counts["publications_judged"]);
    assert_eq!(
        (&counts["targets"], &counts["targets_present"]),
        (&1.into(), &1.into())
    );
    // The supervisor's log keeps checkpoints of the center's.
    let kept = &report["logs"][1]["kept_checkpoints"];
    assert_eq!(kept["kept"], kept["agree"]);
}

fn doubts_are_not_broken_promises(audited: &Audited) {
    let one_log = audited.audit(&["--json"]).json(3);
    assert_eq!(codes(&one_log), ["log.not_given".to_owned()].into());

    let later = release::system_clock() + 2 * 86_400;
    let later = later.to_string();
    let report = audited.audit_all(&audited.repository(), &["--json", "--now", &later]);
    let found = codes(&report.json(3));
    assert!(found.contains("freshness.checkpoint") && found.contains("freshness.timestamp"));

    // The old timestamp: what was published since is withheld.
    let frozen = audited.repository();
    let timestamp = "metadata/timestamp.json";
    fs::remove_file(frozen.join(timestamp)).unwrap();
    fs::copy(
        audited.path("before").join(timestamp),
        frozen.join(timestamp),
    )
    .unwrap();
    audited.must_find(&frozen, 3, "publication.missing");

    // A cursor is written once the logs held, and met again.
    let cursor = audited.path("cursor.json");
    let remember = ["--json", "--cursor", cursor.to_str().unwrap()];
    audited.audit_all(&audited.repository(), &remember).json(0);
    assert!(
        fs::read_to_string(&cursor)
            .unwrap()
            .contains("supervisor.limpid.example/log")
    );
    audited.audit_all(&audited.repository(), &remember).json(0);
}

/// A monitor tells where the logs stand, then only what is new, and ends with the last judgement.
fn a_monitor_tells_what_is_new(audited: &Audited) {
    let served = audited.path("served");
    copy_dir(
        &audited.running.world.dir.join("vendor/log/public"),
        &served,
    );
    let (anchor, cursor) = (
        audited.running.world.anchor().to_string(),
        audited.path("seen.json"),
    );
    let mut monitor = Up::start_verb(&[
        "--json",
        "audit",
        "--anchor",
        &anchor,
        "--log",
        served.to_str().unwrap(),
        "--watch",
        "1",
        "--cursor",
        cursor.to_str().unwrap(),
    ]);
    let news: Value = serde_json::from_str(&monitor.line()).unwrap();
    // Blobs are not below `public`, and the supervisor's log was not given.
    assert_eq!(news["outcome"], "broken");
    let found = codes(&news);
    assert!(
        found.contains("blob.missing") && found.contains("log.not_given"),
        "{found:?}"
    );
    fs::remove_file(served.join("checkpoint")).unwrap();
    fs::copy(served.join("archive/5"), served.join("checkpoint")).unwrap();
    let news: Value = serde_json::from_str(&monitor.line()).unwrap();
    assert_eq!(codes(&news), ["log.went_back".to_owned()].into());
    let evidence = news["evidence"][0].as_str().unwrap();
    assert!(fs::read_to_string(evidence).unwrap().contains("seen first"));
    assert_eq!(monitor.stop().0.code(), Some(4));
}

#[test]
fn an_audit_that_can_read_nothing_judges_nothing() {
    let anchor = "0".repeat(64);
    let place = Place::new();
    let nowhere = place.path().to_str().unwrap();
    for log in [nowhere, "http://127.0.0.1:9", "center.example/log=/nowhere"] {
        let ran = limpid(&["audit", "--anchor", &anchor, "--log", log]);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
    }
}

//! `limpid endpoint`: what a stranger, and an endpoint, is told about good and bad evidence.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    program::{Ran, limpid},
    released::Running,
};

/// What a stranger holds.
struct Held {
    file: String,
    bundle: String,
    anchor: String,
}

impl Held {
    fn arguments(&self) -> [&str; 7] {
        let Self {
            file,
            bundle,
            anchor,
        } = self;
        [
            "endpoint", "verify", file, "--bundle", bundle, "--anchor", anchor,
        ]
    }

    fn verify(&self) -> Ran {
        limpid(&self.arguments())
    }

    /// The same refusal for people and for machines.
    #[track_caller]
    fn refused(&self, code: &str, parts: &[&str]) {
        self.verify()
            .refused(1, &[parts, &[&format!("check: {code}")]].concat());
        let said = limpid(&[&["--json"], self.arguments().as_slice()].concat()).json(1);
        assert_eq!(said["code"], code, "{said}");
    }
}

fn flipped(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
    String::from_utf8(bytes).unwrap()
}

/// What was downloaded, and where copies of it are spoilt.
struct Download {
    dir: PathBuf,
    file: Vec<u8>,
    bundle: Vec<u8>,
    anchor: String,
}

impl Download {
    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn held(&self) -> Held {
        self.with(&self.file, &self.bundle)
    }

    fn with(&self, file: &[u8], bundle: &[u8]) -> Held {
        Held {
            file: self.write("lures.db", file),
            bundle: self.write("lures.bundle", bundle),
            anchor: self.anchor.clone(),
        }
    }
}

#[test]
fn a_release_is_installed_and_verified_and_bad_evidence_is_refused_with_its_check() {
    let running = Running::start();
    let release = running.release("lures-edge");
    let config = running.endpoint("lures-edge");
    endpoint_verbs(&config, &release);
    let download = Download {
        dir: running.world.make_dir("stranger", "download").unwrap(),
        file: fs::read(running.world.dir.join("lures-edge/current/lures.db")).unwrap(),
        bundle: running.bundle(&release),
        anchor: running.world.anchor().to_string(),
    };
    honest(&download, &release);
    bad_bundles(&download);
    bad_files_and_wishes(&download);
}

fn honest(download: &Download, release: &str) {
    let held = download.held();
    let report = limpid(&[&["--json"], held.arguments().as_slice()].concat()).json(0);
    assert_eq!(report["release"]["digest"], release);
    assert!(!report["does_not_prove"].as_array().unwrap().is_empty());
    let shown = held.verify();
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""));
    assert!(shown.stdout.contains("does not prove"), "{}", shown.stdout);
    // The short form says the same, and a program that was not released is told so about itself.
    let short = limpid(&held.arguments()[1..]);
    assert_eq!((short.status, short.stdout), (0, shown.stdout));
    let own = [
        "verify",
        "--self",
        "--bundle",
        &held.bundle,
        "--anchor",
        &held.anchor,
    ];
    limpid(&own).refused(1, &["check: install.artifact"]);
    limpid(&[own.as_slice(), &[held.file.as_str()]].concat()).refused(2, &["--self"]);
}

fn bad_bundles(download: &Download) {
    let (file, bundle) = (&download.file, &download.bundle);
    for bytes in [0, 1, 2000, bundle.len() / 2, bundle.len() - 1] {
        let held = download.with(file, &bundle[..bytes]);
        held.refused("bundle.malformed", &["fetch it again", "because: "]);
    }
    let trailing = [bundle.as_slice(), b"\n{}"].concat();
    download
        .with(file, &trailing)
        .refused("bundle.malformed", &["fetch it again"]);
    let huge = vec![b' '; law::BUNDLE_BYTES_MAX + 1];
    let parts = ["16777217 bytes; at most 16777216"];
    download
        .with(file, &huge)
        .refused("bundle.malformed", &parts);
}

fn bad_files_and_wishes(download: &Download) {
    let bundle = &download.bundle;
    let other = flipped(&download.anchor, 63);
    let held = Held {
        anchor: other.clone(),
        ..download.held()
    };
    held.refused("constitution.anchor", &["the anchor is", &other]);
    for file in [[download.file.as_slice(), b"x"].concat(), Vec::new()] {
        let parts = ["the file is not the released artifact"];
        download
            .with(&file, bundle)
            .refused("install.artifact", &parts);
    }
    let held = download.held();
    let asking = |more: &[&str]| limpid(&[held.arguments().as_slice(), more].concat());
    asking(&["--rebuilds", "9"]).refused(1, &["2 of 9", "check: rebuild.too_few"]);
    let cut = download.write("cut.bundle", &bundle[..99]);
    asking(&["--withdrawal", &cut]).refused(1, &["withdrawal 1 ", "check: bundle.malformed"]);
}

/// Nothing installed, installed, up to date, and the repository gone.
fn endpoint_verbs(config: &str, release: &str) {
    let ask = |verb: &str, json: bool| {
        let words = ["--json", "endpoint", verb, "--config", config];
        limpid(&words[usize::from(!json)..])
    };
    let before = ask("status", false);
    assert_eq!(
        (before.status, before.stdout.as_str()),
        (0, "nothing is installed\n")
    );
    assert!(ask("status", true).json(0)["installed"].is_null());
    let installed = ask("update", true).json(0);
    assert!(installed.to_string().contains(release), "{installed}");
    let again = ask("update", false);
    assert!(again.stdout.contains("up to date: "), "{again:?}");
    let status: Value = ask("status", true).json(0);
    assert!(
        status["installed"].to_string().contains(release),
        "{status}"
    );

    let text = fs::read_to_string(config).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("repository"))
        .unwrap();
    fs::write(
        config,
        text.replace(line, "repository = \"http://127.0.0.1:1\""),
    )
    .unwrap();
    ask("update", false).refused(
        2,
        &["the update can be tried again", "is the daemon running?"],
    );
    let gone = ask("update", true).json(2);
    assert!(gone["code"].is_null(), "{gone}");
    assert_eq!(
        ask("status", true).json(0),
        status,
        "what is installed stays"
    );
}

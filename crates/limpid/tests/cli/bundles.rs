//! `limpid endpoint`: what a stranger, and an endpoint, is told about good and bad evidence.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    program::{LIMPID, Ran, limpid},
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
    comparing_verbs(&running, "lures-edge");
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
    // All but the age of the evidence, which may be a second more.
    let ageless = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("evidence "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(short.status, 0);
    assert_eq!(ageless(&short.stdout), ageless(&shown.stdout));
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
    traced(&held);
}

/// A program is verified before it is traced, and only the archive that was built is its source.
fn traced(held: &Held) {
    let proofs = ["--bundle", &held.bundle, "--anchor", &held.anchor];
    let trace = |file: &str, more: &[&str]| {
        limpid(&[&["trace", file, "main"], proofs.as_slice(), more].concat())
    };
    trace(LIMPID, &[]).refused(1, &["check: install.artifact"]);
    trace(&held.file, &["--source", &held.bundle]).refused(2, &["was built from"]);
    trace(&held.file, &[]).refused(2, &["cannot trace"]);
    limpid(&["trace", LIMPID, "main", "--bundle", &held.bundle]).refused(2, &["--anchor"]);
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

/// An endpoint compares with a witness, a copy of the log and a bundle; a fault stops it until it is settled.
fn comparing_verbs(running: &Running, product: &str) {
    let world = &running.world;
    let config = running.endpoint(product);
    let places = format!(
        "[[gossip]]\nkind = \"witness\"\nurl = \"{}\"\n[[gossip]]\nkind = \"log\"\nurl = \"{}\"\n",
        world.witness_urls()[0],
        world.center_log_url()
    );
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + &places).unwrap();
    let ask = |verb: &str, more: &[&str]| {
        limpid(&[&["endpoint", verb, "--config", &config], more].concat())
    };
    let json = |verb: &str, more: &[&str]| {
        limpid(&[&["--json", "endpoint", verb, "--config", &config], more].concat()).json(0)
    };
    json("update", &[]);
    let compared = json("gossip", &[]);
    assert_eq!(compared["logs"][0]["freshness"], "fresh", "{compared}");
    let shown = ask("gossip", &[]);
    assert!(shown.stdout.contains("agrees, tree of "), "{shown:?}");

    let bundle = world.dir.join("shown.bundle");
    let bundle = bundle.display().to_string();
    json("timeline", &["--bundle", &bundle]);
    let said = &json("gossip", &["--with", &bundle])["places"][2]["answer"];
    assert_eq!(*said, "agrees");
    ask("timeline", &["--settle", "00"]).refused(2, &["--reason"]);
    let unknown = ask("timeline", &["--settle", "00", "--reason", "why"]);
    unknown.refused(2, &["there is no fault 00"]);

    // As if another endpoint had shown the file of somebody else.
    let digest = "77".repeat(32);
    let fault = format!(
        "\"faults\":[{{\"id\":\"5f0c77e1a9b3\",\"what\":{{\"kind\":\"two_publications\",\"role\":\"rules\",\
         \"version\":999,\"one\":\"{digest}\",\"other\":\"{digest}\"}},\"evidence\":[],\"found_at\":1,\"settled\":null}}]"
    );
    let path = world.dir.join(product).join("timeline.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"faults\":[]", &fault)).unwrap();
    ask("update", &[]).refused(1, &["check: timeline.unsettled", "--settle 5f0c77e1a9b3"]);
    let seen = json("timeline", &[]);
    assert_eq!(seen["faults"][0]["id"], "5f0c77e1a9b3", "{seen}");
    let settled = json(
        "timeline",
        &["--settle", "5f0c77e1a9b3", "--reason", "a test"],
    );
    assert_eq!(settled["settled"]["reason"], "a test");
    json("update", &[]);
}

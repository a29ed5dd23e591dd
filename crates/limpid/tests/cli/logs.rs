//! Tools for people outside of a log: check it, follow it, watch it, judge a proof. The logs are made here, file by
//! file.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use keys::{Algorithm, NoteKey, SecretKey};
use tempfile::TempDir;
use tlog::{
    BundleId, Checkpoint, KeyType, Note, NoteSigner as _, TlogProof, cosign, prove_inclusion,
    sign_checkpoint,
};

use crate::program::{LIMPID, limpid, root};

const ORIGIN: &str = "log.example/a";

fn key(name: &str, key_type: KeyType) -> NoteKey {
    let seed = *tlog::sha256(name.as_bytes()).as_bytes();
    let secret = SecretKey::from_seed(Algorithm::Ed25519, seed);
    NoteKey::new(secret, name.parse().unwrap(), key_type).unwrap()
}

fn log_key() -> NoteKey {
    key(ORIGIN, KeyType::Ed25519)
}

/// A log of `size` entries, of which entry 3 is `third`, and a policy with one witness.
struct Log {
    dir: TempDir,
    vkey: String,
}

impl Log {
    fn new(size: u64, third: &str) -> Self {
        let log = Self {
            dir: tempfile::tempdir().unwrap(),
            vkey: log_key().vkey().to_string(),
        };
        let mut tree = tlog::tree::Edge::default();
        let mut files = Vec::new();
        let entries: Vec<Vec<u8>> = (0..size)
            .map(|index| match index {
                3 => third.as_bytes().to_vec(),
                _ => format!("entry {index}").into_bytes(),
            })
            .collect();
        for entry in &entries {
            tree.append(entry, &mut files);
        }
        files.extend(tree.partial_tiles());
        for id in BundleId::covering(size) {
            let start = usize::try_from(id.first_entry()).unwrap();
            let entries = &entries[start..start + usize::from(id.width())];
            files.push((id.path(), tlog::bundle::encode(entries).unwrap()));
        }
        let checkpoint = Checkpoint::new(ORIGIN.parse().unwrap(), size, tree.root()).unwrap();
        let witness = key("w.example", KeyType::CosignatureEd25519);
        let lines = vec![
            sign_checkpoint(&checkpoint.to_string(), &log_key()).unwrap(),
            cosign(&checkpoint, 1_800_000_000, &witness).unwrap(),
        ];
        let note = Note::new(checkpoint.to_string(), lines)
            .unwrap()
            .to_string();
        files.push(("checkpoint".to_owned(), note.into_bytes()));
        let policy = format!("log {}\nwitness w {}\nquorum w\n", log.vkey, witness.vkey());
        files.push(("policy".to_owned(), policy.into_bytes()));
        for (path, bytes) in files {
            log.write(&path, &bytes);
        }
        log
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn place(&self) -> String {
        self.dir.path().to_str().unwrap().to_owned()
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.dir.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn proof_of(&self, index: u64, size: u64) -> Vec<u8> {
        let files = logclient::LogFiles::directory(self.dir.path());
        let proof = TlogProof {
            extra: None,
            index,
            path: prove_inclusion(&files, index, size).unwrap(),
            checkpoint: fs::read(self.path("checkpoint")).unwrap(),
        };
        proof.to_bytes()
    }
}

#[test]
fn fsck_says_whole_damaged_or_not_checked_by_its_exit_status() {
    let log = Log::new(700, "three");
    let place = log.place();
    let whole = limpid(&["log", "fsck", &place, "--vkey", &log.vkey]);
    assert_eq!((whole.status, whole.stderr.as_str()), (0, ""), "{whole:?}");
    for part in ["700 entries", "signed by the log; witnesses", "\nwhole\n"] {
        assert!(whole.stdout.contains(part), "{part}: {}", whole.stdout);
    }
    let policy = log.path("policy");
    let said = limpid(&["--json", "log", "fsck", &place, "--policy", &policy]).json(0);
    assert_eq!(said["outcome"], "whole");
    assert_eq!(said["signed"]["cosigners"][0], "w.example");

    let bundle = log.path("tile/entries/001");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[3] ^= 1;
    fs::write(&bundle, &bytes).unwrap();
    fs::remove_file(log.path("tile/0/000")).unwrap();
    let damaged = limpid(&["log", "fsck", &place, "--vkey", &log.vkey]);
    assert_eq!(damaged.status, 1);
    for part in [
        "bad   tile/0/000: missing\n",
        "bad   tile/entries/001: entry 256 is another than the log committed to\n",
        "DAMAGED: 2 files are bad",
    ] {
        assert!(damaged.stdout.contains(part), "{part}: {}", damaged.stdout);
    }
    let said = limpid(&["--json", "log", "fsck", &place, "--vkey", &log.vkey]).json(1);
    let files = said["files"].as_array().unwrap();
    assert_eq!((files.len(), &said["outcome"]), (2, &"damaged".into()));
    assert!(files.iter().any(|file| file["entry"] == 256));

    let other = key("log.example/b", KeyType::Ed25519).vkey().to_string();
    limpid(&["log", "fsck", &place, "--vkey", &other]).refused(2, &["is refused"]);
    limpid(&["log", "fsck", "/nowhere/at/all"]).refused(2, &["has no checkpoint"]);
    let closed = limpid(&["log", "fsck", "http://127.0.0.1:1"]);
    closed.refused(2, &["could not be fetched"]);
}

#[test]
fn follow_prints_verified_entries_once_and_finds_a_fork_after_a_restart() {
    let log = Log::new(300, "three");
    let state = log.path("state");
    let arguments = ["log", "follow", &log.place(), "--vkey", &log.vkey, "--once"];
    let raw = log.path("raw");
    let more = ["--state", &state, "--from", "298", "--raw", &raw];
    let first = limpid(&[&arguments[..], &more].concat());
    assert_eq!(first.status, 0, "{first:?}");
    let lines: Vec<&str> = first.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("298  9 bytes  "), "{lines:?}");
    assert_eq!(fs::read(log.path("raw/299")).unwrap(), b"entry 299");
    let again = limpid(&[&arguments[..], &more].concat());
    assert_eq!((again.status, again.stdout.as_str()), (0, ""));

    let other = Log::new(400, "another three");
    let forked = limpid(&[
        "log",
        "follow",
        &other.place(),
        "--vkey",
        &log.vkey,
        "--once",
        "--state",
        &state,
    ]);
    assert_eq!(forked.status, 1, "{forked:?}");
    assert!(forked.stdout.contains("signed two histories"), "{forked:?}");
    let evidence = log.path("300-400.fork");
    let judged = limpid(&["proof", "verify", &evidence, "--vkey", &log.vkey]);
    assert_eq!(judged.status, 0, "{judged:?}");
    assert!(
        judged
            .stdout
            .starts_with("PROVED: the log log.example/a signed two histories.")
    );
    assert!(
        judged.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        judged.stdout
    );

    limpid(&["log", "follow", &log.place(), "--once"]).refused(2, &["whose signature counts?"]);
}

#[test]
fn follow_ends_when_nobody_reads_any_more() {
    // More than a pipe holds, so that it is still writing.
    let log = Log::new(2000, "three");
    let mut child = Command::new(LIMPID)
        .args(["--json", "log", "follow", &log.place(), "--vkey", &log.vkey])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for index in 0..3 {
        let line = lines.next().unwrap().unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["index"], index);
    }
    drop(lines);
    assert!(child.wait().unwrap().success());
}

#[test]
fn monitor_says_by_its_exit_status_what_is_the_matter() {
    let log = Log::new(300, "three");
    let witness = tempfile::tempdir().unwrap();
    let of_origin = witness
        .path()
        .join(tlog::sha256(ORIGIN.as_bytes()).to_hex());
    fs::create_dir_all(&of_origin).unwrap();
    let show = |log: &Log| fs::copy(log.path("checkpoint"), of_origin.join("checkpoint")).unwrap();
    show(&log);
    let config = log.path("monitor.toml");
    let text = format!(
        "dir = {:?}\n[[logs]]\norigin = {ORIGIN:?}\nplace = {:?}\npolicy = {:?}\nwitnesses = [{:?}]\nstale_s = 100\n",
        log.path("monitor"),
        log.place(),
        log.path("policy"),
        witness.path().to_str().unwrap(),
    );
    fs::write(&config, &text).unwrap();
    let monitor = |now: &str| {
        limpid(&[
            "log", "monitor", "--config", &config, "--once", "--now", now,
        ])
    };
    let sound = monitor("1800000010");
    assert_eq!(sound.status, 0, "{sound:?}");
    assert!(sound.stdout.ends_with("nothing to report\n"), "{sound:?}");
    let old = monitor("1800000200");
    assert_eq!(old.status, 3, "{old:?}");
    assert!(old.stdout.contains("amber log.stale"), "{old:?}");
    show(&Log::new(200, "another three"));
    let forked = monitor("1800000010");
    assert_eq!(forked.status, 4, "{forked:?}");
    assert!(forked.stdout.contains("red log.fork"), "{forked:?}");
    let said = limpid(&["--json", "log", "monitor", "--config", &config, "--once"]).json(4);
    let evidence = said["logs"][0]["alarms"][0]["evidence"].as_str().unwrap();
    let judged = limpid(&["--json", "proof", "verify", evidence, "--vkey", &log.vkey]).json(0);
    assert_eq!(
        (&judged["kind"], &judged["smaller"]["size"]),
        (&"fork".into(), &200.into())
    );

    fs::write(&config, text.replace("stale_s", "stal")).unwrap();
    monitor("1800000010").refused(2, &["unknown field `stal`"]);
}

#[test]
fn proof_verify_tells_a_judge_what_is_proved_and_what_is_not() {
    let log = Log::new(300, "three");
    log.write("p.tlog-proof", &log.proof_of(3, 300));
    log.write("entry", b"three");
    log.write("other", b"threE");
    let (proof, entry, other) = (
        log.path("p.tlog-proof"),
        log.path("entry"),
        log.path("other"),
    );
    let policy = log.path("policy");
    let proved = limpid(&[
        "proof", "verify", &proof, "--policy", &policy, "--entry", &entry,
    ]);
    assert_eq!(proved.status, 0, "{proved:?}");
    for part in [
        "PROVED: these 5 bytes are logged.",
        "cosigned by w.example",
        "  entry   3  5 bytes",
    ] {
        assert!(proved.stdout.contains(part), "{part}: {}", proved.stdout);
    }
    let arguments = [
        "proof", "verify", &proof, "--vkey", &log.vkey, "--entry", &entry,
    ];
    let proved = limpid(&arguments);
    assert!(
        proved
            .stdout
            .contains("without witnesses it may still show"),
        "{proved:?}"
    );
    let refused = limpid(&[
        "proof", "verify", &proof, "--policy", &policy, "--entry", &other,
    ]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(
        refused
            .stdout
            .starts_with("NOT PROVED: these 5 bytes are not entry 3")
    );
    let stranger = key("log.example/b", KeyType::Ed25519).vkey().to_string();
    let said = limpid(&[
        "--json", "proof", "verify", &proof, "--vkey", &stranger, "--entry", &entry,
    ]);
    assert_eq!(said.json(1)["proved"], false);

    limpid(&["proof", "verify", &proof, "--vkey", &log.vkey]).refused(2, &["--entry"]);
    limpid(&["proof", "verify", &proof, "--entry", &entry])
        .refused(2, &["whose signature counts?"]);
    limpid(&["proof", "verify", &entry, "--vkey", &log.vkey]).refused(2, &["neither a proof"]);
}

#[test]
fn the_evidence_on_the_page_of_its_format_convinces_and_a_changed_one_does_not() {
    let page = fs::read_to_string(root().join("spec/fork-evidence.md")).unwrap();
    let blocks: Vec<&str> = page
        .split("```text\n")
        .skip(1)
        .map(|block| block.split_once("```").unwrap().0)
        .collect();
    let vkey = blocks
        .iter()
        .find_map(|block| block.strip_prefix("vkey "))
        .unwrap()
        .trim();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.fork");
    let path = file.to_str().unwrap();
    let shown: Vec<_> = blocks
        .iter()
        .filter(|block| block.starts_with("limpid/fork-evidence"))
        .collect();
    assert_eq!(shown.len(), 2);
    for evidence in shown {
        fs::write(&file, evidence).unwrap();
        let judged = limpid(&["proof", "verify", path, "--vkey", vkey]);
        assert_eq!(judged.status, 0, "{judged:?}");
        assert!(
            judged.stdout.contains("1. It signed: I have 3 entries"),
            "{judged:?}"
        );
        assert!(judged.stdout.lines().all(|line| line.chars().count() <= 80));
        fs::write(&file, evidence.replacen("\n3\n", "\n2\n", 1)).unwrap();
        let judged = limpid(&["proof", "verify", path, "--vkey", vkey]);
        assert_ne!(judged.status, 0, "{judged:?}");
    }
}

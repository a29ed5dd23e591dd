//! Two histories of one log, both signed and witnessed: whoever remembers one finds the other.

use std::path::{Path, PathBuf};

use audit::{Audit, Outcome, Watch};

use crate::place::{Served, codes, now, request, served};
use crate::world::{copy_dir, roster};

const REMEMBERED: &str = "seen by a friend";

#[tokio::test]
async fn a_checkpoint_seen_elsewhere_must_be_of_this_history() {
    let (here, elsewhere) = (served(3).await, served(2).await);
    let seen = elsewhere.read("checkpoint");
    let mut asked = request(&here.dir);
    asked.seen = vec![(REMEMBERED.to_owned(), seen.clone())];
    let report = Audit::new(asked).unwrap().look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken, "{}", report.to_text());
    assert!(codes(&report).contains(&("log.fork", Some(6))));
    assert_eq!(report.evidence[0].earlier, seen);
    // Anybody can judge it with the log's key; the report says under which name.
    let fork = report.evidence[0].fork.clone().unwrap();
    proves_a_fork(&fork.bytes, &here, &elsewhere);
    assert!(
        report.to_text().contains(&fork.name),
        "{}",
        report.to_text()
    );
    assert_eq!(report.to_json()["evidence"][0]["fork"], fork.name);
    let dir = tempfile::tempdir().unwrap();
    let kept = report.evidence[0].keep_in(dir.path()).unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(
        std::fs::read(dir.path().join(&fork.name)).unwrap(),
        fork.bytes
    );
    assert!(report.evidence[0].keep_in(dir.path()).unwrap().is_empty());

    // One of the same history is fine, one that nobody known signed proves nothing.
    let mut asked = request(&here.dir);
    asked.seen = vec![(REMEMBERED.to_owned(), here.read("archive/5"))];
    let report = Audit::new(asked).unwrap().look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
    let forged = String::from_utf8(seen)
        .unwrap()
        .replace("\u{2014} center", "\u{2014} dis-center");
    let mut asked = request(&here.dir);
    asked.seen = vec![(REMEMBERED.to_owned(), forged.into_bytes())];
    let report = Audit::new(asked).unwrap().look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Doubtful, "{}", report.to_text());
    assert_eq!(codes(&report), [("log.checkpoint_foreign", Some(6))]);
}

/// Where a monitor looks, and its cursor.
struct Monitored {
    root: tempfile::TempDir,
}

impl Monitored {
    fn showing(served: &Served) -> Self {
        let monitored = Self {
            root: tempfile::tempdir().unwrap(),
        };
        monitored.show(served);
        monitored
    }

    fn show(&self, served: &Served) {
        let dir = self.dir();
        drop(std::fs::remove_dir_all(&dir));
        copy_dir(&served.dir, &dir);
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("log")
    }

    fn cursor(&self) -> PathBuf {
        self.root.path().join("cursor.json")
    }

    fn watch(&self) -> Watch {
        Watch::open(request(&self.dir()), &self.cursor()).unwrap()
    }
}

fn told(news: &audit::News) -> Vec<&'static str> {
    news.findings
        .iter()
        .map(|found| found.finding.code)
        .collect()
}

/// Fork evidence of the newest checkpoints of both, to be judged offline.
fn proves_a_fork(bytes: &[u8], here: &Served, there: &Served) {
    let evidence = tlog::ForkEvidence::parse(bytes).unwrap();
    let keys: Vec<tlog::VerifierKey> = roster::log_vkeys()
        .iter()
        .map(|vkey| vkey.parse().unwrap())
        .collect();
    let fork = evidence.open(&keys).unwrap();
    let mut notes = [here.read("checkpoint"), there.read("checkpoint")];
    notes.sort_by_key(|note| note != fork.smaller().note());
    assert_eq!(notes, [fork.smaller().note(), fork.larger().note()]);
}

fn both_checkpoints(path: &Path, here: &Served, there: &Served) {
    let text = std::fs::read_to_string(path).unwrap();
    for served in [here, there] {
        let note = String::from_utf8(served.read("checkpoint")).unwrap();
        assert!(text.contains(&note), "{text}");
    }
}

#[tokio::test]
async fn a_monitor_that_runs_notices_a_second_history_and_keeps_both_checkpoints() {
    let (here, there) = (served(2).await, served(4).await);
    let monitored = Monitored::showing(&here);
    let mut watch = monitored.watch();
    let news = watch.look(now()).await.unwrap();
    assert_eq!(
        news.report.outcome,
        Outcome::Held,
        "{}",
        news.report.to_text()
    );
    assert!(told(&news).is_empty());

    monitored.show(&there);
    let news = watch.look(now()).await.unwrap();
    assert!(told(&news).contains(&"log.fork"), "{:?}", told(&news));
    assert_eq!(news.evidence.len(), 2);
    both_checkpoints(&news.evidence[0], &here, &there);
    assert_eq!(news.evidence[1].extension().unwrap(), "fork");
    proves_a_fork(&std::fs::read(&news.evidence[1]).unwrap(), &here, &there);
    // It stays a finding, and is told once.
    let news = watch.look(now()).await.unwrap();
    assert_eq!(news.report.outcome, Outcome::Broken);
    assert!(told(&news).is_empty() && news.evidence.is_empty());
}

#[tokio::test]
async fn a_monitor_that_was_away_still_remembers_every_root() {
    let (here, there) = (served(2).await, served(4).await);
    let monitored = Monitored::showing(&here);
    monitored.watch().look(now()).await.unwrap();
    monitored.show(&there);
    let news = monitored.watch().look(now()).await.unwrap();
    assert!(told(&news).contains(&"log.fork"), "{:?}", told(&news));
    both_checkpoints(&news.evidence[0], &here, &there);
    // Another restart later, with the first history shown again: the second is not forgotten either.
    monitored.show(&here);
    let news = monitored.watch().look(now()).await.unwrap();
    assert_eq!(
        news.report.outcome,
        Outcome::Broken,
        "{}",
        news.report.to_text()
    );
}

#[tokio::test]
async fn a_log_that_went_back_is_told() {
    let served = served(3).await;
    let monitored = Monitored::showing(&served);
    let mut watch = monitored.watch();
    watch.look(now()).await.unwrap();
    let older = served.read("archive/5");
    std::fs::remove_file(monitored.dir().join("public/checkpoint")).unwrap();
    std::fs::write(monitored.dir().join("public/checkpoint"), older).unwrap();
    std::fs::remove_file(monitored.dir().join("public/archive/index")).unwrap();
    std::fs::write(monitored.dir().join("public/archive/index"), b"4\n5\n").unwrap();
    for mut watch in [watch, monitored.watch()] {
        let news = watch.look(now()).await.unwrap();
        assert_eq!(news.report.outcome, Outcome::Broken);
        assert!(codes(&news.report).contains(&("log.went_back", Some(5))));
    }
}

#[tokio::test]
async fn a_cursor_of_another_anchor_is_never_overwritten() {
    let served = served(1).await;
    let monitored = Monitored::showing(&served);
    monitored.watch().look(now()).await.unwrap();
    let before = std::fs::read(monitored.cursor()).unwrap();
    let mut other = request(&monitored.dir());
    other.anchor = statement::StatementDigest::of(b"another");
    assert!(Watch::open(other, &monitored.cursor()).is_err());
    std::fs::write(monitored.cursor(), b"{}").unwrap();
    assert!(Watch::open(request(&monitored.dir()), &monitored.cursor()).is_err());
    assert!(!before.is_empty());
}

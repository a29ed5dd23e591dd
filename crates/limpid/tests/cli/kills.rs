//! Each daemon in turn is killed with SIGKILL in the middle of a release. The release is completed and
//! nothing that was acknowledged is lost. `LIMPID_KILLS` sets how often.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use logclient::Follower;
use statement::Envelope;

use crate::{
    program::{LIMPID, limpid},
    released::Running,
};

/// Who is killed, in turn.
const DAEMONS: [&str; 6] = [
    "vendor/log",
    "lab-a/witness",
    "supervisor/office",
    "lab-b/rebuilder",
    "vendor/mirror",
    "supervisor/log",
];
/// A release prints more lines than this, so each kill falls into its middle.
const LINES_MIN: usize = 14;
/// How often somebody starts a verb again that lost its log or supervisor under way.
const TRIES_MAX: usize = 10;

/// One kill, and what was acknowledged before and after.
struct Kill<'a> {
    running: &'a mut Running,
    daemon: &'static str,
    /// Lines of progress until it happens.
    lines_left: usize,
    is_done: bool,
    /// Beginnings of digests that a party said stand in the log.
    acknowledged: &'a mut BTreeSet<String>,
}

impl Kill<'_> {
    fn hear(&mut self, line: &str) {
        if line.contains(" logged") {
            let digests = line.split(|c: char| !c.is_ascii_hexdigit());
            let digests = digests.filter(|word| word.len() == 12).map(str::to_owned);
            self.acknowledged.extend(digests);
        }
        self.lines_left = self.lines_left.saturating_sub(1);
        if self.lines_left == 0 && !self.is_done {
            self.is_done = true;
            self.running.world.kill_daemon(self.daemon).unwrap();
            self.running.world.restart_daemon(self.daemon).unwrap();
        }
    }

    /// Runs a verb, again if it lost a party under way, and returns what it printed.
    fn run(&mut self, arguments: &[&str]) -> String {
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            let mut child = Command::new(LIMPID)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            last.clear();
            for line in BufReader::new(child.stdout.take().unwrap()).lines() {
                let line = line.unwrap();
                self.hear(&line);
                last += &format!("{line}\n");
            }
            if child.wait().unwrap().success() {
                return last;
            }
        }
        panic!(
            "{arguments:?} never succeeded after {} was killed: {last}",
            self.daemon
        )
    }
}

/// The word behind `name` at the beginning of a line.
fn word_after(output: &str, name: &str) -> String {
    let found = output.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap().split_whitespace().next().unwrap().to_owned()
}

/// Everything that stands in the log: digests of statements, and what their payloads say.
fn everything(running: &Running, follower: &Follower) -> String {
    let size = follower.view().unwrap().state().next_index();
    let mut all = String::new();
    for index in 0..size {
        let bytes = running.runtime.block_on(follower.entry(index)).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        all += &format!("{} ", envelope.digest());
        all += std::str::from_utf8(envelope.payload()).unwrap();
    }
    all
}

#[test]
fn a_killed_daemon_delays_a_release_and_loses_nothing() {
    let kills: usize =
        env::var("LIMPID_KILLS").map_or(DAEMONS.len(), |count| count.parse().unwrap());
    let mut running = Running::start();
    let (conveyer, release) = (
        running.vendor("conveyer.toml"),
        running.vendor("release.toml"),
    );
    // It refuses a log that ever goes back behind, or departs from, what it has seen.
    let mut follower = running.world.follower().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..kills {
        let product = format!("lures-kill-{round}");
        let source = running.source(&product);
        let mut kill = Kill {
            running: &mut running,
            daemon: DAEMONS[round % DAEMONS.len()],
            lines_left: 1 + round * 5 % LINES_MIN,
            is_done: false,
            acknowledged: &mut acknowledged,
        };
        let built = kill.run(&["conveyer", "build", "--config", &conveyer, &source]);
        let build = word_after(&built, "build ");
        let proposed = kill.run(&["release", "propose", "--config", &release, &build]);
        let digest = word_after(&proposed, "release ");
        kill.run(&["release", "publish", "--config", &release]);
        assert!(kill.is_done, "{} was not killed in the middle", kill.daemon);
        acknowledged.extend([build, digest.clone()]);

        running.runtime.block_on(follower.sync()).unwrap();
        let endpoint = running.endpoint(&product);
        let installed = limpid(&["--json", "endpoint", "update", "--config", &endpoint]).json(0);
        assert!(installed.to_string().contains(&digest), "{installed}");
    }
    let mut fresh = running.world.follower().unwrap();
    running.runtime.block_on(fresh.sync()).unwrap();
    let all = everything(&running, &fresh);
    assert!(acknowledged.len() >= 4 * kills, "{acknowledged:?}");
    for digest in acknowledged {
        assert!(
            all.contains(&digest),
            "{digest} was acknowledged and is lost"
        );
    }
    let size = |follower: &Follower| follower.view().unwrap().state().next_index();
    assert!(size(&fresh) >= size(&follower));
}

//! Conveyer and rebuilder killed after each of their steps.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::street::{Lab, Street, lures, until};
use conveyer::{ConveyerConfig, RebuilderConfig, Step, build_release, system_clock, watch};
use law::BuildEvidence;
use rustix::process::{Signal, getpid, kill_process};
use serde::Serialize;

const CONFIG: &str = "LIMPID_TEST_CONVEYER_CONFIG";
const ROLE: &str = "LIMPID_TEST_CONVEYER_ROLE";
const DIE_AT: &str = "LIMPID_TEST_CONVEYER_DIE_AT";

/// Kills this very process, without any clean-up, when it has told as many steps as it may.
fn die_at(last: usize) -> impl Fn(Step) + Sync {
    let told = AtomicUsize::new(0);
    move |_| {
        if told.fetch_add(1, Ordering::SeqCst) + 1 == last {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    }
}

/// Not a claim of its own: the process that the tests below start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_works_until_it_is_killed_when_asked_to() {
    let Some(config) = std::env::var_os(CONFIG) else {
        return;
    };
    let config = Path::new(&config);
    let last = std::env::var(DIE_AT).unwrap().parse().unwrap();
    let progress = die_at(last);
    if std::env::var(ROLE).unwrap() == "conveyer" {
        let config: ConveyerConfig = serve::load_config(config).unwrap();
        build_release(&config, lures(), &progress, system_clock)
            .await
            .unwrap();
    } else {
        let config: RebuilderConfig = serve::load_config(config).unwrap();
        let forever = std::future::pending();
        watch(config, &progress, system_clock, forever)
            .await
            .unwrap();
    }
}

fn child(street: &Street, role: &str, config: &impl Serialize, last: usize) -> Command {
    let path = street.path().join(format!("{role}.toml"));
    std::fs::write(&path, toml::to_string(config).unwrap()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "room_kill::child_works_until_it_is_killed_when_asked_to",
        ])
        .env(CONFIG, path)
        .env(ROLE, role)
        .env(DIE_AT, last.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn run(mut command: Command) -> ExitStatus {
    tokio::task::spawn_blocking(move || command.status().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conveyer_killed_after_each_step_opens_the_one_commitment_it_made() {
    let street = Street::open(290, 1).await;
    let lab = Lab::start(street.lab(1));
    let config = street.conveyer();
    let mut deaths = 0;
    for last in 1.. {
        if run(child(&street, "conveyer", &config, last))
            .await
            .success()
        {
            break;
        }
        deaths += 1;
        assert!(deaths < 40, "it never gets to its end");
    }
    assert!(deaths > 8, "only {deaths} deaths");
    let follower = street.follow().await;
    let [build] = follower.view().unwrap().builds()[..] else {
        panic!("one source, one build");
    };
    let said = street.said(build, &street.key("vendor", "conveyer")).await;
    let said: Vec<_> = said.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(said, ["commitment", "provenance"]);
    street
        .verdict(build, &street.key("lab-a", "rebuilder"))
        .await;
    let follower = street.follow().await;
    BuildEvidence::check(follower.view().unwrap(), build, 1).unwrap();
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilder_killed_after_each_step_opens_the_one_commitment_it_made() {
    let street = Street::open(295, 1).await;
    let config = street.conveyer();
    let conveyer = tokio::spawn(async move {
        build_release(&config, lures(), &|_| {}, system_clock)
            .await
            .unwrap()
    });
    let (lab, key) = (street.lab(1), street.key("lab-a", "rebuilder"));
    let mut deaths = 0;
    let build = until("the source", async || {
        let follower = street.follow().await;
        follower.view().unwrap().builds().first().copied()
    })
    .await;
    for last in 1.. {
        let mut child = child(&street, "rebuilder", &lab, last).spawn().unwrap();
        let has_died = until("its death or its answer", async || {
            if child.try_wait().unwrap().is_some() {
                return Some(true);
            }
            let said = street.said(build, &key).await;
            said.iter()
                .any(|(name, _)| name == "rebuild")
                .then_some(false)
        })
        .await;
        if !has_died {
            child.kill().unwrap();
            child.wait().unwrap();
            break;
        }
        deaths += 1;
        assert!(deaths < 40, "it never gets to its end");
    }
    assert!(deaths > 4, "only {deaths} deaths");
    assert_eq!(conveyer.await.unwrap().build, build);
    let said = street.said(build, &key).await;
    let said: Vec<_> = said.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(said, ["commitment", "rebuild"]);
    let follower = street.follow().await;
    BuildEvidence::check(follower.view().unwrap(), build, 1).unwrap();
}

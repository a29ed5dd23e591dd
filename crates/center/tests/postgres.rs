//! A cell of several processes on one PostgreSQL server, any of which is killed, and the server too.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serve::wait_url;
use statement::Predicate;

use crate::PATIENCE;
use crate::kills::each_has_one_receipt_and_one_verdict;
use crate::tokens::wait_admission;
use crate::world::{Owner, World, config, open_logged, wait_for, wait_open};
use postgres_server::PostgresServer;

#[path = "../../log/tests/remote/postgres_server.rs"]
pub mod postgres_server;

const WORLD: &str = "LIMPID_TEST_SHARED_WORLD";
/// Holds the address of the database.
const ADDRESS: &str = "LIMPID_TEST_SHARED_ADDRESS";
/// Whose children are those of the first process here.
const PARTY: u32 = 21;

/// The configuration of one process of the cell.
fn of_several(world: &Path, told: [&str; 3], number: u32) -> center::Config {
    let [log_url, anchor, address] = told;
    let mut config = config(world, log_url, anchor.parse().unwrap());
    config.dir = world.join(format!("cell-{number}"));
    config.sandbox_party = PARTY + number;
    config.remote = Some(center::RemoteConfig {
        postgres: address.to_owned(),
        schema: "cell_ch".to_owned(),
        shared: world.join("shared"),
    });
    config
}

/// Not a claim of its own: the process that the tests below start and kill.
#[tokio::test(flavor = "multi_thread")]
async fn child_runs_one_process_of_a_cell_when_asked_to() {
    let Ok(told) = std::env::var(WORLD) else {
        return;
    };
    let told: Vec<&str> = told.split('\n').collect();
    let [world, log_url, anchor, number] = told[..] else {
        panic!("four lines");
    };
    let address = format!("env:{ADDRESS}");
    let config = of_several(
        Path::new(world),
        [log_url, anchor, &address],
        number.parse().unwrap(),
    );
    center::serve(config, std::future::pending()).await.unwrap();
}

/// One process of the cell; killed at the latest when the test ends.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    async fn start(world: &World, server: &PostgresServer, number: u32) -> Self {
        let dir = world.path().join(format!("cell-{number}"));
        // A killed process leaves its address behind.
        drop(std::fs::remove_file(dir.join("url")));
        let (place, anchor) = (world.path().display(), world.anchor);
        let told = format!("{place}\n{}\n{anchor}\n{number}", world.log_url);
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "postgres::child_runs_one_process_of_a_cell_when_asked_to",
            ])
            .env(WORLD, told)
            .env(ADDRESS, server.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self {
            child,
            url: String::new(),
        };
        process.url = wait_url(&dir, PATIENCE).await.unwrap();
        wait_open(&process.url).await;
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; already dead is fine.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

/// Sends a sample to whoever takes it, the first of `urls` first.
async fn send(owner: Owner, urls: &[&str]) -> Owner {
    wait_for("somebody takes it", async || {
        for url in urls {
            if owner.send(url).await.is_ok() {
                return Some(());
            }
        }
        None
    })
    .await;
    owner
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_on_postgresql_analyses_shows_and_erases() {
    let (world, server) = (World::found().await, PostgresServer::start());
    let cell = Process::start(&world, &server, 0).await;
    let keys = world.epoch_keys(&cell.url).await;
    let whole = Owner::of(b"in one call", &keys, world.policy);
    whole.send(&cell.url).await.unwrap();
    whole.send(&cell.url).await.expect("the same again");
    let pieces = Owner::of(&[7; 300_000], &keys, world.policy);
    pieces.begin(&cell.url).await.unwrap();
    for offset in (0..pieces.ciphertext.len()).step_by(100_000) {
        pieces.append(&cell.url, offset, 100_000).await.unwrap();
    }
    pieces.complete(&cell.url).await.unwrap();
    each_has_one_receipt_and_one_verdict(&world, &cell.url, &[whole.clone(), pieces]).await;

    whole.erase(&cell.url).await.unwrap();
    let shown = whole.wait(&cell.url, "erased", "erasure").await;
    let (_, said) = open_logged(&world, &shown["erasure"]).await;
    assert!(matches!(said.predicate, Predicate::Erasure(_)));
    assert!(shown["verdict"].is_null() && shown["receipt"].is_null());
    let ciphertext = world.path().join("shared/ciphertext");
    let name = whole.sample.as_str();
    assert!(!ciphertext.join(&name[..2]).join(name).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_either_may_be_killed_and_each_sample_has_one_receipt_and_one_verdict() {
    let (world, server) = (World::found().await, PostgresServer::start());
    let mut cells = [
        Process::start(&world, &server, 0).await,
        Process::start(&world, &server, 1).await,
    ];
    let keys = world.epoch_keys(&cells[0].url).await;
    let owner = |name: String| Owner::of(name.as_bytes(), &keys, world.policy);
    let mut owners = Vec::new();
    // Who began leads; then who was left; then who does not lead.
    for (round, killed) in [0, 1, 1].into_iter().enumerate() {
        for number in 0..6 {
            let urls = [&*cells[number % 2].url, &cells[1 - number % 2].url];
            owners.push(send(owner(format!("{round} {number}")), &urls).await);
        }
        cells[killed].child.kill().unwrap();
        // The other one takes what comes, and leads.
        let urls = [&*cells[1 - killed].url];
        let newest = send(owner(format!("{round} alone")), &urls).await;
        newest.wait(urls[0], "analysed", "verdict").await;
        owners.push(newest);
        let number = u32::try_from(killed).unwrap();
        cells[killed] = Process::start(&world, &server, number).await;
    }
    each_has_one_receipt_and_one_verdict(&world, &cells[0].url, &owners).await;
    let shown = [0, 1].map(|at: usize| owners[0].disclosure(&cells[at].url));
    let [one, other] = shown;
    assert_eq!(one.await.unwrap(), other.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_under_load_and_nothing_acknowledged_is_lost() {
    let (world, mut server) = (World::found().await, PostgresServer::start());
    let cells = [
        Process::start(&world, &server, 0).await,
        Process::start(&world, &server, 1).await,
    ];
    let keys = world.epoch_keys(&cells[0].url).await;
    let owner = |name: String| Owner::of(name.as_bytes(), &keys, world.policy);
    let mut owners = Vec::new();
    for round in 0..2_u64 {
        for number in 0..4 {
            let urls = [&*cells[number % 2].url, &cells[1 - number % 2].url];
            owners.push(send(owner(format!("{round} {number}")), &urls).await);
        }
        // While receipts are made, children at work and, in other rounds, nothing is under way.
        tokio::time::sleep(Duration::from_millis(70 * round)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill_and_start();
            server
        })
        .await
        .unwrap();
    }
    let urls = [&*cells[0].url, &cells[1].url];
    owners.push(send(owner("after all".to_owned()), &urls).await);
    each_has_one_receipt_and_one_verdict(&world, urls[1], &owners).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_are_shown_one_token_at_once_one_takes_one_sample() {
    let (world, server) = (World::found().await, PostgresServer::start());
    let issuer = world.start_issuer(world.issuer_config()).await;
    let address = world.path().join("address");
    std::fs::write(&address, server.url()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&address, private).unwrap();
    let named = format!("file:{}", address.display());
    let mut urls = Vec::new();
    for number in 0..2 {
        let told = [&*world.log_url, &world.anchor.to_string(), &named];
        let mut config = of_several(world.path(), told, number);
        (config.workers, config.admission) = (0, center::AdmissionRule::Tokens);
        urls.push(world.start(config).await.url);
        wait_admission(&urls[urls.len() - 1]).await;
    }
    let keys = world.epoch_keys(&urls[0]).await;
    wait_open(&urls[1]).await;
    let token = world.token(&issuer, 1).await;
    let mut sent = tokio::task::JoinSet::new();
    for n in 0..12_u8 {
        let owner = Owner::of(&[n; 100], &keys, world.policy);
        let (url, token) = (urls[usize::from(n / 2 % 2)].clone(), token.clone());
        sent.spawn(async move {
            match n % 2 {
                0 => owner.send_with(&url, &token).await,
                _ => owner.begin_with(&url, &token).await,
            }
        });
    }
    let done = sent.join_all().await;
    let refused: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 11);
    for error in refused {
        assert_eq!(error.code(), Some("intake.token_spent"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_sees_other_files_or_an_undurable_server_is_refused() {
    let (world, server) = (World::found().await, PostgresServer::start());
    let anchor = world.anchor.to_string();
    let address = world.path().join("address");
    std::fs::write(&address, server.url()).unwrap();
    let named = format!("file:{}", address.display());
    let refusal = async |config: center::Config| {
        let served = center::serve(config, std::future::ready(())).await;
        let error = served.expect_err("refused");
        let causes =
            std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
        causes.map(|it| format!("{it}\n")).collect::<String>()
    };
    let config = || of_several(world.path(), [&world.log_url, &anchor, &named], 0);
    assert!(refusal(config()).await.contains("chmod 600"));
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&address, private).unwrap();
    center::serve(config(), std::future::ready(()))
        .await
        .unwrap();

    let mut elsewhere = config();
    elsewhere.remote.as_mut().unwrap().shared = world.path().join("elsewhere");
    assert!(refusal(elsewhere).await.contains("does not hold the files"));
    let unsafe_server = PostgresServer::start_with(&["fsync=off"]);
    std::fs::write(&address, unsafe_server.url()).unwrap();
    let said = refusal(config()).await;
    assert!(said.contains("`fsync = off`"), "{said}");
    std::fs::write(
        &address,
        "postgres://cell:hunter2@db.example/limpid?sslmode=require",
    )
    .unwrap();
    let said = refusal(config()).await;
    assert!(
        said.contains("sslmode=verify-full") && !said.contains("hunter2"),
        "{said}"
    );
}

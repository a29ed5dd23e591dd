//! A million samples wait: what that costs an intake, a start and a worker.

use std::time::Instant;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::load::{config, found, noise, resident_mib, send_all, until};

const WAITING: u64 = 1_000_000;
const COUNT: usize = 1_000;
const BYTES: usize = 10 << 10;

pub async fn run() {
    let world = found().await;
    let before = resident_mib();
    let cell = world.start(config(&world, 0).await).await;
    let keys = world.epoch_keys(&cell.url).await;
    let sealing = (&keys, world.policy);
    let alone = send_all(&cell.url, sealing, COUNT, |n| noise(n, BYTES)).await;
    until(&world, |said| said.receipts >= COUNT as u64).await;
    cell.stop().await;

    let file = world.path().join("cell").join("cell.sqlite3");
    let small = std::fs::metadata(&file).unwrap().len();
    fill(&file).await;
    let row = (std::fs::metadata(&file).unwrap().len() - small) / WAITING;

    let started = Instant::now();
    let cell = world.start(config(&world, 0).await).await;
    let start = started.elapsed().as_secs_f64();
    let behind = send_all(&cell.url, sealing, COUNT, |n| noise(COUNT + n, BYTES)).await;
    cell.stop().await;
    let started = Instant::now();
    let cell = world.start(config(&world, 1).await).await;
    // Those that came before the million are first in the queue.
    until(&world, |said| said.verdicts >= COUNT as u64).await;
    let analysed = started.elapsed().as_secs_f64();
    let rate = |seconds: f64| COUNT as f64 / seconds;
    println!(
        "waiting: with {WAITING} samples in the queue, {row} bytes of table each: intake {:.0} /s (with none {:.0}), \
         ready {start:.1} s after its start, one worker {:.0} /s; this process {:.0} MiB, {before:.0} before",
        rate(behind.as_secs_f64()),
        rate(alone.as_secs_f64()),
        rate(analysed),
        resident_mib(),
    );
    cell.stop().await;
}

/// Copies of the newest sample, under other names and with receipts: what a queue is made of.
async fn fill(file: &std::path::Path) {
    let mut db = SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .unwrap();
    let names = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {WAITING})
         SELECT n, printf('%032x', n) AS name FROM n"
    );
    for sql in [
        format!("CREATE TEMP TABLE names AS {names}"),
        "INSERT INTO samples (sample, seal, front, region, received, state, receipt, receipt_proven)
         SELECT name, seal, front, region, received, state, receipt, receipt_proven
         FROM names, (SELECT * FROM samples WHERE receipt IS NOT NULL LIMIT 1)"
            .to_owned(),
        "INSERT INTO jobs (sample, epoch)
         SELECT name, epoch FROM names, (SELECT epoch FROM jobs LIMIT 1) ORDER BY n"
            .to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    }
}

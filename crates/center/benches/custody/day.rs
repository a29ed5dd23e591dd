//! A day at reduced size: owners send while workers work; and what a day of 400,000 samples would need by that.

use std::io::Write as _;
use std::time::Instant;

use crate::load::{SystemFiles, config, found, send_all, until};

const FILES: usize = 4_000;
const DAY_SAMPLES: f64 = 400_000.0;
const DAY_SECONDS: f64 = 86_400.0;
/// How often a cell makes a batch unless it is told otherwise.
const BATCH_SECONDS: f64 = 60.0;

/// Of so many samples one is such that machines give up: 0.4 %.
const FOR_PEOPLE: usize = 250;
/// Of so many one matches a rule.
const SUSPICIOUS: usize = 40;

/// A gzip whose one member is longer than its few bytes may hold.
fn bomb() -> Vec<u8> {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    zip.write_all(&vec![0; 12 << 20]).unwrap();
    zip.finish().unwrap()
}

pub async fn run() {
    let files = SystemFiles::choose(FILES);
    let (count, cores) = (files.count(), files.cores);
    let world = found().await;
    let cell = world.start(config(&world, cores).await).await;
    let keys = world.epoch_keys(&cell.url).await;
    let started = Instant::now();
    let (bomb, bytes) = (bomb(), files.bytes);
    let read = move |n: usize| match n {
        n if n % FOR_PEOPLE == 1 => bomb.clone(),
        n if n % SUSPICIOUS == 2 => format!("limpid bench {}", n % 100).into_bytes(),
        n => std::fs::read(&files.paths[n]).unwrap(),
    };
    send_all(&cell.url, (&keys, world.policy), count, read).await;
    let all = count as u64;
    let enough = count.div_ceil(FOR_PEOPLE) as u64;
    let said = until(&world, |said| {
        said.receipts >= all && said.verdicts >= all && said.anomalies >= enough
    })
    .await;
    let seconds = started.elapsed().as_secs_f64();
    let tables = std::fs::metadata(world.path().join("cell").join("cell.sqlite3"))
        .unwrap()
        .len();
    cell.stop().await;

    let (sample_bytes, row) = (bytes as f64 / count as f64, tables as f64 / count as f64);
    let gib = f64::from(1 << 30);
    println!(
        "day: {count} samples in {seconds:.0} s, owners, cell, log and witnesses on {cores} cores"
    );
    println!(
        "  taken in {all}, receipts {} in {} batches",
        said.receipts, said.receipt_batches
    );
    println!(
        "  verdicts {} in {} batches: {} clean, {} suspicious, {} for people; {:.2} % by machines alone",
        said.verdicts,
        said.verdict_batches,
        said.clean,
        said.suspicious,
        said.anomalies,
        100.0 * (1.0 - said.anomalies as f64 / count as f64)
    );
    println!("a day of {DAY_SAMPLES:.0} by that:");
    println!(
        "  {:.2} of a core on the average, owners and sealing included",
        DAY_SAMPLES * seconds / count as f64 * cores as f64 / DAY_SECONDS
    );
    println!(
        "  {:.0} GiB of ciphertext at {:.0} KB a sample, and {:.1} GiB of tables at {row:.0} bytes",
        DAY_SAMPLES * sample_bytes / gib,
        sample_bytes / 1024.0,
        DAY_SAMPLES * row / gib
    );
    println!(
        "  {:.0} log entries: two batches each {BATCH_SECONDS:.0} s, and one for each sample for people",
        2.0 * DAY_SECONDS / BATCH_SECONDS + DAY_SAMPLES * said.anomalies as f64 / count as f64
    );
}

//! Analysis of this system's own files, from the queue to witnessed verdicts, in sandboxes.

use std::time::Instant;

use crate::load::{SystemFiles, config, found, send_all, until};

const FILES: usize = 4_000;

pub async fn run() {
    let files = SystemFiles::choose(FILES);
    let (count, cores) = (files.count(), files.cores);
    let world = found().await;
    let cell = world.start(config(&world, 0).await).await;
    let keys = world.epoch_keys(&cell.url).await;
    let mib = files.mib();
    let read = move |n: usize| std::fs::read(&files.paths[n]).unwrap();
    send_all(&cell.url, (&keys, world.policy), count, read).await;
    until(&world, |said| said.receipts >= count as u64).await;
    cell.stop().await;
    let started = Instant::now();
    let cell = world.start(config(&world, cores).await).await;
    let said = until(&world, |said| said.verdicts >= count as u64).await;
    let seconds = started.elapsed().as_secs_f64();
    cell.stop().await;
    println!(
        "analysis: {count} files of this system, {:.0} MiB, {cores} workers on {cores} cores: {:.0} files/s, {:.0} for \
         each core, {:.1} MiB/s; {} clean",
        mib,
        count as f64 / seconds,
        count as f64 / seconds / cores as f64,
        mib / seconds,
        said.clean,
    );
}

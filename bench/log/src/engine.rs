//! The engine alone: entries are handed over in memory, and are durable, in tiles and bundles, and
//! under signed checkpoints.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use keys::{Algorithm, NoteKey, SecretKey};
use log::{
    Batch, Directory, Entries, Fence, Growth, LogError, Mark, Shelf, SignedTree, SqliteTable,
    Table, Wishes, writing_side,
};
use tlog::{Checkpoint, KeyType, Note, cosign, sign_checkpoint};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Args;
use crate::machine::{cpu_seconds, peak_mib};
use crate::roster::ORIGIN;

/// How often a checkpoint is signed while entries come in.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);

/// After this a wish is taken for one that came too late.
const WISH_PATIENCE: Duration = Duration::from_millis(500);

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let count = args.number("entries", 1_000_000)?;
    let bytes = args.number("bytes", 1024)? as usize;
    let per_batch = args.number("batch", 1024)?;
    let scratch = match args.text("dir") {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let dir = scratch.path();
    let (table, shelf) = back_ends(dir).await?;
    let fence = table.lead().await?;
    let stores = (Arc::clone(&table), Arc::clone(&shelf));
    let (mut writer, integrator, wishes) =
        writing_side(stores, fence, Growth::default(), Mark::EMPTY);
    let integrator = tokio::spawn(integrator.run());
    let sequenced = watch::Sender::new(0);
    let signer = sign_on(&table, &shelf, fence, wishes, sequenced.subscribe());

    println!("{count} entries of {bytes} bytes, {per_batch} in a commit");
    let began = Instant::now();
    let mut lines = Lines::begin(began);
    let mut entry = vec![0x5a; bytes];
    let mut first = 0;
    while first < count {
        let end = count.min(first + per_batch);
        let mut batch = Batch::new(first);
        for index in first..end {
            fill(&mut entry, index);
            batch.push(&entry)?;
        }
        writer.commit(&batch).await?;
        writer.hand_over(batch).await?;
        sequenced.send_replace(end);
        first = end;
        lines.reached(first, first == count)?;
    }
    drop(sequenced);
    let signed = signer.await??;
    drop(writer);
    integrator.await??;
    let all = began.elapsed().as_secs_f64();
    ensure!(
        signed.size == count,
        "the last checkpoint has {} entries",
        signed.size
    );
    println!(
        "all durable, integrated and signed: {:.2} s, {:.0} entries/s, {:.0} MB/s; peak {:.0} MiB; {:.1} s of processor",
        all,
        count as f64 / all,
        count as f64 * bytes as f64 / all / 1e6,
        peak_mib(None)?,
        cpu_seconds(None)?,
    );
    table.close().await;
    drop((table, shelf));
    check_restart(dir, signed, bytes).await
}

/// A line of the table at 10^4, 10^5, 10^6 entries and at each million from there on.
struct Lines {
    last: Instant,
    last_count: u64,
    next: u64,
}

impl Lines {
    fn begin(now: Instant) -> Self {
        println!(
            "{:>10}  {:>12}  {:>10}  {:>8}",
            "entries", "entries/s", "us/entry", "peak MiB"
        );
        Self {
            last: now,
            last_count: 0,
            next: 10_000,
        }
    }

    fn reached(&mut self, count: u64, is_last: bool) -> anyhow::Result<()> {
        if count < self.next && !is_last {
            return Ok(());
        }
        let now = Instant::now();
        let rate = (count - self.last_count) as f64 / (now - self.last).as_secs_f64();
        let peak = peak_mib(None)?;
        println!(
            "{count:>10}  {rate:>12.0}  {:>10.2}  {peak:>8.0}",
            1e6 / rate
        );
        (self.last, self.last_count) = (now, count);
        self.next = match self.next {
            n if n < 1_000_000 => n * 10,
            n => n + 1_000_000,
        };
        Ok(())
    }
}

/// Entries differ from each other, as they would.
fn fill(entry: &mut [u8], index: u64) {
    for (place, byte) in entry.iter_mut().zip(index.to_be_bytes()) {
        *place = byte;
    }
}

async fn back_ends(dir: &Path) -> Result<(Arc<dyn Table>, Arc<dyn Shelf>), LogError> {
    let table = SqliteTable::open(&dir.join("log.sqlite3")).await?;
    let shelf = Directory::open(&dir.join("public"))?;
    Ok((Arc::new(table), Arc::new(shelf)))
}

/// Signs what is sequenced again and again, with both keys, until nothing comes any more.
fn sign_on(
    table: &Arc<dyn Table>,
    shelf: &Arc<dyn Shelf>,
    fence: Fence,
    wishes: Arc<Wishes>,
    mut sequenced: watch::Receiver<u64>,
) -> JoinHandle<anyhow::Result<Mark>> {
    let (table, shelf) = (Arc::clone(table), Arc::clone(shelf));
    tokio::spawn(async move {
        let key = |algorithm, key_type| {
            let secret = SecretKey::from_seed(algorithm, [7; 32]);
            NoteKey::new(secret, ORIGIN.parse()?, key_type).map_err(anyhow::Error::from)
        };
        let ed25519 = key(Algorithm::Ed25519, KeyType::Ed25519)?;
        let ml_dsa = key(Algorithm::MlDsa44, KeyType::CosignatureMlDsa44)?;
        let mut previous: Option<Mark> = None;
        loop {
            let ended = sequenced.changed().await.is_err();
            let Some(mark) = grown(&wishes, &mut sequenced).await else {
                return previous.ok_or_else(|| anyhow::anyhow!("nothing was signed"));
            };
            if previous != Some(mark) {
                let checkpoint = Checkpoint::new(ORIGIN.parse()?, mark.size, mark.root)?;
                let text = checkpoint.to_string();
                let lines = vec![
                    sign_checkpoint(&text, &ed25519)?,
                    cosign(&checkpoint, 1_700_000_000, &ml_dsa)?,
                ];
                let note = Note::new(text, lines)?.to_string();
                let next = SignedTree { mark, note };
                table.keep_signed(fence, previous, &next).await?;
                shelf.replace("checkpoint", next.note.into()).await?;
                previous = Some(mark);
            }
            if ended {
                return previous.ok_or_else(|| anyhow::anyhow!("nothing was signed"));
            }
            tokio::time::sleep(CHECKPOINT_EVERY).await;
        }
    })
}

/// The files of a checkpoint of about the newest size. The service holds the law while it asks; here
/// a size that was passed before the wish was seen is asked for again.
async fn grown(wishes: &Wishes, sequenced: &mut watch::Receiver<u64>) -> Option<Mark> {
    loop {
        let size = *sequenced.borrow_and_update();
        let wish = wishes.checkpoint(size);
        match tokio::time::timeout(WISH_PATIENCE, wish).await {
            Ok(Ok(granted)) => return Some(granted),
            // Nobody writes any more, and nobody grants.
            Ok(Err(_)) if sequenced.has_changed().is_err() => return None,
            _ => {}
        }
    }
}

/// What a start would find: every entry, and the root that was signed.
async fn check_restart(dir: &Path, signed: Mark, bytes: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let (table, shelf) = back_ends(dir).await?;
    table.lead().await?;
    let state = table.state().await?;
    ensure!(
        state
            .signed
            .as_ref()
            .is_some_and(|kept| kept.mark == signed)
    );
    let entries = Entries::new(table, shelf);
    let (mut growth, mut files) = (Growth::default(), Vec::new());
    let mut expected = vec![0x5a; bytes];
    while growth.size() < state.sequenced {
        let start = growth.size();
        let batch = entries.replay_from(start, &state).await?;
        for index in start..batch.end() {
            fill(&mut expected, index);
            ensure!(batch.get(index) == Some(&expected), "entry {index}");
        }
        growth.append(&batch, &mut files);
        files.clear();
    }
    ensure!(growth.mark() == signed, "the entries give another root");
    let seconds = began.elapsed().as_secs_f64();
    println!("read again from disk: every entry and the root are right ({seconds:.2} s)");
    Ok(())
}

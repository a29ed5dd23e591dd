//! What a replayed log needs in memory: the law keeps the statements that count.

use std::time::Instant;

use anyhow::ensure;
use law::{InForce, Opened};

use crate::Args;
use crate::machine::peak_mib;
use crate::roster::{ORIGIN, beat, center, founding};

pub fn run(args: &Args) -> anyhow::Result<()> {
    let count = args.number("entries", 100_000)?;
    let founding = founding()?;
    let mut law = InForce::replay(ORIGIN.parse()?, founding.digest());
    law.feed(0, &founding.to_bytes())?;
    let signer = center()?;
    let key = signer_key(&law)?;
    let before = peak_mib(None)?;
    let (mut bytes, mut verifying, mut feeding) = (0, 0.0, 0.0);
    for index in 1..=count {
        let entry = beat(index, 256, &signer)?;
        bytes += entry.len();
        let began = Instant::now();
        let mut opened = Opened::read(&entry)?;
        opened.verify(&key);
        verifying += began.elapsed().as_secs_f64();
        let began = Instant::now();
        let fed = law.feed_opened(index, opened)?;
        feeding += began.elapsed().as_secs_f64();
        ensure!(matches!(fed, law::Fed::Counts(_)), "{fed:?}");
    }
    let grown = (peak_mib(None)? - before) * 1024.0 * 1024.0;
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "{count} heartbeats of {} bytes as entries",
        bytes as u64 / count
    );
    println!(
        "reading and verifying {:.1} us, judging and feeding {:.1} us each",
        each(verifying),
        each(feeding)
    );
    println!(
        "memory of the law: {:.0} bytes an entry",
        grown / count as f64
    );
    Ok(())
}

fn signer_key(law: &InForce) -> anyhow::Result<[u8; 32]> {
    use statement::StatementSigner as _;
    let constitution = law.constitution();
    let id = center()?.key();
    let found = constitution.and_then(|found| found.find_key(id));
    let (_, key) = found.ok_or_else(|| anyhow::anyhow!("the center is not on the roster"))?;
    let raw = key.raw()?.try_into();
    raw.map_err(|_| anyhow::anyhow!("the key is not Ed25519"))
}

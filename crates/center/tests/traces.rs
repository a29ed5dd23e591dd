//! Where the plaintext of a sample is: in the memory of its child while it is looked at, and nowhere else.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::analysis::find;
use crate::kills::{Process, children_of};
use crate::world::{Owner, World, wait_for};

/// Nobody else's.
const PARTY: u32 = 18;
/// Bytes of one look into a process.
const PIECE_BYTES: u64 = 1 << 20;

/// Whether a process has these bytes anywhere in its memory. Nothing when it may not be looked into, or is gone.
fn remembers(pid: u32, bytes: &[u8]) -> Option<bool> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let regions = maps.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (first, last) = fields.next()?.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        let readable = fields.next()?.starts_with('r');
        Some((address(first)?, address(last)?)).filter(|_| readable)
    });
    let mut piece = vec![0; PIECE_BYTES as usize + bytes.len()];
    for (first, last) in regions {
        for at in (first..last).step_by(PIECE_BYTES as usize) {
            let count = usize::try_from(last - at).unwrap().min(piece.len());
            // Regions of the kernel cannot be read.
            let Ok(read) = memory.read_at(&mut piece[..count], at) else {
                break;
            };
            if piece[..read]
                .windows(bytes.len())
                .any(|found| found == bytes)
            {
                return Some(true);
            }
        }
    }
    Some(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_in_the_memory_of_its_child_and_nowhere_else() {
    let identity = sandbox::Identity::for_party(PARTY).unwrap();
    if !identity.is_dedicated() {
        // Only root may look into processes of another uid.
        eprintln!("not root: nothing was looked at");
        return;
    }
    let world = World::found().await;
    let cell = Process::start(&world, PARTY, "linger");
    let url = cell.url().await;
    let keys = world.epoch_keys(&url).await;
    // In no program and no file until now.
    let marker = format!("marker {} {}", std::process::id(), world.anchor).into_bytes();
    let file = [&marker[..], &vec![b'.'; 300_000], &marker].concat();
    let owner = Owner::of(&file, &keys, world.policy);
    owner.send(&url).await.unwrap();
    let child = wait_for("a child reads it", async || {
        let all = children_of(identity.uid());
        all.into_iter()
            .find(|&pid| remembers(pid, &marker) == Some(true))
    })
    .await;
    let others = children_of(identity.uid());
    assert!(others.len() > 2, "bubblewrap and the program that forks");
    for pid in others.into_iter().filter(|&pid| pid != child) {
        assert_eq!(remembers(pid, &marker), Some(false), "process {pid}");
    }
    assert_eq!(remembers(cell.child.id(), &marker), Some(false), "the cell");
    assert!(!find(world.path(), &marker), "plaintext was written");
    let limits = fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "no core dump of it is written");

    drop(cell);
    wait_for("its child goes with the cell", async || {
        children_of(identity.uid()).is_empty().then_some(())
    })
    .await;
    assert!(!find(world.path(), &marker), "plaintext was written");
    // The same search finds what is there.
    assert!(find(world.path(), &owner.ciphertext[1_000..1_040]));
}

//! A sample that takes over the program which looks at it. No scanner of ours has a hole that we know, so this one is
//! made: a program of children that obeys what a sample says. The cell, its sandbox and its verdicts are the real ones.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    Caught, Outcome,
    hand_sealed::{HandSealed, Target, Wrong},
    stage::Stage,
};

/// A home of its own: the cells of the example stay as they are.
const HOME: &str = "KR";
/// What a sample begins with that takes its program over.
const HOLE: &str = "take over and ";
/// The program with the hole, and less patience than a cell has for real.
const SETTINGS: &str = "worker_arguments = [\"demo\", \"--holed\"]\nworker_wall_ms = 1500\n";
const LETTER: &[u8] = b"Dear Mr Kim, it is Tuesday at ten.";

/// Be the program of a cell's children, with a hole: what a sample says is done, then it is called clean.
///
/// # Errors
/// The database cannot be loaded, or the kernel cannot confine the children.
pub fn attend_with_a_hole(database: Option<&Path>) -> Result<()> {
    let database = center::load_database(database)?;
    sandbox::attend(|order, ciphertext, mut report| {
        let mut sealed = Vec::new();
        // Without asking how long it is, which is a call of its own.
        if ciphertext.take(u64::MAX).read_to_end(&mut sealed).is_err() {
            return 1;
        }
        let text = center::open(order.chain(&*sealed)).unwrap_or_default();
        let text = String::from_utf8(text).unwrap_or_default();
        match text.strip_prefix(HOLE) {
            Some(what) => {
                obey(what);
                let clean = br#"{"outcome":"clean","score":0,"reasons":[]}"#;
                u8::from(report.write_all(clean).is_err())
            }
            None => u8::from(center::work(order.chain(&*sealed), report, &database).is_err()),
        }
    })?;
    Ok(())
}

fn obey(what: &str) {
    let (verb, object) = what.split_once(' ').unwrap_or((what, ""));
    match verb {
        "connect" => drop(TcpStream::connect(object)),
        "read" => drop(File::open(object)),
        "start" => drop(Command::new(object).spawn()),
        "fill" => {
            let mut memory: Vec<Vec<u8>> = Vec::new();
            loop {
                memory.push(vec![1; 1 << 20]);
            }
        }
        _ => loop {
            std::hint::spin_loop();
        },
    }
}

/// Each way out, one sample each; a letter beside them is judged by the same program.
pub(super) async fn escape(stage: &mut Stage) -> Result<Outcome> {
    let machines = stage.open_cells().await?;
    stage.world.start_cell(HOME, &machines, (SETTINGS, ""))?;
    let world = &stage.world;
    world.open_cell(HOME).await?;
    let target = Target::of(world, HOME).await?;
    let letter = HandSealed::of(LETTER, &target, Wrong::Nothing)?;
    letter.send(world, HOME).await??;
    let honest = letter.outcome(world, HOME).await?;

    let outside = TcpListener::bind("127.0.0.1:0").context("cannot listen for a sample")?;
    outside.set_nonblocking(true)?;
    let address = outside.local_addr()?;
    let mut told = Vec::new();
    let mut is_caught = true;
    for (what, ends) in [
        (format!("connect {address}"), &["died"][..]),
        ("read /database".to_owned(), &["died"]),
        ("start /child".to_owned(), &["died"]),
        ("fill memory".to_owned(), &["died", "memory"]),
        ("run for ever".to_owned(), &["time"]),
    ] {
        let sample = format!("{HOLE}{what}");
        let sample = HandSealed::of(sample.as_bytes(), &target, Wrong::Nothing)?;
        sample.send(world, HOME).await??;
        let end = sample.outcome(world, HOME).await?;
        is_caught &= ends.contains(&end.as_str());
        let verb = what.split(' ').next().unwrap_or_default();
        told.push(format!("{verb}: {end}"));
    }
    is_caught &= outside.accept().is_err();
    Ok(Outcome {
        honest: format!("a letter is judged {honest} by the same program"),
        caught: is_caught.then(|| Caught {
            code: "died".to_owned(),
            detail: told.join(", "),
        }),
    })
}

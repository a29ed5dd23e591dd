//! Tells scripts to the law or to the audit alone, in threads that say by their name which mutant is awake in them.
//!
//! `cargo xtask long mutants compare` gives the orders: in each line a thread's name, a side, whether it reads every entry
//! itself, and seeds, between tabs. Into the answers goes a line when one begins and a line with what came of it. What takes
//! too long cannot be stopped but by ending everything; the orders that are left are given again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::alone::{tell_audit, tell_law};
use crate::both::Seen;
use crate::script::{Script, written};
use crate::{reigns, tell};

/// Of the processor, in hundredths of a second.
const TICKS_MAX: u64 = 1500;

pub(crate) fn serve(orders: &str, answers: &str) {
    let orders = std::fs::read_to_string(orders).unwrap();
    let mut answers = std::fs::File::options()
        .append(true)
        .create(true)
        .open(answers)
        .unwrap();
    let mut scripts: BTreeMap<u64, [Arc<Script>; 2]> = BTreeMap::new();
    for order in orders.lines() {
        let [name, side, how, seeds] = order.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{order}");
        };
        let seeds = seeds.split(',').map(|seed| seed.parse().unwrap());
        let scripts: Vec<_> = seeds
            .flat_map(|seed| scripts.entry(seed).or_insert_with(|| write(seed)).clone())
            .collect();
        writeln!(answers, "{name}\tbegins").unwrap();
        let fate = one(name, (side == "law", how == "reads"), scripts);
        writeln!(answers, "{name}\t{fate}").unwrap();
        if fate == "late" {
            std::process::exit(3);
        }
    }
}

fn write(seed: u64) -> [Arc<Script>; 2] {
    let mut seen = Seen::default();
    let scripts = [
        written(|| tell::tell(seed, &mut seen)),
        written(|| reigns::tell(seed, &mut seen)),
    ];
    assert_eq!(seen.differences(), "");
    scripts.map(Arc::new)
}

/// Whether the two agree with this mutant awake.
fn one(name: &str, (is_law, reads): (bool, bool), scripts: Vec<Arc<Script>>) -> &'static str {
    let (done, told) = channel();
    let begun = ticks();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(move || {
        let agree = scripts.iter().all(|script| match is_law {
            true => tell_law(script, reads),
            false => tell_audit(script, reads),
        });
        done.send(agree).unwrap();
    });
    let thread = thread.unwrap();
    loop {
        match told.recv_timeout(Duration::from_millis(200)) {
            Ok(true) => break,
            Ok(false) => return "differs",
            Err(RecvTimeoutError::Disconnected) => return "panics",
            Err(RecvTimeoutError::Timeout) if ticks() - begun > TICKS_MAX => return "late",
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    thread.join().unwrap();
    "agrees"
}

/// What this process has used of the processor.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}

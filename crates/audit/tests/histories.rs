//! Two judgements, one history: whatever is left out, repeated, moved, forged, late or said twice, law and
//! audit say the same of every entry and at every gate, and the audit says it again later.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../law/tests/honest/mod.rs"]
mod honest;

#[path = "histories/alone.rs"]
mod alone;
#[path = "histories/ask.rs"]
mod ask;
#[path = "histories/beside.rs"]
mod beside;
#[path = "histories/both.rs"]
mod both;
#[path = "histories/deliver.rs"]
mod deliver;
#[path = "histories/dice.rs"]
mod dice;
#[path = "histories/excerpt.rs"]
mod excerpt;
#[path = "histories/extra.rs"]
mod extra;
#[path = "histories/homes.rs"]
mod homes;
#[path = "histories/looks.rs"]
mod looks;
#[path = "histories/mutants.rs"]
mod mutants;
#[path = "histories/question.rs"]
mod question;
#[path = "histories/reigns.rs"]
mod reigns;
#[path = "histories/script.rs"]
mod script;
#[path = "histories/state.rs"]
mod state;
#[path = "histories/tell.rs"]
mod tell;
#[path = "histories/twist.rs"]
mod twist;
#[path = "histories/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use both::Seen;

/// Everything that both can grant.
const GATES: [&str; 17] = [
    "entry",
    "approval",
    "approval beside",
    "release",
    "release beside",
    "released",
    "metadata",
    "published",
    "ring",
    "tuf root",
    "install",
    "residence",
    "epochs",
    "admission",
    "tools",
    "grant draft",
    "grant",
];

/// From here on a run is long, and every code has to be reached this often by both.
const LONG: u64 = 20_000;
const REACHED: u64 = 100;

/// What only one of the two can say: the audit takes whole logs and no bundles.
const ONE_SIDED: [&str; 1] = ["entry.not_included"];

/// Where files go is compared here too, but some of it seldom, and more in histories of its own (`judge/residence.rs`). What
/// stands in batches of receipts, verdicts and reanalyses is for owners and for the audit's findings: no gate asks for it. Files of
/// rules are a cell's own.
const ELSEWHERE: [&str; 9] = [
    "declaration.",
    "policy.",
    "epoch.",
    "receipts.",
    "verdicts.",
    "anomaly.",
    "erasure.",
    "reanalyses.",
    "tools.file",
];

/// How many histories, and from which seed; more in a long run.
fn wanted(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

/// Histories of these seeds, on every core. A long run counts every difference, a short one ends soon after the first.
fn tell_all(seeds: &[u64]) -> Seen {
    let count = seeds.len() as u64;
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let differs = AtomicBool::new(false);
    let differs = &differs;
    std::thread::scope(|scope| {
        let parts = (0..threads).map(|part| {
            scope.spawn(move || {
                let mut seen = Seen::default();
                let mine = (0..).zip(seeds).filter(|(at, _)| at % threads == part);
                for (_, seed) in mine {
                    if count < LONG && differs.load(Ordering::Relaxed) {
                        break;
                    }
                    tell::tell(*seed, &mut seen);
                    reigns::tell(*seed, &mut seen);
                    differs.fetch_or(!seen.differing.is_empty(), Ordering::Relaxed);
                }
                seen
            })
        });
        let parts: Vec<_> = parts.collect();
        let mut all = Seen::default();
        for part in parts {
            all.add(part.join().unwrap());
        }
        all
    })
}

#[test]
fn law_and_audit_agree_on_generated_histories() {
    if let Ok(orders) = std::env::var("LIMPID_MUTANTS_ORDERS") {
        let answers = std::env::var("LIMPID_MUTANTS_ANSWERS").unwrap();
        return mutants::serve(&orders, &answers);
    }
    let first = wanted("LIMPID_HISTORIES_FROM", 1);
    let count = wanted("LIMPID_HISTORIES", 60);
    let seeds: Vec<u64> = (first..first + count).collect();
    let seen = tell_all(&seeds);
    if let Ok(file) = std::env::var("LIMPID_HISTORIES_REPORT") {
        std::fs::write(file, seen.table(count)).unwrap();
    }
    let report = seen.differences();
    assert!(report.is_empty(), "{report}");
    for gate in GATES {
        let granted = seen.granted.get(gate).copied().unwrap_or(0);
        assert!(granted > 0, "{gate} is never granted");
    }
    let codes = law::Code::ALL.iter().map(|code| code.as_str());
    let codes: BTreeSet<_> = codes.chain(audit::judge::CODES.iter().copied()).collect();
    let rare: Vec<_> = codes
        .into_iter()
        .filter(|code| !ONE_SIDED.contains(code))
        .filter(|code| !ELSEWHERE.iter().any(|stem| code.starts_with(stem)))
        .filter(|code| {
            let [law, audit] = [&seen.law, &seen.audit].map(|m| m.get(*code).copied().unwrap_or(0));
            law.min(audit) < REACHED
        })
        .collect();
    assert!(count < LONG || rare.is_empty(), "too rare: {rare:?}");
}

/// What the search for mutants rests on: a script says to each side alone what the history said to both.
#[test]
fn a_history_that_was_written_down_is_told_again_to_each_alone() {
    for seed in [1, 2] {
        let scripts = [
            script::written(|| tell::tell(seed, &mut Seen::default())),
            script::written(|| reigns::tell(seed, &mut Seen::default())),
        ];
        for (script, reads) in scripts.iter().flat_map(|it| [(it, true), (it, false)]) {
            assert!(alone::tell_law(script, reads), "law, {seed}, {reads}");
            assert!(alone::tell_audit(script, reads), "audit, {seed}, {reads}");
        }
    }
}

/// Two provenances of the same artifacts, the first of them not committed to.
#[test]
fn a_history_that_once_told_them_apart_does_so_no_more() {
    let report = tell_all(&[18_744]).differences();
    assert!(report.is_empty(), "{report}");
}

//! Two judgements, one history: whatever is left out, repeated, moved, forged, late or said twice, law and
//! audit say the same of every entry and at every gate, and the audit says it again later.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../law/tests/honest/mod.rs"]
mod honest;

#[path = "histories/ask.rs"]
mod ask;
#[path = "histories/both.rs"]
mod both;
#[path = "histories/dice.rs"]
mod dice;
#[path = "histories/tell.rs"]
mod tell;
#[path = "histories/twist.rs"]
mod twist;
#[path = "histories/world.rs"]
mod world;

use both::Seen;

/// How many histories, and from which seed; more in a long run.
fn wanted(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn law_and_audit_agree_on_generated_histories() {
    let first = wanted("LIMPID_HISTORIES_FROM", 1);
    let count = wanted("LIMPID_HISTORIES", 60);
    let mut seen = Seen::default();
    for seed in first..first + count {
        tell::tell(seed, &mut seen);
    }
    let mut report = String::new();
    for ((question, law, audit), (times, seed, detail)) in &seen.differing {
        report += &format!(
            "{question}: law {law}, audit {audit}: {times} times, first in history {seed}\n    {detail}\n"
        );
    }
    let counts = |codes: &std::collections::BTreeMap<String, u64>| {
        let counts = codes
            .iter()
            .map(|(code, times)| format!("  {times:>8} {code}\n"));
        counts.collect::<String>()
    };
    let [law, audit] = [counts(&seen.law), counts(&seen.audit)];
    let shown = format!("granted: {:?}\nlaw:\n{law}audit:\n{audit}", seen.granted);
    if let Ok(file) = std::env::var("LIMPID_HISTORIES_REPORT") {
        std::fs::write(file, &shown).unwrap();
    }
    assert!(report.is_empty(), "{report}");
    for gate in [
        "entry",
        "approval",
        "release",
        "released",
        "metadata",
        "published",
        "tuf root",
        "install",
    ] {
        assert!(
            seen.granted.get(gate).is_some_and(|times| *times > 0),
            "{gate} is never granted"
        );
    }
}

//! How much a cell takes in and analyses, beside how fast this machine can copy and sync the same bytes.
//!
//! ```text
//! cargo bench -p limpid-center --bench custody              all of it, some ten minutes
//! cargo bench -p limpid-center --bench custody -- intake    one of: intake, analysis, waiting, day
//! ```
//!
//! Everything is real: log, two witnesses, sealing, HTTP on loopback, synced files, sandboxes. Owners, cell, log and
//! witnesses share the cores. What is measured and what came out: `bench/custody/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod analysis;
mod day;
mod intake;
mod load;
mod waiting;
#[path = "../../tests/world/mod.rs"]
mod world;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == load::ATTEND) {
        // In the sandbox: before any thread starts.
        let at = arguments
            .iter()
            .position(|argument| argument == "--database");
        let database = at
            .and_then(|at| arguments.get(at + 1))
            .map(std::path::Path::new);
        let database = center::load_database(database).unwrap();
        center::attend(&database).unwrap();
        return;
    }
    let wants = |name: &str| {
        let named = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'));
        let named: Vec<_> = named.collect();
        named.is_empty() || named.iter().any(|argument| *argument == name)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        if wants("intake") {
            intake::run().await;
        }
        if wants("analysis") {
            analysis::run().await;
        }
        if wants("waiting") {
            waiting::run().await;
        }
        if wants("day") {
            day::run().await;
        }
    });
}

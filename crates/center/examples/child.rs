//! The child of the tests: what `limpid center work` is, in a program of its own. `die` and `sleep` before it
//! stand for a sample that takes its worker down.
#![allow(missing_docs)]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("die") => std::process::abort(),
        Some("sleep") => std::thread::sleep(std::time::Duration::from_secs(600)),
        _ => {}
    }
    let at = arguments
        .iter()
        .position(|argument| argument == "--database");
    let dir = at.and_then(|at| arguments.get(at + 1)).map(Path::new);
    let Ok(database) = center::load_database(dir) else {
        return ExitCode::FAILURE;
    };
    let (input, report) = (std::io::stdin().lock(), std::io::stdout().lock());
    match center::work(input, report, &database) {
        Ok(()) => ExitCode::SUCCESS,
        Err(center::ChildError::Unopened(_)) => ExitCode::from(center::UNOPENED),
        Err(_) => ExitCode::FAILURE,
    }
}

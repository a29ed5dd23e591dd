//! The program of the tests: what `limpid endpoint look` is, in a program of its own. Words before its other arguments
//! stand for a file that took its child over.
#![allow(missing_docs)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let at = arguments
        .iter()
        .position(|argument| argument == "--database");
    let dir = at.and_then(|at| arguments.get(at + 1)).map(Path::new);
    let database = match scanner::load_database(dir) {
        Ok(database) => database,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match arguments.first().map(String::as_str) {
        Some("endless") => sandbox::attend(|_, _, _| {
            loop {
                std::hint::spin_loop();
            }
        }),
        Some("dies") => sandbox::attend(|_, _, _| std::process::abort()),
        Some("says") => sandbox::attend(|order, file, answer| say(order, file, answer, &arguments)),
        _ => endpoint::sharing::attend(&database),
    };
    done.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Says what it was told to say of any file, and gives back all of it for any member.
fn say(order: &[u8], file: std::fs::File, mut answer: std::fs::File, arguments: &[String]) -> u8 {
    let mut bytes = Vec::new();
    if order == b"look" {
        bytes = arguments.get(1).cloned().unwrap_or_default().into_bytes();
    } else if file.take(u64::MAX).read_to_end(&mut bytes).is_err() {
        return 1;
    }
    answer.write_all(&bytes).map_or(1, |()| 0)
}

//! The program of the tests: what `limpid center work` is, in a program of its own. `die` and `endless` before its
//! other arguments stand for a sample that takes its child down, `curious` for one that looks around, `linger` for one that
//! is looked at for ever.
#![allow(missing_docs)]

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let at = arguments
        .iter()
        .position(|argument| argument == "--database");
    let dir = at.and_then(|at| arguments.get(at + 1)).map(Path::new);
    let Ok(database) = center::load_database(dir) else {
        return ExitCode::FAILURE;
    };
    let done = match arguments.first().map(String::as_str) {
        Some("die") => sandbox::attend(|_, _, _| std::process::abort()),
        Some("endless") => sandbox::attend(|_, _, _| {
            loop {
                std::hint::spin_loop();
            }
        }),
        // Scans first, so that only what it does besides is held against it.
        Some("curious") => sandbox::attend(|order, ciphertext, report| {
            let worked = center::work(order.chain(ciphertext), report, &database);
            drop(std::net::TcpStream::connect(("127.0.0.1", 1)));
            u8::from(worked.is_err())
        }),
        Some("linger") => sandbox::attend(|order, ciphertext, _| {
            let worked = center::work(order.chain(ciphertext), Linger, &database);
            u8::from(worked.is_err())
        }),
        _ => center::attend(&database),
    };
    done.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Takes no report: the scan is done, and the sample still in memory.
struct Linger;

impl std::io::Write for Linger {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        loop {
            std::hint::spin_loop();
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

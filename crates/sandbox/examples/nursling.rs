//! The program of the tests: in each child it does what the order says, as code would that a sample brought in.
#![allow(missing_docs)]

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

/// What was loaded before the first order, and what each child changes for itself.
static LOADED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "broken") {
        eprintln!("the rules do not compile");
        return ExitCode::from(7);
    }
    LOADED.store(b'a', std::sync::atomic::Ordering::SeqCst);
    match sandbox::attend(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work(order: &[u8], mut input: File, mut output: File) -> u8 {
    let order = std::str::from_utf8(order).unwrap_or_default();
    let (verb, argument) = order.split_once(' ').unwrap_or((order, ""));
    match verb {
        "copy" => {
            let mut bytes = Vec::new();
            // Without asking how long it is: that is another call.
            if (&mut input).take(u64::MAX).read_to_end(&mut bytes).is_err() {
                return 1;
            }
            output.write_all(&bytes).map_or(1, |()| 0)
        }
        "count" => {
            let loaded = LOADED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            output.write_all(&[loaded]).map_or(1, |()| 0)
        }
        "code" => argument.parse().unwrap_or(1),
        "read-stdin" => {
            // Where the next order would come.
            let mut bytes = Vec::new();
            let read = std::io::stdin()
                .lock()
                .take(1 << 20)
                .read_to_end(&mut bytes);
            output
                .write_all(format!("{read:?}").as_bytes())
                .map_or(1, |()| 0)
        }
        "say-much" => {
            let much = [b'x'; 1 << 16];
            while output.write_all(&much).is_ok() {}
            1
        }
        "print-much" => {
            let much = [b'x'; 1 << 16];
            for _ in 0..64 {
                drop(std::io::stderr().write_all(&much));
                drop(std::io::stdout().write_all(&much));
            }
            0
        }
        "memory" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 1 << 20]);
            }
        }
        "endless" => loop {
            std::hint::spin_loop();
        },
        other => attack(other, argument),
    }
}

/// Whatever this returns, the call should never have come back.
fn attack(verb: &str, argument: &str) -> u8 {
    let done = match verb {
        "open" => File::open(argument).is_ok(),
        "connect" => std::net::TcpStream::connect(argument).is_ok(),
        "thread" => std::thread::Builder::new().spawn(|| {}).is_ok(),
        "start" => std::process::Command::new(argument).spawn().is_ok(),
        "kill" => {
            let parent = rustix::process::getppid();
            parent.is_some_and(|parent| {
                rustix::process::kill_process(parent, rustix::process::Signal::KILL).is_ok()
            })
        }
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_millis(1));
            true
        }
        _ => false,
    };
    100 + u8::from(done)
}

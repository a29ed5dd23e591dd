//! `truename FILE...`: what files really are, and whether their names admit it.
//!
//! The story: [`args`] reads the command line, [`walk`] lists the files, [`sample`] reads a
//! few bytes of each, [`detect`] names the content, [`name`] compares that with the file's
//! name ([`lures`] with known bait, [`polyglot`] asks whether it is two things at once),
//! [`report`] prints. Exit code: 0 fine, 1 a warning was found, 2 an error happened.

mod args;
mod detect;
mod kind;
mod lures;
mod name;
mod polyglot;
mod report;
mod sample;
mod walk;
mod zip;

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use args::{Command, Options};
use lures::Lures;
use report::Outcome;

const FINE: u8 = 0;
const WARNED: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let code = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => say(&mut out, args::HELP),
        Ok(Command::Version) => say(
            &mut out,
            concat!("truename ", env!("CARGO_PKG_VERSION"), "\n"),
        ),
        Ok(Command::Run(options)) => run(&options, &mut out),
        Err(problem) => {
            eprintln!("truename: {problem}\nTry 'truename --help'.");
            FAILED
        }
    };
    // A reader that went away (`truename -r / | head`) is not an error of ours.
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::from(code),
    }
}

fn say(out: &mut impl Write, text: &str) -> u8 {
    match out.write_all(text.as_bytes()) {
        Ok(()) => FINE,
        Err(_) => FAILED,
    }
}

/// Looks at every file named by the options; returns the exit code.
fn run(options: &Options, out: &mut impl Write) -> u8 {
    let lures = match options.lures.as_deref().map(Lures::load).transpose() {
        Ok(lures) => lures.unwrap_or_default(),
        Err(problem) => {
            eprintln!("truename: {problem}");
            return FAILED;
        }
    };
    let mut code = FINE;
    for item in walk::files(&options.paths, options.recursive) {
        let (path, outcome) = match item {
            Ok(path) => {
                let outcome = look_at(&path, &lures);
                (path, outcome)
            }
            Err((path, problem)) => (path, Outcome::Unreadable(problem)),
        };
        code = code.max(match &outcome {
            Outcome::Unreadable(_) => FAILED,
            Outcome::Seen { warnings, .. } if !warnings.is_empty() => WARNED,
            Outcome::Seen { .. } => FINE,
        });
        if report::print(out, &path, &outcome, options.json).is_err() {
            break;
        }
    }
    code
}

fn look_at(path: &Path, lures: &Lures) -> Outcome {
    let sample = match sample::read(path) {
        Ok(sample) => sample,
        Err(problem) => return Outcome::Unreadable(problem.to_string()),
    };
    let content = detect::detect(&sample);
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut warnings = name::inspect(&file_name, content.kind);
    warnings.extend(polyglot::inspect(&sample, content.kind));
    warnings.extend(lures.inspect(&file_name));
    Outcome::Seen { content, warnings }
}

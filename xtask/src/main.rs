//! The project's own commands.
//!
//! ```text
//! cargo xtask check [NAME...]   what must be true of the tree: style, floors, sizes, licences, docs
//! cargo xtask test              installs the Debian packages the tests need, builds once, runs all
//! cargo xtask long NAME         what takes hours; the last result is kept in docs/evidence/
//! ```
//!
//! Exit status: 0 all true, 1 something is not, 2 this machine lacks something (the remedy is printed).
//!
//! In scope: judging the tree and running other people's tools over it. Out of scope: anything
//! the product does; no crate of the product depends on this one, and it depends on none of them.
#![allow(clippy::print_stdout, reason = "a command line is the edge")]

mod cargo;
mod check;
mod evidence;
mod house;
mod lexer;
mod long;
mod modules;
mod paths;
mod problem;
mod test;
mod tokens;

use std::process::ExitCode;

const USAGE: &str = "\
The project's own commands.

  cargo xtask check [NAME...]   all checks of the tree, or only the named ones
  cargo xtask check --list      names the checks and what each claims
  cargo xtask test              installs what the tests need, builds once, runs all tests
  cargo xtask long NAME         one of: mutants [again] [PART]..., fuzz [SECONDS], garage,
                                histories [COUNT], kills [COUNT], powercuts [COUNT],
                                sim [SEEDS], demo-times [RUNS], environments, projects,
                                vectors
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check", names @ ..] => check::run(names),
        ["test"] => test::run(),
        ["long", name, rest @ ..] => long::run(name, rest),
        _ => {
            print!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

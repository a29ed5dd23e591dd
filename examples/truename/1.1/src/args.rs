//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Says what files really are, and warns when the name says otherwise.

Usage: truename [OPTIONS] FILE...

Options:
  -r, --recursive  look into directories (symbolic links are not followed)
      --lures FILE compare names with a rule database of known bait
      --json       print one JSON object per file and line
  -V, --version    print the version
  -h, --help       print this text

Exit code: 0 fine, 1 at least one warning, 2 something could not be read.
";

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Help,
    Version,
    Run(Options),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub recursive: bool,
    pub json: bool,
    pub lures: Option<PathBuf>,
    pub paths: Vec<PathBuf>,
}

/// Reads the arguments after the program's name. Everything after `--` is a path.
pub fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut only_paths = false;
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if only_paths || !text.starts_with('-') || text == "-" {
            options.paths.push(argument.into());
            continue;
        }
        match text.as_ref() {
            "--" => only_paths = true,
            "-r" | "--recursive" => options.recursive = true,
            "--json" => options.json = true,
            "--lures" => {
                let file = arguments.next().ok_or("--lures needs a file")?;
                options.lures = Some(file.into());
            }
            "-V" | "--version" => return Ok(Command::Version),
            "-h" | "--help" => return Ok(Command::Help),
            other => return Err(format!("unknown option '{}'", other.escape_debug())),
        }
    }
    if options.paths.is_empty() {
        return Err("no file was named".to_owned());
    }
    Ok(Command::Run(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_all(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_and_paths_may_be_mixed() {
        let Ok(Command::Run(options)) = parse_all(&["a", "-r", "--json", "--", "-b"]) else {
            panic!("should run");
        };
        assert!(options.recursive && options.json);
        assert_eq!(options.paths, [PathBuf::from("a"), PathBuf::from("-b")]);
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(parse_all(&["--jason", "a"])
            .unwrap_err()
            .contains("--jason"));
    }

    #[test]
    fn the_rule_database_is_the_next_argument() {
        let Ok(Command::Run(options)) = parse_all(&["--lures", "lures.db", "a"]) else {
            panic!("should run");
        };
        assert_eq!(options.lures, Some(PathBuf::from("lures.db")));
        assert!(parse_all(&["a", "--lures"]).is_err());
    }

    #[test]
    fn no_file_is_a_mistake() {
        assert!(parse_all(&["-r"]).is_err());
    }

    #[test]
    fn version_and_help_win_over_files() {
        assert_eq!(parse_all(&["a", "--version"]), Ok(Command::Version));
        assert_eq!(parse_all(&["-h"]), Ok(Command::Help));
    }
}

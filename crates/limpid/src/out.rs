//! The one place that prints. People get text, machines get one JSON value per result.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

/// Output for people fits a terminal of this width.
const COLUMNS: usize = 80;

/// The result itself says that something was refused; there is nothing to add but the exit status.
#[derive(Debug)]
pub(crate) struct AlreadyTold;

impl std::fmt::Display for AlreadyTold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused, as the result says")
    }
}

impl std::error::Error for AlreadyTold {}

/// The result itself says it all; the process ends with this status.
#[derive(Debug)]
pub(crate) struct Status(pub(crate) u8);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("as the result says")
    }
}

impl std::error::Error for Status {}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    /// Text, or JSON for machines.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are for machines.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: text for people, value for machines.
    pub(crate) fn result(self, text: &str, value: &Value) {
        if self.json {
            line(&value.to_string());
        } else {
            line(text.trim_end());
        }
    }

    /// Prints one of many results.
    ///
    /// # Errors
    /// Nobody reads them any more; then whoever makes them can stop.
    pub(crate) fn one_of_many(self, text: &str, value: &Value) -> std::io::Result<()> {
        if self.json {
            writeln!(std::io::stdout(), "{value}")
        } else {
            writeln!(std::io::stdout(), "{text}")
        }
    }

    /// Prints progress, for people only.
    pub(crate) fn progress(self, line: &str) {
        if !self.json {
            self::line(line);
        }
    }

    /// Prints a line of progress below a heading, folded to 80 columns.
    pub(crate) fn folded(self, indent: usize, line: &str) {
        for line in fold(indent, line) {
            self.progress(&line);
        }
    }

    /// Prints an error with its causes and returns the exit status.
    pub(crate) fn failed(self, error: &anyhow::Error) -> ExitCode {
        if error.is::<AlreadyTold>() {
            return ExitCode::from(1);
        }
        if let Some(Status(status)) = error.downcast_ref() {
            return ExitCode::from(*status);
        }
        let code = code_of(error);
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        if self.json {
            line(&json!({"error": causes[0], "causes": causes[1..], "code": code}).to_string());
        } else {
            let mut text = format!("limpid: {}", causes[0]);
            for cause in &causes[1..] {
                text += &format!("\n  because: {cause}");
            }
            if let Some(code) = &code {
                text += &format!("\n  check: {code}");
            }
            eprintln!("{text}");
        }
        // An audit that cannot read a place has judged nothing, whatever the place answered.
        let unjudged = error.chain().any(|cause| cause.is::<audit::AuditError>());
        ExitCode::from(if code.is_some() && !unjudged { 1 } else { 2 })
    }
}

/// Prints a line. A reader that has seen enough and closed the pipe takes nothing from what is done
/// and from the exit status; results that cannot be written anywhere else are an error.
fn line(text: &str) {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("limpid: standard output cannot be written: {error}");
            std::process::exit(2);
        }
        _ => {}
    }
}

/// The code of the check that refused, wherever it is in the chain of causes.
fn code_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        cause
            .downcast_ref::<law::Refusal>()
            .map(|refusal| refusal.code().to_string())
            .or_else(|| {
                cause
                    .downcast_ref::<endpoint::EndpointError>()
                    .and_then(refusal_of_endpoint)
            })
            .or_else(|| {
                let sharing = cause.downcast_ref::<endpoint::sharing::SharingError>()?;
                (sharing.exit_code() == 1).then(|| sharing.code().to_owned())
            })
            .or_else(|| {
                let client = cause.downcast_ref::<serve::ClientError>();
                client.and_then(|error| error.code().map(str::to_owned))
            })
    })
}

/// Codes of I/O are no checks, and neither are those of a wrong command.
fn refusal_of_endpoint(error: &endpoint::EndpointError) -> Option<String> {
    use endpoint::EndpointError::{NoFault, Places, Reason};
    if matches!(error, NoFault { .. } | Places { .. } | Reason) {
        return None;
    }
    let code = error.code();
    (!code.starts_with("io") && !code.starts_with("http")).then(|| code.to_owned())
}

/// Breaks a line at spaces so that each part fits; continuations are indented by two more.
pub(crate) fn fold(indent: usize, line: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut margin = indent;
    let mut rest = line;
    loop {
        let end = rest.char_indices().nth(COLUMNS - margin);
        let own = rest.len() - rest.trim_start().len();
        let space = end.and_then(|(end, next)| {
            rest[own..end + next.len_utf8()]
                .rfind(' ')
                .map(|at| own + at)
        });
        let Some(space) = space else {
            parts.push(format!("{:margin$}{rest}", ""));
            return parts;
        };
        parts.push(format!("{:margin$}{}", "", rest[..space].trim_end()));
        rest = rest[space..].trim_start();
        margin = indent + own + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn long_lines_are_folded_at_spaces_and_short_ones_stay() {
        assert_eq!(fold(6, "short  line"), ["      short  line"]);
        let folded = fold(6, &"word ".repeat(30));
        assert!(folded.len() > 1);
        assert!(
            folded.iter().all(|line| line.chars().count() <= 80),
            "{folded:?}"
        );
        assert!(folded[1].starts_with("        word"));
    }

    #[test]
    fn a_word_that_fits_nowhere_is_left_whole() {
        let digest = "a".repeat(90);
        assert_eq!(fold(6, &digest), [format!("      {digest}")]);
    }

    #[test]
    fn folding_never_cuts_inside_a_character() {
        assert!(
            fold(6, &"ä ö ü ".repeat(40))
                .iter()
                .all(|line| line.chars().count() <= 80)
        );
    }
}

//! Logs go to standard error, so that standard output stays for results.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::ServeError;

/// Starts logging to standard error at `level`: `error`, `warn`, `info`, `debug`, `trace`, or a
/// filter such as `info,log=debug`. A second call changes nothing.
///
/// # Errors
/// [`ServeError::LogLevel`].
pub fn init_tracing(level: &str) -> Result<(), ServeError> {
    let bad = || ServeError::LogLevel {
        given: level.chars().take(200).collect(),
    };
    if level.is_empty() {
        return Err(bad());
    }
    let filter = EnvFilter::try_new(level).map_err(|_| bad())?;
    // Fails when logging is on already, which is what was asked for.
    let _already = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}

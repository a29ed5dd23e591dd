//! A daemon of the demonstration: one process of this very binary, found by the file it writes when it listens.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a daemon may take to stop after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How often its state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// In its directory, a daemon that confined itself says in this file how well the kernel holds it.
pub const CONFINEMENT_FILE: &str = "confinement";

/// A running daemon; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    child: Child,
    url: String,
    url_file: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts `limpid <args>` and waits until it has written its address to `url_file`.
    ///
    /// # Errors
    /// When it cannot be started, stops at once, or does not listen in time; the message ends with the
    /// last lines that it printed.
    pub fn start(
        limpid: &Path,
        name: &str,
        args: &[&str],
        url_file: &Path,
        log: &Path,
    ) -> Result<Self> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let mut daemon = Self {
            name: name.to_owned(),
            child: spawn(limpid, name, &args, url_file, log)?,
            program: limpid.to_owned(),
            args,
            url: String::new(),
            url_file: url_file.to_owned(),
            log: log.to_owned(),
        };
        daemon.wait_for_url()?;
        Ok(daemon)
    }

    /// Ends it with SIGKILL, as a failing machine would: no word of farewell.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot kill {}", self.name))?;
        Ok(())
    }

    /// Starts it again after it was killed, with the same arguments, and waits until it listens.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.child = spawn(
            &self.program,
            &self.name,
            &self.args,
            &self.url_file,
            &self.log,
        )?;
        self.wait_for_url()
    }

    fn wait_for_url(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Ok(url) = fs::read_to_string(&self.url_file) {
                url.trim().clone_into(&mut self.url);
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} stopped at once ({status}):\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            if started.elapsed() > START_MAX {
                bail!(
                    "{} does not listen after {START_MAX:?}:\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it listens, for example `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How well the kernel holds it to its own directory, in its own words; `None` if it did not confine itself.
    ///
    /// # Errors
    /// What it wrote cannot be read.
    pub fn confinement(&self) -> Result<Option<String>> {
        let file = self.url_file.with_file_name(CONFINEMENT_FILE);
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text.trim_end().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it printed.
    pub fn last_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(12).collect();
        lines
            .into_iter()
            .rev()
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    /// Whether it has stopped by itself, and how.
    pub fn has_stopped(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop and waits; kills it when it does not.
    pub fn stop(&mut self) {
        let asked = rustix::process::Pid::from_raw(self.child.id().cast_signed())
            .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let started = Instant::now();
        while matches!(asked, Some(Ok(()))) && started.elapsed() < STOP_MAX {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Already gone is what we want; anything else cannot be helped here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    program: &Path,
    name: &str,
    args: &[String],
    url_file: &Path,
    log: &Path,
) -> Result<Child> {
    // What an earlier one said of itself.
    for left in [url_file, &url_file.with_file_name(CONFINEMENT_FILE)] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", left.display()));
            }
            _ => {}
        }
    }
    let output = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

//! Measures a log: `engine`, `service`, `latency`, `law`. See README.md for what and how.

mod bare;
mod connection;
mod engine;
mod far;
mod latency;
mod law_memory;
mod load;
mod machine;
mod roster;
mod service;

use std::process::ExitCode;

use anyhow::{Context as _, bail};

const HELP: &str = "\
usage: limpid-bench-log engine  [entries=1000000] [bytes=1024] [batch=1024] [dir=PATH]
       limpid-bench-log service [seconds=60] [calls=single|batch] [connections=64] [size=256] [dir=PATH]
       limpid-bench-log latency [rate=1000] [seconds=30] [warm_up=5] [singles=100] [round_trip_ms=150]
                                [only=1|2|3] [dir=PATH]
       limpid-bench-log law     [entries=100000]
       limpid-bench-log machine
";

/// Arguments of the form `name=value`.
pub struct Args(Vec<(String, String)>);

impl Args {
    fn number(&self, name: &str, default: u64) -> anyhow::Result<u64> {
        match self.text(name) {
            None => Ok(default),
            Some(value) => value.parse().with_context(|| format!("{name}={value}")),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}\n\n{HELP}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut given = std::env::args().skip(1);
    let what = given.next().unwrap_or_default();
    let split = |arg: String| -> anyhow::Result<(String, String)> {
        let (name, value) = arg.split_once('=').context("arguments are name=value")?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let args = Args(given.map(split).collect::<anyhow::Result<_>>()?);
    match what.as_str() {
        "engine" => engine::run(&args).await,
        "service" => service::run(&args).await,
        "latency" => latency::run(&args).await,
        // The processes that these measure.
        "serve" => service::serve(&args).await,
        "witness" => service::witness(&args).await,
        "bare" => bare::serve(&args).await,
        "law" => law_memory::run(&args),
        "machine" => machine::show(),
        other => bail!("`{other}` is nothing to measure"),
    }
}

//! The rebuilder as a daemon: rounds and `/healthz` side by side, until told to stop.

use axum::Router;
use serve::ReadyFile;

use super::config::RebuilderConfig;
use super::error::{RoomError, with_causes};
use super::rebuilder::Rebuilder;
use super::step::{Progress, Step};
use super::workshop::Clock;

/// Follows the log and answers every `source` with a `rebuild`, one build at a time, until `shutdown` completes or a
/// stop signal arrives. Its address is in the file `url` of its directory while it listens. A round that fails
/// is told and tried again.
///
/// It stops at once, also during a build: stopping is no different from being killed, and the next start goes on. The
/// sandbox itself ends with this process, so whoever owns the runtime should not wait for its blocking threads.
///
/// # Errors
/// Another process works in the directory, a key cannot be read, the sandbox refuses this machine, or the address
/// is taken.
pub async fn watch(
    config: RebuilderConfig,
    progress: Progress<'_>,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RoomError> {
    let rebuilder = Rebuilder::open(&config, progress, clock)?;
    ReadyFile::clear(&config.dir)?;
    let listener = serve::bind(config.server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &serve::bound_url(&listener)?)?;
    let served = serve::run(listener, Router::new(), &config.server, shutdown);
    tokio::select! {
        served = served => Ok(served?),
        never = run_rounds(rebuilder) => match never {},
    }
}

async fn run_rounds(mut rebuilder: Rebuilder<'_>) -> std::convert::Infallible {
    let mut last = String::new();
    loop {
        let pause = rebuilder.workshop.poll();
        match rebuilder.round().await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(pause).await,
            Err(error) => {
                let why = with_causes(&error);
                if why != last {
                    rebuilder.workshop.tell(Step::Trouble {
                        build: None,
                        why: why.clone(),
                    });
                    last = why;
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

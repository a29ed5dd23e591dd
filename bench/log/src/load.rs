//! Submitting at a rate that does not depend on the answers, or one at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::connection::{Answer, Connection};

/// What became of a call.
pub struct Sample {
    /// Which of the bodies it was.
    pub number: usize,
    /// From the moment it was due, so that a server that holds up the client is not flattered.
    pub took: Duration,
    pub answer: Answer,
}

/// A connection that rested longer is not used again: the server may be closing it.
const REST_MAX: Duration = Duration::from_secs(5);

/// Connections that nobody uses now, and since when.
#[derive(Default)]
struct Pool(Mutex<VecDeque<(Connection, Instant)>>);

impl Pool {
    async fn call(&self, address: &str, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let idle = self.lock().pop_back();
        let mut line = match idle {
            Some((line, since)) if since.elapsed() < REST_MAX => line,
            _ => Connection::open(address).await?,
        };
        let answer = line.call(path, body).await?;
        self.lock().push_back((line, Instant::now()));
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Connection, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls once for each body, so many a second, whatever is answered when.
pub async fn steadily(
    address: &str,
    path: &'static str,
    bodies: &Arc<Vec<Vec<u8>>>,
    rate: u64,
) -> anyhow::Result<Vec<Sample>> {
    let pool = Arc::new(Pool::default());
    let mut calls = JoinSet::new();
    let began = Instant::now() + Duration::from_millis(50);
    for number in 0..bodies.len() {
        let due = began + Duration::from_secs(number as u64) / u32::try_from(rate)?;
        sleep_until(due).await;
        let (pool, bodies, address) = (Arc::clone(&pool), Arc::clone(bodies), address.to_owned());
        calls.spawn(async move {
            let answer = pool.call(&address, path, &bodies[number]).await?;
            let took = due.elapsed();
            anyhow::Ok(Sample {
                number,
                took,
                answer,
            })
        });
    }
    let mut samples = Vec::with_capacity(bodies.len());
    while let Some(done) = calls.join_next().await {
        samples.push(done.context("a call")??);
    }
    samples.sort_by_key(|sample| sample.number);
    Ok(samples)
}

/// Calls once for each body, each after the answer to the one before and a rest.
pub async fn one_by_one(
    address: &str,
    path: &str,
    bodies: &[Vec<u8>],
    rest: Duration,
) -> anyhow::Result<Vec<Sample>> {
    let mut line = Connection::open(address).await?;
    let mut samples = Vec::with_capacity(bodies.len());
    for (number, body) in bodies.iter().enumerate() {
        sleep(rest).await;
        let began = Instant::now();
        let answer = line.call(path, body).await?;
        let took = began.elapsed();
        samples.push(Sample {
            number,
            took,
            answer,
        });
    }
    Ok(samples)
}

//! Witnesses that are far away, or dead.
//!
//! A far one is reached through a relay on this machine that holds back every byte for half a round trip
//! each way. A new connection costs one round trip more, as TCP's handshake does.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How a witness is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// It takes connections and never answers.
    Silent,
    /// Nobody listens there.
    Refused,
}

/// An address behind which `to` is so far away.
pub async fn relay(to: SocketAddr, round_trip: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Either side may hang up; then the other one sees it.
                drop(connect(near, to, round_trip).await);
            });
        }
    });
    Ok(address)
}

async fn connect(near: TcpStream, to: SocketAddr, round_trip: Duration) -> std::io::Result<()> {
    let open_at = Instant::now() + round_trip;
    let far = TcpStream::connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = carry(near_in, far_out, open_at, round_trip / 2);
    let back = carry(far_in, near_out, open_at, round_trip / 2);
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

/// Carries bytes so that each arrives `late` after it was sent, and none was sent before `open_at`.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    open_at: Instant,
    late: Duration,
) -> std::io::Result<()> {
    let (send, mut held) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let read = async move {
        loop {
            let mut bytes = Vec::with_capacity(64 * 1024);
            if from.read_buf(&mut bytes).await? == 0 {
                return Ok::<(), std::io::Error>(());
            }
            let due = Instant::now().max(open_at) + late;
            if send.send((due, bytes)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = held.recv().await {
            sleep_until(due).await;
            to.write_all(&bytes).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let (read, written) = tokio::join!(read, write);
    read.and(written)
}

/// The address of a dead witness.
pub async fn dead(how: Dead) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    if how == Dead::Silent {
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
    }
    Ok(address)
}

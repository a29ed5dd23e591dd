//! The least that any durable service needs: an HTTP round trip and one `fdatasync` for all that
//! wait. What a log takes beyond this is its own.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::Args;
use crate::connection::whole;

type Wish = (Vec<u8>, oneshot::Sender<()>);

/// Serves in `dir=` until it is killed.
pub async fn serve(args: &Args) -> anyhow::Result<()> {
    let dir = Path::new(args.text("dir").context("dir=")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (wish, wishes) = mpsc::channel(4096);
    tokio::spawn(keep(File::create(dir.join("kept"))?, wishes));
    let _ready = serve::ReadyFile::write(dir, &serve::bound_url(&listener)?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let wish = wish.clone();
        tokio::spawn(async move {
            // The client hangs up at the end.
            drop(answer(stream, wish).await);
        });
    }
}

async fn answer(mut stream: TcpStream, wish: mpsc::Sender<Wish>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        if let Some((head, end)) = whole(&request)? {
            let (done, kept) = oneshot::channel();
            wish.send((request[head..end].to_vec(), done)).await?;
            request.drain(..end);
            kept.await?;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nkept\n")
                .await?;
        } else if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
}

/// Makes what waits durable, again and again.
async fn keep(mut file: File, mut wishes: mpsc::Receiver<Wish>) -> anyhow::Result<()> {
    let mut waiting = Vec::new();
    while wishes.recv_many(&mut waiting, 4096).await > 0 {
        let (bytes, told): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        file = tokio::task::spawn_blocking(move || {
            file.write_all(&bytes.concat())?;
            file.sync_data()?;
            anyhow::Ok(file)
        })
        .await??;
        for told in told {
            // Nobody is there any more if the client hung up.
            told.send(()).ok();
        }
    }
    Ok(())
}

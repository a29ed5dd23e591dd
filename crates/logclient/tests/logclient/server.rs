//! A web server of a few lines over a directory, which can be told to misbehave.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// How a file is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Never: the connection stays open.
    Silence,
    /// The head, some bytes, and then nothing more.
    Stall,
    /// 503 so many times, then the file.
    Busy(u32),
    /// More bytes than any tile has.
    Endless,
}

type Manners = Arc<Mutex<BTreeMap<String, Manner>>>;

pub struct Server {
    pub url: String,
    manners: Manners,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn over(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let manners = Manners::default();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = Self {
            url,
            manners: Arc::clone(&manners),
            asked: Arc::clone(&asked),
        };
        let dir = dir.to_owned();
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                if let Some(kept) = answer(stream, &dir, &manners, &asked) {
                    held.push(kept);
                }
            }
        });
        server
    }

    pub fn misbehave(&self, path: &str, manner: Manner) {
        let mut manners = self.manners.lock().unwrap();
        manners.insert(path.to_owned(), manner);
    }

    pub fn behave(&self) {
        self.manners.lock().unwrap().clear();
    }

    /// What was asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn answer(
    stream: TcpStream,
    dir: &Path,
    manners: &Manners,
    asked: &Mutex<Vec<String>>,
) -> Option<TcpStream> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    let path = request
        .split(' ')
        .nth(1)?
        .trim_start_matches('/')
        .to_owned();
    asked.lock().unwrap().push(path.clone());
    let mut manners = manners.lock().unwrap();
    let manner = manners.get(&path).copied();
    if let Some(Manner::Busy(times)) = manner {
        if times > 1 {
            manners.insert(path.clone(), Manner::Busy(times - 1));
        } else {
            manners.remove(&path);
        }
    }
    drop(manners);
    let mut stream = stream;
    let mut say = |status: &str, length: usize, body: &[u8]| {
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        drop(
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body)),
        );
    };
    match manner {
        Some(Manner::Silence) => return Some(stream),
        Some(Manner::Stall) => {
            say("200 OK", 8192, &[0; 100]);
            return Some(stream);
        }
        Some(Manner::Busy(_)) => say("503 Service Unavailable", 0, b""),
        Some(Manner::Endless) => say("200 OK", 1 << 26, &vec![7; 1 << 20]),
        None => match fs::read(dir.join(&path)) {
            Ok(bytes) => say("200 OK", bytes.len(), &bytes),
            Err(_) => say("404 Not Found", 0, b""),
        },
    }
    None
}

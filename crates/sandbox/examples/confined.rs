//! A process that confines itself and then does what it is told, for the tests of `confine.rs`:
//! `confined READ WRITE VERB PATH...`, which prints `yes` or what the system said.
#![allow(missing_docs, clippy::print_stdout)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [read, write, verb, paths @ ..] = arguments.as_slice() else {
        return Err("confined READ WRITE VERB PATH...".into());
    };
    let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
    let held = sandbox::confine_self(&[PathBuf::from(read)], &[PathBuf::from(write)])?;
    println!("{held}");
    let done = match (verb.as_str(), paths.as_slice()) {
        ("read", [path]) => fs::read(path).map(drop),
        ("list", [path]) => fs::read_dir(path).map(drop),
        ("write", [path]) => fs::write(path, "new"),
        ("truncate", [path]) => fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(0)),
        ("remove", [path]) => fs::remove_file(path),
        ("rename", [from, to]) => fs::rename(from, to),
        ("link", [from, to]) => fs::hard_link(from, to),
        ("run", [program]) => Command::new(program).output().map(drop),
        ("device", [path]) => make_device(path),
        ("read-in-a-thread", [path]) => in_a_thread((*path).to_owned()),
        ("work", [room]) => work(room),
        ("confine-again", [path]) => {
            let wider = sandbox::confine_self(&[], &[(*path).to_owned()]);
            wider
                .map_err(io::Error::other)
                .and_then(|_| fs::read_dir(path).map(drop))
        }
        _ => return Err(format!("no verb {verb} of {} paths", paths.len()).into()),
    };
    match done {
        Ok(()) => println!("yes"),
        Err(error) => println!("{:?}", error.kind()),
    }
    Ok(())
}

fn in_a_thread(path: PathBuf) -> io::Result<()> {
    let thread = std::thread::spawn(move || fs::read(path).map(drop));
    thread.join().map_err(|_| io::Error::other("panicked"))?
}

/// `/dev/null` as a file of its own: harmless, and only root may try.
fn make_device(path: &Path) -> io::Result<()> {
    let (null, mode) = (rustix::fs::makedev(1, 3), rustix::fs::Mode::from(0o600));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::CharacterDevice,
        mode,
        null,
    )
    .map_err(io::Error::from)
}

/// All that a daemon does with files, in its own directory.
fn work(room: &Path) -> io::Result<()> {
    let (folder, other) = (room.join("folder"), room.join("other"));
    fs::create_dir(&folder)?;
    fs::create_dir(&other)?;
    fs::write(folder.join("a"), "longer than before")?;
    fs::write(folder.join("a"), "short")?;
    fs::hard_link(folder.join("a"), other.join("b"))?;
    fs::rename(folder.join("a"), other.join("c"))?;
    std::os::unix::fs::symlink("c", other.join("d"))?;
    if fs::read(other.join("d"))? != b"short" {
        return Err(io::Error::other("read something else than was written"));
    }
    fs::File::open(&other)?.sync_all()?;
    fs::remove_dir(&folder)?;
    fs::remove_dir_all(&other)?;
    // What libraries and the runtime of threads look at.
    fs::read("/proc/self/status")?;
    fs::File::open("/dev/urandom")?;
    fs::read(std::env::current_exe()?)?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    std::net::TcpStream::connect(listener.local_addr()?).map(drop)
}

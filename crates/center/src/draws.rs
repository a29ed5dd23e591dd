//! Keys of the draws by which a cell samples: one for each day (UTC), random, read by nobody else until the census shows it.
//!
//! ```text
//! draws/2027-01-15.draw    32 bytes, mode 0600; made when it is asked for first, removed when the census with it is kept
//! ```
//!
//! A key for one day: what a sender learns of it by asking is of no use on the next. Kept on disk, so that a cell that was
//! started anew tells the same sample the same. Processes of one cell share the directory: whoever asks first makes the key, and
//! the others read it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use statement::{Day, FileDigest};
use tlog::Hash;

use crate::error::CenterError;

/// The keys of a cell. The functions block, but for [`Draws::known`].
pub(crate) struct Draws {
    dir: PathBuf,
    newest: Mutex<Option<(Day, FileDigest)>>,
}

impl Draws {
    pub(crate) fn open(dir: PathBuf) -> Result<Self, CenterError> {
        fs::create_dir_all(&dir).map_err(file("make", &dir))?;
        Ok(Self {
            dir,
            newest: Mutex::default(),
        })
    }

    /// The key of a day, if it was asked for before.
    pub(crate) fn known(&self, day: Day) -> Option<FileDigest> {
        self.lock().filter(|(of, _)| *of == day).map(|(_, key)| key)
    }

    /// The key of a day. Returns after it is durable.
    pub(crate) fn key(&self, day: Day) -> Result<FileDigest, CenterError> {
        let mut newest = self.lock();
        let key = match self.kept(day)? {
            Some(key) => key,
            None => self.make(day)?,
        };
        *newest = Some((day, key));
        Ok(key)
    }

    /// The key of a day; nothing if nobody asked for it.
    pub(crate) fn kept(&self, day: Day) -> Result<Option<FileDigest>, CenterError> {
        let path = self.path(day);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(file("read", &path))?,
        };
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
            let short = std::io::Error::from(ErrorKind::InvalidData);
            file("read", &path)(short)
        })?;
        Ok(Some(FileDigest::new(Hash::from_bytes(bytes))))
    }

    fn make(&self, day: Day) -> Result<FileDigest, CenterError> {
        let key = keys::random_bytes::<32>()?;
        let path = self.path(day);
        // A name of its own, and one that goes with the day if it is left behind.
        let draft = Hash::from_bytes(*keys::random_bytes::<32>()?).to_hex();
        let draft = self.dir.join(format!("{day}.{draft}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let write = || -> std::io::Result<()> {
            let mut file = options.open(&draft)?;
            file.write_all(&*key)?;
            file.sync_all()?;
            // A name that is taken stays as it is: another process of this cell was faster, and its key is the day's.
            let linked = fs::hard_link(&draft, &path);
            fs::remove_file(&draft)?;
            match linked {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => File::open(&self.dir)?.sync_all(),
            }
        };
        write().map_err(file("write", &path))?;
        let gone = || file("read", &path)(ErrorKind::NotFound.into());
        self.kept(day)?.ok_or_else(gone)
    }

    /// Forgets the keys of a day and of those before it: they are public, or no census will name them.
    pub(crate) fn forget(&self, until: Day) -> Result<(), CenterError> {
        for entry in fs::read_dir(&self.dir).map_err(file("list", &self.dir))? {
            let path = entry.map_err(file("list", &self.dir))?.path();
            let day = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<Day>().ok());
            if day.is_some_and(|day| day <= until) {
                match fs::remove_file(&path) {
                    // Another process was faster.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed.map_err(file("remove", &path))?,
                }
            }
        }
        Ok(())
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir.join(format!("{day}.draw"))
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Day, FileDigest)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn of_processes_that_ask_at_once_one_makes_the_key_and_all_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("draws");
        let day = "2027-01-15".parse::<Day>().unwrap();
        let ask = || {
            let draws = Draws::open(path.clone()).unwrap();
            draws.make(day).unwrap()
        };
        let keys: Vec<FileDigest> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_day_has_one_key_across_starts_and_the_next_day_another() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Draws::open(dir.path().join("draws")).unwrap();
        let [first, second] = ["2027-01-15", "2027-01-16"].map(|day| day.parse::<Day>().unwrap());
        let draws = open();
        assert_eq!(
            (draws.known(first), draws.kept(first).unwrap()),
            (None, None)
        );
        let key = draws.key(first).unwrap();
        assert_eq!(draws.known(first), Some(key));
        assert_eq!(open().key(first).unwrap(), key);
        assert_ne!(draws.key(second).unwrap(), key);
        assert_eq!(draws.known(first), None);
        let mode = fs::metadata(draws.path(first))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        draws.forget(first).unwrap();
        assert_eq!(draws.kept(first).unwrap(), None);
        assert!(draws.kept(second).unwrap().is_some());
    }
}

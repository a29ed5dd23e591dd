//! The shelf as one process sees it. Reads are answered at once, as `log::Threads::None` asks for.

use std::io;
use std::sync::Arc;

use log::{File, Shelf, Work};
use store::StoreError;

use crate::fate::Dice;
use crate::life::Life;
use crate::stores::{Luck, Stores};

/// See the module.
#[derive(Debug)]
pub(crate) struct SimShelf {
    pub(crate) stores: Arc<Stores>,
    pub(crate) life: Arc<Life>,
}

fn failed(action: &'static str, path: &str) -> StoreError {
    StoreError::Io {
        action,
        path: path.into(),
        source: io::Error::other("simulated"),
    }
}

impl SimShelf {
    fn dice(&self, action: &'static str, about: &[u8]) -> Dice {
        let life = self.life.number.to_be_bytes();
        let name = self.life.name.as_bytes();
        self.stores
            .fate
            .dice(&[b"shelf", name, &life, action.as_bytes(), about])
    }
}

/// Makes files that readers see; some of them if it fails.
fn make(stores: &Stores, files: &[File], luck: Luck, mut dice: Dice) -> Result<(), StoreError> {
    let mut there = stores.files();
    let is_made = |dice: &mut Dice| luck == Luck::Good || dice.hits(500);
    for (path, bytes) in files {
        if !is_made(&mut dice) {
            continue;
        }
        let cell = there.entry(path.clone()).or_default();
        match &cell.seen {
            Some(other) if **other != *bytes => {
                return Err(StoreError::Conflict { path: path.into() });
            }
            Some(_) => {}
            None => cell.seen = Some(Arc::new(bytes.clone())),
        }
    }
    match luck {
        Luck::Good => Ok(()),
        _ => Err(failed("make", files.first().map_or("", |(path, _)| path))),
    }
}

fn forget(stores: &Stores, full: &[String]) {
    let mut there = stores.files();
    for path in full {
        if there.get(path).is_none_or(|cell| cell.seen.is_none()) {
            continue;
        }
        let folder = format!("{path}.p/");
        let partials = there.range_mut(folder.clone()..);
        for (_, cell) in partials.take_while(|(path, _)| path.starts_with(&folder)) {
            // Not durable: a power cut may bring it back.
            cell.seen = None;
        }
    }
}

impl Shelf for SimShelf {
    fn create_many(&self, files: Vec<File>) -> Work<'_, (), StoreError> {
        if files.is_empty() {
            return Box::pin(async { Ok(()) });
        }
        let mut about = Vec::new();
        for (path, bytes) in &files {
            about.extend(path.as_bytes());
            about.extend(tlog::sha256(bytes).as_bytes());
        }
        let dice = self.dice("make files", &about);
        let names: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let call = (Arc::clone(&self.life), "make files", dice);
        let effect =
            move |stores: &Stores, luck: Luck, dice: Dice| make(stores, &files, luck, dice);
        let settle = move |stores: &Stores| {
            let mut there = stores.files();
            for name in names {
                if let Some(cell) = there.get_mut(&name) {
                    cell.kept = cell.seen.clone();
                }
            }
        };
        Box::pin(Arc::clone(&self.stores).call(call, effect, settle))
    }

    fn replace<'a>(&'a self, path: &'a str, bytes: Vec<u8>) -> Work<'a, (), StoreError> {
        let dice = self.dice("replace", &[path.as_bytes(), &bytes].concat());
        let call = (Arc::clone(&self.life), "replace a file", dice);
        let (bytes, name, at) = (Arc::new(bytes), path.to_owned(), path.to_owned());
        let effect = move |stores: &Stores, luck: Luck, _: Dice| {
            if luck != Luck::Refused {
                stores.files().entry(name.clone()).or_default().seen = Some(bytes);
            }
            match luck {
                Luck::Good => Ok(()),
                _ => Err(failed("replace", &name)),
            }
        };
        let settle = move |stores: &Stores| {
            if let Some(cell) = stores.files().get_mut(&at) {
                cell.kept = cell.seen.clone();
            }
        };
        Box::pin(Arc::clone(&self.stores).call(call, effect, settle))
    }

    fn read<'a>(&'a self, path: &'a str, bytes_max: u64) -> Work<'a, Vec<u8>, StoreError> {
        // The same in one millisecond, whoever asks first.
        let now = self.stores.hub.now().to_be_bytes();
        let name = self.life.name.as_bytes();
        let read = [b"read", name, path.as_bytes(), &now];
        let mut dice = self.stores.fate.fixed(&read);
        let fails = dice.below(2000) < self.stores.weather.store_failures();
        let found = self.stores.files().get(path).cloned().unwrap_or_default();
        Box::pin(async move {
            if fails || self.life.is_over() {
                return Err(failed("read", path));
            }
            let bytes = found
                .seen
                .ok_or_else(|| StoreError::NotFound { path: path.into() })?;
            match bytes.len() as u64 > bytes_max {
                true => Err(StoreError::TooLarge {
                    what: path.to_owned(),
                    bytes_max,
                }),
                false => Ok(bytes.to_vec()),
            }
        })
    }

    fn forget_partials(&self, full: Vec<String>) -> Work<'_, (), StoreError> {
        if full.is_empty() {
            return Box::pin(async { Ok(()) });
        }
        let dice = self.dice("forget files", full.concat().as_bytes());
        let call = (Arc::clone(&self.life), "forget files", dice);
        let effect = move |stores: &Stores, luck: Luck, _: Dice| {
            if luck != Luck::Refused {
                forget(stores, &full);
            }
            match luck {
                Luck::Good => Ok(()),
                _ => Err(failed("forget", "partial files")),
            }
        };
        Box::pin(Arc::clone(&self.stores).call(call, effect, |_| {}))
    }
}

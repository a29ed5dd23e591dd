//! Which statements stand in the log already: from payload and key to the first index.
//!
//! ```text
//! identities/r17        run: sorted, 24 bytes each
//!   3f0c9a...(16 bytes of SHA-256 over digest and key)   00 00 00 00 00 00 1f 40
//! ```
//!
//! The newest ones are in memory; each 65,536 of them become a sorted file, and eight files of one
//! size become one of the next. So an entry is written a few times in long sequential runs, however
//! many there are, where a B-tree would write a page somewhere for each. A filter in memory
//! (1.25 bytes an entry) answers for nearly all that are new.
//!
//! All of it follows from the entries: it is made again at every start, so it need not be durable,
//! and what is there from before is thrown away.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use statement::{KeyId, StatementDigest};

use crate::limits::IDENTITIES_IN_MEMORY;

/// Bytes of one entry in a run: 16 of the identity, 8 of the index.
const RECORD: usize = 24;
/// Records read at once: one page.
const BLOCK: usize = 170;
/// Runs of one level that become one of the next.
const FAN_IN: usize = 8;
/// Bits of the filter per entry, and how many of them an entry sets.
const FILTER_BITS: u64 = 10;
const FILTER_HASHES: u64 = 7;

/// Which statement of which key; 16 bytes of a SHA-256. Two that differ may meet by design of
/// somebody with 2^64 hashes to spend; whoever finds one compares what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity([u8; 16]);

impl Identity {
    pub(crate) fn of(digest: &StatementDigest, key: &KeyId) -> Self {
        let bytes = [*digest.hash().as_bytes(), *key.hash().as_bytes()].concat();
        let hash = tlog::sha256(&bytes);
        let mut identity = [0; 16];
        identity.copy_from_slice(&hash.as_bytes()[..16]);
        Self(identity)
    }

    fn halves(self) -> (u64, u64) {
        let number = u128::from_be_bytes(self.0);
        ((number >> 64) as u64, number as u64)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Identities {
    directory: PathBuf,
    recent: HashMap<Identity, u64>,
    /// Newest and smallest last.
    runs: Vec<Run>,
    made: u64,
    /// How many make a run of the first level.
    in_memory: usize,
}

impl Identities {
    /// An empty index that keeps its runs in `directory`.
    pub(crate) fn make(directory: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
            recent: HashMap::new(),
            runs: Vec::new(),
            made: 0,
            in_memory: IDENTITIES_IN_MEMORY,
        })
    }

    /// The first index of a statement.
    pub(crate) fn find(&self, identity: Identity) -> io::Result<Option<u64>> {
        if let Some(index) = self.recent.get(&identity) {
            return Ok(Some(*index));
        }
        for run in &self.runs {
            if let Some(index) = run.find(identity)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Remembers a statement that is not known yet; of one that is, the first index stays.
    pub(crate) fn insert(&mut self, identity: Identity, index: u64) {
        self.recent.entry(identity).or_insert(index);
        if !self.recent.len().is_multiple_of(self.in_memory) {
            return;
        }
        if let Err(error) = self.settle() {
            // They stay in memory, and as many more try again.
            tracing::warn!(%error, directory = %self.directory.display(), "the index of statements cannot be written");
        }
    }

    /// Makes a run of what is in memory, and merges runs where there are enough of one level.
    fn settle(&mut self) -> io::Result<()> {
        let mut records: Vec<(Identity, u64)> = self.recent.iter().map(|(i, n)| (*i, *n)).collect();
        records.sort_unstable();
        let path = self.next_path();
        let count = records.len() as u64;
        let run = Run::write(&path, 0, count, records.into_iter().map(Ok))?;
        self.runs.push(run);
        self.recent.clear();
        while let Some(last) = self.runs.last()
            && let level = last.level
            && let of_level = self.runs.iter().filter(|run| run.level == level).count()
            && of_level >= FAN_IN
        {
            let path = self.next_path();
            let first = self.runs.len() - of_level;
            let merged = Run::merge(&path, level + 1, &self.runs[first..])?;
            for old in self.runs.splice(first.., [merged]) {
                drop(fs::remove_file(&old.path));
            }
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.directory.join(format!("r{}", self.made))
    }
}

/// A sorted file of records, never changed.
#[derive(Debug)]
struct Run {
    path: PathBuf,
    file: File,
    level: u32,
    count: u64,
    /// The first identity of each block.
    fences: Vec<Identity>,
    filter: Filter,
}

impl Run {
    fn write(
        path: &Path,
        level: u32,
        count_max: u64,
        records: impl Iterator<Item = io::Result<(Identity, u64)>>,
    ) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        let mut run = Self {
            path: path.to_owned(),
            file: File::open(path)?,
            level,
            count: 0,
            fences: Vec::new(),
            filter: Filter::new(count_max),
        };
        for record in records {
            let (identity, index) = record?;
            if run.count.is_multiple_of(BLOCK as u64) {
                run.fences.push(identity);
            }
            run.filter.insert(identity);
            run.count += 1;
            out.write_all(&identity.0)?;
            out.write_all(&index.to_be_bytes())?;
        }
        out.flush()?;
        Ok(run)
    }

    /// Merges runs of distinct identities.
    fn merge(path: &Path, level: u32, runs: &[Self]) -> io::Result<Self> {
        let mut sources = Vec::with_capacity(runs.len());
        for run in runs {
            let mut records = Records(BufReader::new(File::open(&run.path)?));
            if let Some(head) = records.next().transpose()? {
                sources.push((head, records));
            }
        }
        let count = runs.iter().map(|run| run.count).sum();
        let smallest_first = std::iter::from_fn(|| {
            let (at, _) = sources
                .iter()
                .enumerate()
                .min_by_key(|(_, (head, _))| *head)?;
            let next = sources[at].1.next();
            Some(match next {
                Some(Ok(next)) => Ok(std::mem::replace(&mut sources[at].0, next)),
                Some(Err(error)) => Err(error),
                None => Ok(sources.swap_remove(at).0),
            })
        });
        Self::write(path, level, count, smallest_first)
    }

    fn find(&self, identity: Identity) -> io::Result<Option<u64>> {
        if !self.filter.may_contain(identity) {
            return Ok(None);
        }
        let Some(block) = self
            .fences
            .partition_point(|first| *first <= identity)
            .checked_sub(1)
        else {
            return Ok(None);
        };
        let start = (block * BLOCK) as u64;
        let records = (self.count - start).min(BLOCK as u64) as usize;
        let mut bytes = [0; BLOCK * RECORD];
        let bytes = &mut bytes[..records * RECORD];
        self.file.read_exact_at(bytes, start * RECORD as u64)?;
        let (records, _) = bytes.as_chunks::<RECORD>();
        let found = records.binary_search_by(|record| record[..16].cmp(&identity.0));
        Ok(found.ok().map(|at| index_of(&records[at])))
    }
}

fn index_of(record: &[u8; RECORD]) -> u64 {
    let mut index = [0; 8];
    index.copy_from_slice(&record[16..]);
    u64::from_be_bytes(index)
}

/// The records of a run in order.
struct Records(BufReader<File>);

impl Iterator for Records {
    type Item = io::Result<(Identity, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = [0; RECORD];
        match self.0.read_exact(&mut record) {
            Ok(()) => {
                let mut identity = [0; 16];
                identity.copy_from_slice(&record[..16]);
                Some(Ok((Identity(identity), index_of(&record))))
            }
            // Runs are made of whole records by this process.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// A Bloom filter: says "perhaps" of about one in a hundred that are not there.
#[derive(Debug)]
struct Filter {
    words: Vec<u64>,
}

impl Filter {
    fn new(count: u64) -> Self {
        let words = (count * FILTER_BITS).div_ceil(64).max(1);
        Self {
            words: vec![0; words as usize],
        }
    }

    fn bits(&self, identity: Identity) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = self.words.len() as u64 * 64;
        // The identity is a hash already; two halves make as many as needed.
        let (first, step) = identity.halves();
        (0..FILTER_HASHES).map(move |n| {
            let bit = first.wrapping_add(step.wrapping_mul(n)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn insert(&mut self, identity: Identity) {
        for (word, bit) in self.bits(identity) {
            self.words[word] |= bit;
        }
    }

    fn may_contain(&self, identity: Identity) -> bool {
        self.bits(identity)
            .all(|(word, bit)| self.words[word] & bit != 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Small enough that a test sees many runs.
    const IN_MEMORY: usize = 400;

    fn make(directory: &Path) -> Identities {
        let mut index = Identities::make(directory.to_owned()).unwrap();
        index.in_memory = IN_MEMORY;
        index
    }

    fn identity(number: u64) -> Identity {
        let hash = tlog::sha256(&number.to_be_bytes());
        Identity(hash.as_bytes()[..16].try_into().unwrap())
    }

    #[test]
    fn every_statement_is_found_at_its_first_index_through_many_merges() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("identities");
        let mut index = make(&directory);
        let count = (IN_MEMORY * (FAN_IN * FAN_IN + FAN_IN + 1) + 5) as u64;
        for number in 0..count {
            index.insert(identity(number), number);
        }
        let levels: Vec<u32> = index.runs.iter().map(|run| run.level).collect();
        assert_eq!(levels, [2, 1, 0]);
        assert_eq!(index.recent.len(), 5);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
        for number in (0..count).step_by(7).chain([count - 1]) {
            assert_eq!(index.find(identity(number)).unwrap(), Some(number));
        }
        for number in count..count + 20_000 {
            assert_eq!(index.find(identity(number)).unwrap(), None);
        }
        let perhaps = |number| index.runs[0].filter.may_contain(identity(number));
        let perhaps = (count..count + 20_000).filter(|n| perhaps(*n)).count();
        assert!(perhaps < 600, "{perhaps} of 20000 new ones cost a read");
    }

    #[test]
    fn the_first_index_stays_and_a_new_start_forgets_all() {
        let directory = tempfile::tempdir().unwrap();
        let mut index = make(directory.path());
        index.insert(identity(1), 10);
        index.insert(identity(1), 20);
        assert_eq!(index.find(identity(1)).unwrap(), Some(10));
        fs::write(directory.path().join("r1"), b"of another run").unwrap();
        let index = make(directory.path());
        assert_eq!(index.find(identity(1)).unwrap(), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_index_that_cannot_be_written_goes_on_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("identities");
        let mut index = make(&directory);
        fs::remove_dir(&directory).unwrap();
        let count = IN_MEMORY as u64 * 2;
        for number in 0..count - 1 {
            index.insert(identity(number), number);
        }
        assert!(index.runs.is_empty());
        fs::create_dir(&directory).unwrap();
        index.insert(identity(count - 1), count - 1);
        assert_eq!(index.runs.len(), 1);
        for number in [0, count / 2, count - 1] {
            assert_eq!(index.find(identity(number)).unwrap(), Some(number));
        }
    }
}

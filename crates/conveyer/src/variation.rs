//! Everything around a build that a rebuilder changes on purpose. The inner path is not among it: the recipe
//! fixes that.

use std::str::FromStr;

use crate::error::ConveyerError;

pub(crate) mod clock;

/// In which order the files of the source are made, which some file systems show to programs that list a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOrder {
    /// As in the archive, on the party's own disk.
    Archive,
    /// In an order that the number decides, on a file system that shows the order if this machine has one (ext4
    /// sorts by a hash and does not; a memory file system does). The outcome says whether it could be had.
    Shuffled(u64),
}

/// One way to surround a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variation {
    /// Name of the folder outside, in which the build happens.
    pub outer_name: String,
    /// The uid the build believes to have.
    pub uid: u32,
    /// The gid the build believes to have.
    pub gid: u32,
    /// The host name inside.
    pub hostname: String,
    /// `LC_ALL` and `LANG`.
    pub locale: String,
    /// `TZ`.
    pub timezone: String,
    /// The umask.
    pub umask: u32,
    /// The order of the source's files.
    pub file_order: FileOrder,
    /// How many processors the build may use; nothing means all.
    pub cores: Option<usize>,
    /// How far ahead the time of day is, seconds. 0 is the machine's own, which differs between two builds only by
    /// what passes between them. Programs that are linked statically do not see it, nor do times of files; the outcome
    /// says whether the environment could make it.
    pub clock_ahead_seconds: u64,
}

impl Variation {
    /// What the conveyer itself uses: `UTC`, `C.UTF-8`, umask 022, every processor.
    #[must_use]
    pub fn conveyer() -> Self {
        Self {
            outer_name: "build".to_owned(),
            uid: 1000,
            gid: 1000,
            hostname: "conveyer".to_owned(),
            locale: "C.UTF-8".to_owned(),
            timezone: "UTC".to_owned(),
            umask: 0o022,
            file_order: FileOrder::Archive,
            cores: None,
            clock_ahead_seconds: 0,
        }
    }

    /// A surrounding for rebuilder number `number` (from 1): every field differs from the conveyer's, and uid,
    /// host name, outer folder and file order differ between rebuilders.
    #[must_use]
    pub fn rebuilder(number: u32) -> Self {
        let zones = ["Asia/Tokyo", "America/Lima", "JST-9", "<-05>5"];
        let odd = number % 2 == 1;
        Self {
            outer_name: format!("rebuilt-somewhere-else-{number}"),
            uid: 4200 + number,
            gid: 4700 + number,
            hostname: format!("rebuilder-{number}"),
            locale: if odd { "C" } else { "POSIX" }.to_owned(),
            timezone: zones[number as usize % zones.len()].to_owned(),
            umask: if odd { 0o077 } else { 0o027 },
            file_order: FileOrder::Shuffled(u64::from(number)),
            cores: Some(1),
            // Another year, month, day, weekday and hour.
            clock_ahead_seconds: 400 * 86_400 + u64::from(number) * 90_061,
        }
    }

    /// Which processors to use, from those this process may use.
    pub(crate) fn cpus(&self) -> Result<Vec<usize>, ConveyerError> {
        let Some(wanted) = self.cores else {
            return Ok(Vec::new());
        };
        let status = std::fs::read_to_string("/proc/self/status")
            .map_err(ConveyerError::io("read", "/proc/self/status"))?;
        let allowed = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .and_then(|list| parse_cpus(list.trim()));
        let allowed = allowed.unwrap_or_default();
        if wanted == 0 || wanted > allowed.len() {
            return Err(ConveyerError::Variation {
                field: "cores",
                value: wanted.to_string(),
                want: "at least 1, at most the processors of this machine",
            });
        }
        Ok(allowed[..wanted].to_vec())
    }

    /// Jobs for a build that allows `most`.
    pub(crate) fn jobs(&self, most: u32) -> u32 {
        let cores = self
            .cores
            .or_else(|| std::thread::available_parallelism().ok().map(Into::into))
            .unwrap_or(1);
        most.min(u32::try_from(cores).unwrap_or(u32::MAX)).max(1)
    }

    /// Refuses values that would not mean what they say.
    pub(crate) fn check(&self) -> Result<(), ConveyerError> {
        let bad = |field, value: &str, want| {
            Err(ConveyerError::Variation {
                field,
                value: value.to_owned(),
                want,
            })
        };
        let is_plain = |text: &str| {
            (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                && !text.starts_with('.')
        };
        if !is_plain(&self.outer_name) {
            return bad(
                "outer_name",
                &self.outer_name,
                "1 to 64 letters, digits, - _ .",
            );
        }
        for (field, value) in [("locale", &self.locale), ("timezone", &self.timezone)] {
            if value.is_empty()
                || value.len() > 64
                || !value.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return bad(field, value, "1 to 64 printable characters");
            }
        }
        Ok(())
    }
}

/// `0-3,8` as the kernel writes it.
fn parse_cpus(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(usize::from_str(first).ok()?..=usize::from_str(last).ok()?.min(8191));
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_of_processors_is_read() {
        assert_eq!(parse_cpus("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse_cpus("x"), None);
    }

    #[test]
    fn a_rebuilder_differs_from_the_conveyer_in_every_field() {
        let (a, b) = (Variation::conveyer(), Variation::rebuilder(1));
        assert!(
            a.outer_name != b.outer_name
                && a.uid != b.uid
                && a.gid != b.gid
                && a.hostname != b.hostname
        );
        assert!(a.locale != b.locale && a.timezone != b.timezone && a.umask != b.umask);
        assert!(a.file_order != b.file_order && a.cores != b.cores);
        assert_ne!(a.clock_ahead_seconds, b.clock_ahead_seconds);
        assert_ne!(b.hostname, Variation::rebuilder(2).hostname);
    }
}

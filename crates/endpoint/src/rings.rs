//! Which ring this endpoint is in (`docs/decisions/0015-rings.md`).
//!
//! A ring is a channel of its own: `stable.r10` is for ten percent. The endpoint draws a number of its own
//! once, keeps it, and tells it to nobody; together with product and channel it decides. So nobody can
//! choose who gets a release first, or learn who did.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use law::Ring;
use tlog::{Hash, sha256};

use crate::{config::Config, error::EndpointError};

/// Where the number lies: 64 hexadecimal digits and a newline.
const INSTALLATION_FILE: &str = "installation";

/// Hundredths of a percent.
const EVERYBODY: u64 = 10_000;

/// The configuration with the channel of this endpoint's ring in place of the channel itself.
///
/// # Errors
/// The rings are no ascending percentages, or the endpoint's number cannot be kept.
pub(crate) fn in_ring(config: &Config) -> Result<Config, EndpointError> {
    let mut before = 0;
    for percent in &config.rings {
        if *percent <= before || *percent >= 100 {
            return Err(EndpointError::Rings { percent: *percent });
        }
        before = *percent;
    }
    let mut config = config.clone();
    if !config.rings.is_empty() {
        let installation = installation(&config.dir)?;
        config.channel = channel(&installation, &config);
    }
    Ok(config)
}

/// The narrowest ring that this endpoint is in.
fn channel(installation: &str, config: &Config) -> String {
    let (product, base) = (&config.product, &config.channel);
    let drawn = sha256(format!("limpid ring v1\n{installation}\n{product}\n{base}\n").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&drawn.as_bytes()[..8]);
    let drawn = u64::from_be_bytes(first) % EVERYBODY;
    let mut rings = config.rings.iter().copied();
    let percent = rings.find(|percent| drawn < percent * EVERYBODY / 100);
    let ring = Ring {
        base: base.clone(),
        percent: percent.unwrap_or(100),
    };
    ring.channel()
}

/// The number that this endpoint drew; it draws one the first time.
fn installation(directory: &Path) -> Result<String, EndpointError> {
    let path = directory.join(INSTALLATION_FILE);
    if let Some(drawn) = read(&path)? {
        return Ok(drawn);
    }
    let drawn =
        Hash::from_bytes(*keys::random_bytes::<32>().map_err(EndpointError::Random)?).to_hex();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(format!("{drawn}\n").as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::File::open(directory)?.sync_all());
    written.map_err(|source| EndpointError::io("write", &path, source))?;
    Ok(drawn)
}

fn read(path: &Path) -> Result<Option<String>, EndpointError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(EndpointError::io("read", path, source)),
    };
    let mut text = String::new();
    let found = file.take(128).read_to_string(&mut text);
    found.map_err(|source| EndpointError::io("read", path, source))?;
    let drawn = text.strip_suffix('\n').unwrap_or_default();
    let whole = drawn.len() == 64 && drawn.bytes().all(|b| b.is_ascii_hexdigit());
    if whole {
        return Ok(Some(drawn.to_owned()));
    }
    Err(EndpointError::Damaged {
        path: path.to_owned(),
        field: "64 hexadecimal digits".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config(directory: &Path, rings: &[u64]) -> Config {
        let anchor = "3f".repeat(32);
        let text = format!(
            "dir = {directory:?}\nrepository = \"http://a/\"\nanchor = \"{anchor}\"\nroot = \"r\"\n\
             product = \"p\"\nchannel = \"stable\"\nplatform = \"l\"\nrings = {rings:?}\n"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn rings_have_the_size_that_they_name_and_each_endpoint_stays_in_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &[1, 10]);
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..20_000 {
            let channel = channel(&format!("{number:064x}"), &config);
            *counts.entry(channel).or_insert(0_u32) += 1;
        }
        let share = |channel: &str| f64::from(counts[channel]) / 200.0;
        assert!((0.7..1.4).contains(&share("stable.r1")), "{counts:?}");
        assert!((8.0..10.0).contains(&share("stable.r10")), "{counts:?}");
        assert!((89.0..91.0).contains(&share("stable")), "{counts:?}");

        let first = in_ring(&config).unwrap();
        assert_eq!(in_ring(&config).unwrap(), first);
        let file = directory.path().join(INSTALLATION_FILE);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, "short\n").unwrap();
        assert_eq!(in_ring(&config).unwrap_err().code(), "state.damaged");
    }

    #[test]
    fn without_rings_nothing_is_drawn_and_wrong_ones_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let plain = config(directory.path(), &[]);
        assert_eq!(in_ring(&plain).unwrap(), plain);
        assert!(!directory.path().join(INSTALLATION_FILE).exists());
        for rings in [&[0][..], &[100], &[10, 1], &[5, 5]] {
            let wrong = in_ring(&config(directory.path(), rings)).unwrap_err();
            assert_eq!(wrong.code(), "config.rings", "{rings:?}");
        }
    }
}

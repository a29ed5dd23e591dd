//! Gets everything a lock names, from where this party gets it, and checks that the lock says the truth about it.

use super::fault::{Missing, SupplyError};
use super::gather::{Gatherer, Parcel, Sources, Tell};
use super::keep::{EnvironmentStore, Obtained, Supplier, key_of};
use super::pack::Unpacked;
use crate::lock::{Archive, HOST, Input, LIMPID, Lock, LockedKind};

/// What [`fetch`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// How each input came here, by name.
    pub obtained: Vec<Obtained>,
    /// Bytes of the archives.
    pub bytes: u64,
}

/// Gets every input of `lock` into the store. Afterwards each archive is known by its digest, and each `file` and
/// `link` line of a public input is known to be what its archive holds: a lock may leave something out, and cannot
/// make anything up.
///
/// # Errors
/// [`SupplyError::OriginDiffers`] when the public origin gives out other bytes under the same version;
/// [`SupplyError::Unobtainable`] names everything that nobody has; [`SupplyError::NotInArchive`] a lock that lies.
pub fn fetch(
    lock: &Lock,
    sources: &Sources,
    store: &EnvironmentStore,
    tell: Tell<'_>,
) -> Result<Fetched, SupplyError> {
    if let Some(done) = done_before(lock, store)? {
        return Ok(done);
    }
    let gatherer = || Gatherer {
        sources,
        store,
        tell,
        debian: None,
    };
    let public = lock.inputs().iter().filter(|input| input.is_public());
    let parcels: Vec<Parcel> = public
        .zip(lock.archives())
        .map(|(input, archive)| Parcel {
            origin: input.origin.clone(),
            archive: archive.clone(),
        })
        .collect();
    let gathered = gatherer().gather(&parcels)?;
    let mut obtained = Vec::new();
    for (archive, (how, unpacked)) in lock.archives().iter().zip(gathered) {
        check_lines(lock, archive, &unpacked)?;
        obtained.push(how);
    }
    let asker = gatherer();
    let mut missing = Missing::default();
    let of_host = lock.inputs().iter().filter(|input| input.origin == HOST);
    for input in of_host {
        match from_host(lock, input, store, &asker)? {
            Ok(how) => obtained.push(how),
            Err(why) => missing.0.push((input.name.clone(), why)),
        }
    }
    if !missing.0.is_empty() {
        return Err(SupplyError::Unobtainable(missing));
    }
    obtained.sort_by(|a, b| a.input.cmp(&b.input));
    store.mark_complete(lock)?;
    let bytes = bytes_of(lock);
    Ok(Fetched { obtained, bytes })
}

/// Whether this very lock was fetched and compared before, and all of it is still in the store, to the byte. What
/// came from the center is asked for at its origin every time.
fn done_before(lock: &Lock, store: &EnvironmentStore) -> Result<Option<Fetched>, SupplyError> {
    if !store.is_complete(lock) {
        return Ok(None);
    }
    let obtained = store.obtained(lock)?;
    let named = lock.inputs().iter().filter(|input| input.origin != LIMPID);
    let is_fine = obtained.len() == named.count()
        && obtained.iter().all(|one| one.from != Supplier::Center)
        && store.verify(lock).wrong.is_empty();
    let bytes = bytes_of(lock);
    Ok(is_fine.then_some(Fetched { obtained, bytes }))
}

fn bytes_of(lock: &Lock) -> u64 {
    lock.archives().iter().map(|archive| archive.bytes).sum()
}

fn check_lines(lock: &Lock, archive: &Archive, unpacked: &Unpacked) -> Result<(), SupplyError> {
    for file in lock.files_of(&archive.input) {
        let what = match (unpacked.members.get(&file.path), &file.kind) {
            (Some(there), named) if there == named => continue,
            (None, _) => "it holds no such path",
            (Some(LockedKind::File { .. }), LockedKind::File { .. }) => "its mode, size or digest",
            (Some(LockedKind::Link { .. }), LockedKind::Link { .. }) => "its target",
            (Some(_), _) => "its kind",
        };
        return Err(SupplyError::NotInArchive {
            input: archive.input.clone(),
            path: file.path.to_string(),
            what,
        });
    }
    Ok(())
}

/// What was locked on a host has no public origin: it is here because this party imported it, or the center gives it.
fn from_host(
    lock: &Lock,
    input: &Input,
    store: &EnvironmentStore,
    asker: &Gatherer<'_>,
) -> Result<Result<Obtained, String>, SupplyError> {
    let key = key_of(lock, input);
    let mut from = match store.record(&key)? {
        Some(record) => record.from,
        None => Supplier::Host,
    };
    for file in lock.files_of(&input.name) {
        let LockedKind::File { sha256, bytes, .. } = &file.kind else {
            continue;
        };
        if store.inputs().contains(sha256) {
            continue;
        }
        if let Err(why) = asker.ask_center(sha256, *bytes)? {
            let own = "it was locked on a host; run: limpid conveyer environment import";
            return Ok(Err(format!("{own}; {why}")));
        }
        from = Supplier::Center;
    }
    let how = Obtained {
        input: input.name.clone(),
        origin: input.origin.clone(),
        from,
        why: (from == Supplier::Center).then(|| "its origin is a host, not public".to_owned()),
    };
    store.keep(&key, &how)?;
    Ok(Ok(how))
}

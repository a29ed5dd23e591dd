//! Offline, for anyone: one file, one bundle, one anchor.
//!
//! A program that ends with this result answers 0 for a report, and [`EndpointError::exit_code`]
//! otherwise: 1 when the evidence is refused, 2 when the input is not what it should be.

use std::path::Path;

use law::ReleasedFile;
use statement::StatementDigest;

use crate::{
    error::EndpointError,
    evidence::{check_withdrawn, open_bundle},
    file_digest::digest_file,
    report::Report,
    signed::{attach_again, is_signed_inside},
};

/// Verifies a file by a bundle under an anchor, without network and without a clock it must trust.
///
/// `withdrawals` are bundles that prove withdrawals, as served beside the TUF timestamp; `None` says
/// that nobody gave any, which the report repeats. `rebuilds_min` can only ask for more than the
/// constitution does. `now` is the caller's clock in POSIX seconds and decides nothing but the age
/// of the evidence.
///
/// # Errors
/// [`EndpointError`] with the code of the check that did not hold.
pub fn verify_file(
    path: &Path,
    bundle: &[u8],
    anchor: StatementDigest,
    withdrawals: Option<&[Vec<u8>]>,
    rebuilds_min: Option<u64>,
    now: u64,
) -> Result<Report, EndpointError> {
    let (artifact, bytes) = digest_file(path)?;
    let (_, bundle) = open_bundle("the bundle", bundle, anchor)?;
    let withdrawals = withdrawals
        .map(|given| {
            let open = |(at, bytes): (usize, &Vec<u8>)| {
                let what = format!("withdrawal {}", at + 1);
                open_bundle(&what, bytes, anchor).map(|(_, open)| open)
            };
            given
                .iter()
                .enumerate()
                .map(open)
                .collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    let release = ReleasedFile::find(bundle.view(), artifact)?;
    let floor = rebuilds_min.unwrap_or_default();
    let view = bundle.view();
    let attached = if is_signed_inside(view, release) {
        let file = std::fs::read(path);
        let file = file.map_err(|error| EndpointError::io("read", path, error))?;
        attach_again(view, release, &file)?
    } else {
        None
    };
    let received = (artifact, bytes);
    let file = ReleasedFile::check_signed(view, release, received, attached.as_ref(), floor)?;
    let known = withdrawals.iter().flatten().chain([&bundle]);
    check_withdrawn(known, release)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Report::new(
        &name,
        anchor,
        &bundle,
        &file,
        withdrawals.as_deref(),
        now,
    ))
}

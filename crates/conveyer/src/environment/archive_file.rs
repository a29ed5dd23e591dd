//! Opens an archive of an origin: finds the tar stream in it and bounds what it can cost to read.

use std::io::{self, BufReader, Read};

use flate2::read::GzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::fault::PackFault;
use super::xz::XzRead;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::lock::ArchiveFormat;

const AR_MAGIC: &[u8; 8] = b"!<arch>\n";
const AR_HEADER_BYTES: usize = 60;

/// The tar stream of an archive, which ends with an error when it grows over the limit.
pub(super) fn tar_stream<'a>(
    format: ArchiveFormat,
    mut file: impl Read + 'a,
) -> Result<Box<dyn Read + 'a>, PackFault> {
    let tar: Box<dyn Read + 'a> = match format {
        ArchiveFormat::Deb => {
            let (name, bytes) = find_data(&mut file)?;
            let data = file.take(bytes);
            match name.as_str() {
                "data.tar" => Box::new(data),
                "data.tar.gz" => Box::new(GzDecoder::new(BufReader::new(data))),
                "data.tar.xz" => Box::new(XzRead::new(data)),
                "data.tar.zst" => Box::new(
                    StreamingDecoder::new(BufReader::new(data))
                        .map_err(|_| PackFault::Form("its data.tar.zst is no zstd"))?,
                ),
                _ => return Err(PackFault::Form("its data.tar has an unknown compression")),
            }
        }
        ArchiveFormat::RustTarGz => Box::new(GzDecoder::new(BufReader::new(file))),
        ArchiveFormat::RustTarXz => Box::new(XzRead::new(file)),
        ArchiveFormat::Crate => return Err(PackFault::Form("a crate is not unpacked")),
    };
    Ok(Box::new(Bounded {
        inner: tar,
        left: UNPACKED_BYTES_MAX,
    }))
}

/// `deb(5)`: an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`, in this order. Leaves the reader at
/// the data; gives its member name and size.
fn find_data(file: &mut impl Read) -> Result<(String, u64), PackFault> {
    let mut magic = [0; AR_MAGIC.len()];
    file.read_exact(&mut magic).map_err(PackFault::Stream)?;
    if magic != *AR_MAGIC {
        return Err(PackFault::Form("a Debian package begins with !<arch>"));
    }
    let (name, bytes) = ar_header(file)?;
    let mut version = [0; 4];
    if name != "debian-binary" || bytes != 4 {
        return Err(PackFault::Form("its first member is not debian-binary"));
    }
    file.read_exact(&mut version).map_err(PackFault::Stream)?;
    if version != *b"2.0\n" {
        return Err(PackFault::Form("it is no Debian package of version 2.0"));
    }
    let (name, bytes) = ar_header(file)?;
    if !name.starts_with("control.tar") {
        return Err(PackFault::Form("its second member is not control.tar"));
    }
    let padded = bytes + bytes % 2;
    let skipped = io::copy(&mut file.take(padded), &mut io::sink()).map_err(PackFault::Stream)?;
    if skipped != padded {
        return Err(PackFault::Form("it breaks off"));
    }
    let (name, bytes) = ar_header(file)?;
    if !name.starts_with("data.tar") {
        return Err(PackFault::Form("its third member is not data.tar"));
    }
    Ok((name, bytes))
}

/// Name and size of the next member (`ar(5)`).
fn ar_header(file: &mut impl Read) -> Result<(String, u64), PackFault> {
    let mut header = [0; AR_HEADER_BYTES];
    file.read_exact(&mut header).map_err(PackFault::Stream)?;
    if header[58..] != *b"`\n" {
        return Err(PackFault::Form("a member header of ar is damaged"));
    }
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok();
    let name = text(0..16).map(|name| name.trim_end().trim_end_matches('/').to_owned());
    let bytes = text(48..58).and_then(|digits| digits.trim_end().parse().ok());
    match (name, bytes) {
        (Some(name), Some(bytes)) if bytes <= UNPACKED_BYTES_MAX => Ok((name, bytes)),
        _ => Err(PackFault::Form("a member header of ar is damaged")),
    }
}

/// A reader that fails, rather than ends, when it has given out its share.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it unpacks to more than {UNPACKED_BYTES_MAX} bytes"
            ))
        })?;
        Ok(count)
    }
}

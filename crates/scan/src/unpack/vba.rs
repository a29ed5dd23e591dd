//! Source of macros (MS-OVBA 2.4.1): a compressed container somewhere in the stream of a module. It is
//! found by its contents, so that a torn project, or one whose directory lies, is read all the same.

use crate::budget::Output;
use crate::cursor::{find, u16_at};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

/// How every module begins once it is decompressed; the first 8 bytes are literals.
const BEGINS: &[u8] = b"\0Attribut";
const CHUNK: usize = 4096;

/// Hands over the source of a module, if the stream is one.
pub(super) fn module(stream: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    // Signature byte, two bytes of chunk header, one of flags, then the text.
    let Some(at) = find(stream, BEGINS, 0).and_then(|at| at.checked_sub(3)) else {
        return Ok(());
    };
    if stream[at] != 1 {
        return Ok(());
    }
    members.decoded(|out| decompress(&stream[at..], out))
}

fn decompress(container: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut rest = &container[1..];
    while let Some(header) = u16_at(rest, 0) {
        if header >> 12 & 7 != 3 {
            return Err(Why::Damaged("macro chunk"));
        }
        let size = usize::from(header & 0xfff) + 3;
        let chunk = rest.get(2..size).or_damaged("macro chunk")?;
        rest = &rest[size..];
        if header & 0x8000 == 0 {
            out.push(chunk)?;
        } else {
            tokens(chunk, out)?;
        }
    }
    Ok(())
}

fn tokens(chunk: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let start = out.size();
    let mut bytes = chunk.iter().copied();
    while let Some(flags) = bytes.next() {
        for bit in 0..8 {
            let Some(first) = bytes.next() else {
                return Ok(());
            };
            if flags >> bit & 1 == 0 {
                out.byte(first)?;
                continue;
            }
            let second = bytes.next().or_damaged("macro token")?;
            let token = usize::from(u16::from_le_bytes([first, second]));
            let done = out.size() - start;
            // As many bits for the distance as the text so far needs, at least 4.
            let mut distance_bits = 4;
            while 1usize << distance_bits < done {
                distance_bits += 1;
            }
            let size_bits = 16 - distance_bits.min(12);
            let size = (token & ((1 << size_bits) - 1)) + 3;
            let distance = (token >> size_bits) + 1;
            if distance > done || done + size > CHUNK {
                return Err(Why::Damaged("macro token"));
            }
            out.copy_back(distance, size)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::budget::{Allowance, Budget};
    use crate::limits::Limits;

    fn plain(container: &[u8]) -> Result<Vec<u8>, Why> {
        let mut budget = Budget::new(Limits::default());
        let mut allowance = Allowance { left: 1 << 20 };
        let mut out = Output::new(&mut budget, &mut allowance);
        decompress(container, &mut out).map(|()| out.into_bytes())
    }

    /// MS-OVBA 3.2.2, the normal compression example.
    const EXAMPLE: [u8; 50] = [
        0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00,
        0x70, 0x61, 0x67, 0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d,
        0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10,
        0x77, 0x78, 0x79, 0x7a, 0x00,
    ];

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let mut container = EXAMPLE.to_vec();
        container.push(0x3c);
        assert_eq!(
            plain(&container).unwrap(),
            b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
        );
    }

    #[test]
    fn a_chunk_that_is_cut_off_or_copies_from_nowhere_is_damaged() {
        assert_eq!(plain(&EXAMPLE), Err(Why::Damaged("macro chunk")));
        assert_eq!(
            plain(&[1, 2, 0xb0, 1, 0, 0]),
            Err(Why::Damaged("macro token"))
        );
    }
}

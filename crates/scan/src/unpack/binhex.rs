//! BinHex 4.0 (RFC 1741): six bits a character, runs, a data fork and a resource fork.

use crate::cursor::{Cursor, find};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "binhex";
const ALPHABET: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
const RUN: u8 = 0x90;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let head = find(bytes, b"(This file must be converted with BinHex", 0).or_damaged(DAMAGED)?;
    let begin = find(bytes, b":", head).or_damaged(DAMAGED)? + 1;
    let (whole, result) = members.aside(|out| {
        let (mut hold, mut count) = (0u32, 0);
        let mut run = false;
        let mut last = 0;
        for byte in &bytes[begin..] {
            if *byte == b':' {
                return Ok(());
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            let value = ALPHABET.iter().position(|digit| digit == byte);
            hold = hold << 6 | value.or_damaged(DAMAGED)? as u32;
            count += 6;
            if count < 8 {
                continue;
            }
            count -= 8;
            let byte = (hold >> count) as u8;
            match (run, byte) {
                (false, RUN) => run = true,
                (false, _) => {
                    out.byte(byte)?;
                    last = byte;
                }
                (true, 0) => {
                    out.byte(RUN)?;
                    last = RUN;
                    run = false;
                }
                (true, times) => {
                    out.repeat(last, usize::from(times) - 1)?;
                    run = false;
                }
            }
        }
        Err(Why::Damaged("binhex is cut off"))
    });
    let forks = forks(&whole, members);
    members.give_back(whole);
    result.and(forks)
}

fn forks(whole: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::new(whole);
    let name = cursor.u8().or_damaged(DAMAGED)?;
    cursor
        .skip(usize::from(name) + 1 + 4 + 4 + 2)
        .or_damaged(DAMAGED)?;
    let data = cursor.u32_be().or_damaged(DAMAGED)?;
    let resource = cursor.u32_be().or_damaged(DAMAGED)?;
    for size in [data, resource] {
        cursor.skip(2).or_damaged(DAMAGED)?; // checksum of what came before
        let fork = cursor
            .take(usize::try_from(size).unwrap_or(usize::MAX))
            .or_damaged(DAMAGED)?;
        if !fork.is_empty() {
            members.stored(fork)?;
        }
    }
    Ok(())
}

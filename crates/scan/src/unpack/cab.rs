//! Microsoft cabinets (MS-CAB): folders of blocks, stored, MSZIP or LZX. One folder is unpacked at a
//! time and held while its files are given out of it.

use super::inflate::{Deflate, inflate};
use super::lzx::Lzx;
use crate::budget::Output;
use crate::cursor::{Cursor, u16_at};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "cab";
const HAS_PREVIOUS: u16 = 1;
const HAS_NEXT: u16 = 2;
const HAS_RESERVE: u16 = 4;
/// A file that begins or ends in another cabinet.
const FOLDER_ELSEWHERE: u16 = 0xfffd;

struct Folder {
    at: usize,
    blocks: u16,
    method: u16,
}

struct File {
    folder: u16,
    from: usize,
    size: usize,
}

struct Cabinet {
    folders: Vec<Folder>,
    files: Vec<File>,
    block_reserve: usize,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let cabinet = parse(bytes).or_damaged("cab header")?;
    for (index, folder) in cabinet.folders.iter().enumerate() {
        let (content, result) =
            members.aside(|out| blocks(bytes, folder, cabinet.block_reserve, out));
        let given = cabinet
            .files
            .iter()
            .filter(|file| usize::from(file.folder) == index)
            .try_for_each(|file| {
                match content
                    .get(file.from..)
                    .and_then(|rest| rest.get(..file.size))
                {
                    Some(content) => members.stored(content),
                    None => members.closed(result.err().unwrap_or(Why::Damaged(DAMAGED))),
                }
            });
        members.give_back(content);
        given?;
        if let Err(why) = result {
            members.unread(why);
        }
    }
    let elsewhere = cabinet
        .files
        .iter()
        .filter(|file| file.folder >= FOLDER_ELSEWHERE);
    elsewhere
        .into_iter()
        .try_for_each(|_| members.closed(Why::Unsupported("cab: goes on in another file")))
}

fn parse(bytes: &[u8]) -> Option<Cabinet> {
    let mut cursor = Cursor::from(bytes, 16);
    let files_at = cursor.index()?;
    cursor.skip(6)?;
    let (folders, files, flags) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    cursor.skip(4)?;
    let (mut folder_reserve, mut block_reserve) = (0, 0);
    if flags & HAS_RESERVE != 0 {
        let header_reserve = cursor.u16()?;
        folder_reserve = usize::from(cursor.u8()?);
        block_reserve = usize::from(cursor.u8()?);
        cursor.skip(header_reserve.into())?;
    }
    for flag in [HAS_PREVIOUS, HAS_NEXT] {
        if flags & flag != 0 {
            cursor.until_zero()?;
            cursor.until_zero()?;
        }
    }
    let folders = (0..folders)
        .map(|_| {
            let folder = Folder {
                at: cursor.index()?,
                blocks: cursor.u16()?,
                method: cursor.u16()?,
            };
            cursor.skip(folder_reserve)?;
            Some(folder)
        })
        .collect::<Option<Vec<_>>>()?;
    let mut cursor = Cursor::from(bytes, files_at);
    let files = (0..files)
        .map_while(|_| {
            let (size, from) = (cursor.index()?, cursor.index()?);
            let folder = cursor.u16()?;
            cursor.skip(6)?;
            cursor.until_zero()?;
            Some(File { folder, from, size })
        })
        .collect();
    Some(Cabinet {
        folders,
        files,
        block_reserve,
    })
}

fn blocks(bytes: &[u8], folder: &Folder, reserve: usize, out: &mut Output<'_>) -> Result<(), Why> {
    let mut cursor = Cursor::from(bytes, folder.at);
    let mut lzx = match folder.method & 15 {
        0 | 1 => None,
        2 => return Err(Why::Unsupported("cab: quantum")),
        3 => Some(Lzx::new(u32::from(folder.method >> 8)).or_damaged("cab: lzx window")?),
        _ => return Err(Why::Unsupported("cab: unknown method")),
    };
    for _ in 0..folder.blocks {
        cursor.skip(4).or_damaged(DAMAGED)?;
        let (packed, whole) = (
            cursor.u16().or_damaged(DAMAGED)?,
            cursor.u16().or_damaged(DAMAGED)?,
        );
        cursor.skip(reserve).or_damaged(DAMAGED)?;
        let content = cursor.take(packed.into()).or_damaged("cab is cut off")?;
        match (&mut lzx, folder.method & 15) {
            (Some(lzx), _) => lzx.frame(content, usize::from(whole), out)?,
            (None, 0) => out.push(content)?,
            (None, _) => {
                if u16_at(content, 0) != Some(u16::from_le_bytes(*b"CK")) {
                    return Err(Why::Damaged("cab: mszip"));
                }
                inflate(&content[2..], Deflate::Plain, out)?;
            }
        }
    }
    if let Some(lzx) = lzx {
        lzx.undo_calls(out.bytes_mut(0));
    }
    Ok(())
}

//! Windows shortcuts (MS-SHLLINK): what is started, with which arguments, and where it stands.

use crate::cursor::{Cursor, find_any_case, u32_at};
use crate::reason::Reason;
use crate::report::Facts;

const HAS_TARGET_LIST: u32 = 1;
const HAS_LOCATION: u32 = 2;
const HAS_NAME: u32 = 4;
const HAS_RELATIVE_PATH: u32 = 8;
const HAS_FOLDER: u32 = 0x10;
const HAS_ARGUMENTS: u32 = 0x20;
const UNICODE: u32 = 0x80;
const HEADER_BYTES: usize = 76;
/// Arguments of ordinary shortcuts are shorter.
const LONG_ARGUMENTS: usize = 200;

const INTERPRETERS: [&str; 9] = [
    "cmd.exe",
    "powershell",
    "wscript",
    "cscript",
    "mshta",
    "rundll32",
    "regsvr32",
    "msiexec",
    "pwsh",
];

pub(super) fn note(bytes: &[u8], facts: &mut Facts) {
    // The target is written in several places and forms: the names are looked for in all of the file.
    let plain: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    for name in INTERPRETERS {
        if find_any_case(&plain, name.as_bytes(), 0).is_some() {
            facts.add(Reason::LnkInterpreter, name);
        }
    }
    let network = [&b"\\\\"[..], b"http://", b"https://"];
    let Some(arguments) = arguments(bytes) else {
        return;
    };
    if arguments.len() > LONG_ARGUMENTS {
        facts.add(
            Reason::LnkArguments,
            format!("{} characters", arguments.len()),
        );
    }
    if network
        .iter()
        .any(|sign| find_any_case(&arguments, sign, 0).is_some())
    {
        facts.add(Reason::LnkNetwork, "");
    }
}

/// The command line arguments, with UTF-16 as its low bytes.
fn arguments(bytes: &[u8]) -> Option<Vec<u8>> {
    let flags = u32_at(bytes, 20)?;
    let mut cursor = Cursor::from(bytes, HEADER_BYTES);
    if flags & HAS_TARGET_LIST != 0 {
        let size = cursor.u16()?;
        cursor.skip(size.into())?;
    }
    if flags & HAS_LOCATION != 0 {
        let size = cursor.index()?;
        cursor.skip(size.checked_sub(4)?)?;
    }
    for flag in [HAS_NAME, HAS_RELATIVE_PATH, HAS_FOLDER, HAS_ARGUMENTS] {
        if flags & flag == 0 {
            continue;
        }
        let count = usize::from(cursor.u16()?);
        let wide = flags & UNICODE != 0;
        let text = cursor.take(if wide { count * 2 } else { count })?;
        if flag == HAS_ARGUMENTS {
            let step = if wide { 2 } else { 1 };
            return Some(text.iter().step_by(step).copied().collect());
        }
    }
    None
}

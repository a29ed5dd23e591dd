//! PE/COFF: sections, entry point, imports, what stands behind the last section.

use object::LittleEndian as LE;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_SECURITY, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE, ImageNtHeaders32,
    ImageNtHeaders64,
};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};

use super::{RANDOM_BYTES_MIN, RANDOM_MILLIBITS, authenticode};
use crate::limits::SECTIONS_MAX;
use crate::measure::entropy_millibits;
use crate::reason::Reason;
use crate::report::Facts;
use crate::unpack::embedded::pe_size;

/// Functions that write into another process, as imports name them.
const INJECTION: [&[u8]; 6] = [
    b"WriteProcessMemory",
    b"CreateRemoteThread",
    b"NtUnmapViewOfSection",
    b"QueueUserAPC",
    b"SetThreadContext",
    b"RtlCreateUserThread",
];

pub(super) fn note(bytes: &[u8], facts: &mut Facts) {
    if let Ok(file) = PeFile::<ImageNtHeaders64>::parse(bytes) {
        headers(&file, bytes, facts);
    } else if let Ok(file) = PeFile::<ImageNtHeaders32>::parse(bytes) {
        headers(&file, bytes, facts);
    } else {
        facts.add(Reason::PeTorn, "headers");
    }
}

fn headers<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, bytes: &[u8], facts: &mut Facts) {
    sections(file, bytes, facts);
    overlay(file, bytes, facts);
    authenticode::note(file, bytes, facts);
    if imports(file, facts).is_err() {
        facts.add(Reason::PeTorn, "imports");
    }
}

fn sections<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, bytes: &[u8], facts: &mut Facts) {
    let table = file.section_table();
    let entry = file.nt_headers().optional_header().address_of_entry_point();
    let mut entry_section = None;
    let mut count = 0;
    for (index, section) in table.iter().enumerate().take(SECTIONS_MAX) {
        count += 1;
        let flags = section.characteristics.get(LE);
        if flags.0 & IMAGE_SCN_MEM_WRITE.0 != 0 && flags.0 & IMAGE_SCN_MEM_EXECUTE.0 != 0 {
            facts.add(Reason::PeWritableExecutable, format!("section {index}"));
        }
        let (at, size) = section.pe_file_range();
        let end = u64::from(at) + u64::from(size);
        if size > 0 && end > bytes.len() as u64 {
            facts.add(Reason::PeTorn, format!("section {index}"));
        }
        let data = section.pe_data(bytes).unwrap_or_default();
        if data.len() >= RANDOM_BYTES_MIN && entropy_millibits(data) >= RANDOM_MILLIBITS {
            facts.add(Reason::PePacked, format!("section {index}"));
        }
        let begin = section.virtual_address.get(LE);
        let reach = section.virtual_size.get(LE).max(size);
        if (begin..begin.saturating_add(reach)).contains(&entry) {
            entry_section = Some(index);
        }
    }
    match entry_section {
        _ if entry == 0 => {}
        None => facts.add(Reason::PeEntryOdd, "in no section"),
        Some(index) if count > 2 && index + 1 == count => {
            facts.add(Reason::PeEntryOdd, "in the last section");
        }
        Some(_) => {}
    }
}

/// Bytes behind the last section, but for the signature that stands there by rule.
fn overlay<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, bytes: &[u8], facts: &mut Facts) {
    let Some(end) = pe_size(bytes) else {
        return;
    };
    let signature = file
        .data_directories()
        .get(IMAGE_DIRECTORY_ENTRY_SECURITY)
        .map_or((0, 0), |directory| {
            let at = directory.virtual_address.get(LE) as usize;
            (at, directory.size.get(LE) as usize)
        });
    let behind = bytes.len().saturating_sub(end);
    let signed = if signature.0 >= end { signature.1 } else { 0 };
    // Padding to the alignment of the signature is no overlay.
    if behind > signed.saturating_add(16) {
        facts.add(Reason::PeOverlay, format!("{} bytes", behind - signed));
    }
}

fn imports<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, facts: &mut Facts) -> object::Result<()> {
    let Some(table) = file.import_table()? else {
        return Ok(());
    };
    let mut descriptors = table.descriptors()?;
    let mut names = 0;
    while let Some(descriptor) = descriptors.next()? {
        let mut thunk = descriptor.original_first_thunk.get(LE);
        if thunk == 0 {
            thunk = descriptor.first_thunk.get(LE);
        }
        let mut thunks = table.thunks(thunk)?;
        while let Some(thunk) = thunks.next::<Pe>()? {
            names += 1;
            if names > 65_536 {
                return Ok(());
            }
            use object::read::pe::ImageThunkData as _;
            if thunk.is_ordinal() {
                continue;
            }
            let (_, name) = table.hint_name(thunk.address())?;
            if let Some(known) = INJECTION.iter().find(|known| *known == &name) {
                facts.add(Reason::PeInjection, String::from_utf8_lossy(known));
            }
        }
    }
    Ok(())
}

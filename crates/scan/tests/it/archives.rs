//! Archives written by another program (Python's standard library): each gives up what was put in.

use std::fs;
use std::process::Command;

use crate::make::knows;
use scan::{Limits, Outcome, scan};

const WRITER: &str = r#"
import bz2, gzip, io, lzma, os, sys, tarfile, zipfile
folder, inner = sys.argv[1], open(sys.argv[2], 'rb').read()
def put(name, content):
    with open(os.path.join(folder, name), 'wb') as file:
        file.write(content)
put('one-block.bz2', bz2.compress(inner[:5000], 9))
put('blocks.bz2', bz2.compress(inner, 1))
put('streams.bz2', bz2.compress(inner[:100], 9) + bz2.compress(inner[100:], 3))
put('check.xz', lzma.compress(inner, lzma.FORMAT_XZ, lzma.CHECK_SHA256))
put('filter.xz', lzma.compress(inner, lzma.FORMAT_XZ, filters=[{'id': lzma.FILTER_X86}, {'id': lzma.FILTER_LZMA2}]))
put('alone.lzma', lzma.compress(inner, lzma.FORMAT_ALONE))
put('members.gz', gzip.compress(inner[:77]) + gzip.compress(inner[77:]))
for name, method in [('stored', 0), ('deflate', 8), ('bzip2', 12), ('lzma', 14)]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as file:
        file.writestr('a/b', inner)
    put(name + '.zip', out.getvalue())
    out.seek(0)
    put(name + '.sfx', b'\x7fELF' + bytes(500) + out.getvalue())
for name, form in [('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=form) as file:
        for path in ['short', 'long/' + 'x' * 90 + '/' + 'y' * 90]:
            info = tarfile.TarInfo(path if form != tarfile.USTAR_FORMAT else path[:90])
            content = inner if path == 'short' else b'second'
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    put(name + '.tar', out.getvalue())
"#;

/// Text, runs and noise, so that every part of a decoder has work.
fn inner() -> Vec<u8> {
    let mut state = 7u32;
    let mut bytes = Vec::new();
    while bytes.len() < 250_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = state >> 16;
        match word % 4 {
            0 => bytes.extend_from_slice(format!("line {} of the text\n", word % 100).as_bytes()),
            1 => bytes.extend(std::iter::repeat_n((word % 3) as u8, (word % 700) as usize)),
            2 => bytes.extend_from_slice(&state.to_le_bytes()),
            _ => bytes.extend_from_slice(b"abcabcabcabcabcabc"),
        }
    }
    bytes
}

#[test]
fn what_another_program_packs_comes_out_as_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let inner = inner();
    let source = folder.path().join("inner");
    fs::write(&source, &inner).unwrap();
    let packed = folder.path().join("packed");
    fs::create_dir(&packed).unwrap();
    let done = Command::new("python3")
        .args(["-c", WRITER])
        .args([&packed, &source])
        .status()
        .expect("install the Debian package python3-venv");
    assert!(done.success());
    let database = knows(&[&inner, &inner[..5000]]);
    let mut kept = Vec::new();
    let mut count = 0;
    for file in fs::read_dir(&packed).unwrap() {
        let path = file.unwrap().path();
        let report = scan(&fs::read(&path).unwrap(), &database, &Limits::default());
        count += 1;
        let unread: Vec<_> = report
            .members
            .iter()
            .flat_map(|member| &member.unread)
            .collect();
        if report.outcome != Outcome::Malicious || !unread.is_empty() {
            kept.push(format!(
                "{}: {} {unread:?}",
                path.display(),
                report.members[0].kind
            ));
        }
    }
    assert_eq!((count, kept), (18, Vec::<String>::new()));
}

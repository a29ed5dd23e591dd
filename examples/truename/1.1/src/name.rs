//! What a file's name says, and whether it lies.

use crate::kind::{claimed_by, Class, Kind};

/// A reason to look twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// For machines; never changes.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

fn warning(code: &'static str, text: String) -> Warning {
    Warning { code, text }
}

/// Last extensions that make a system run the file.
const RUNNABLE: &[&str] = &[
    "exe", "scr", "com", "pif", "bat", "cmd", "js", "jse", "vbs", "vbe", "wsf", "wsh", "hta",
    "ps1", "lnk", "msi", "jar", "cpl", "sh", "desktop", "appimage", "run", "reg", "url",
];

/// Extensions people trust, used as bait before a runnable one.
const BAIT: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "rtf", "txt", "csv", "htm",
    "html", "jpg", "jpeg", "png", "gif", "bmp", "mp3", "mp4", "avi", "mov", "zip", "rar", "7z",
    "eml",
];

/// White space before an extension that pushes it out of sight.
const PADDING_CHARS_MIN: usize = 3;

/// Compares a file name with its content.
pub fn inspect(name: &str, kind: Kind) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(hidden_characters(name));
    warnings.extend(padded_extension(name));
    warnings.extend(double_extension(name));
    warnings.extend(wrong_extension(name, kind));
    warnings
}

/// The stem and the extension (trimmed, lower case); a leading dot is no extension.
fn split(name: &str) -> Option<(&str, String)> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| (stem, extension.trim().to_lowercase()))
}

/// Characters that change the direction of the text or are not shown at all.
fn hidden_characters(name: &str) -> Option<Warning> {
    let direction = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    let invisible = |c: char| {
        matches!(
            c,
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
        ) || c.is_control()
    };
    if let Some(c) = name.chars().find(|c| direction(*c)) {
        return Some(warning(
            "text-direction",
            format!(
                "the name turns the direction of text around ({})",
                c.escape_unicode()
            ),
        ));
    }
    let c = name.chars().find(|c| invisible(*c))?;
    Some(warning(
        "invisible-character",
        format!(
            "the name holds an invisible character ({})",
            c.escape_unicode()
        ),
    ))
}

fn padded_extension(name: &str) -> Option<Warning> {
    let (stem, extension) = split(name)?;
    let spaces = stem.chars().rev().take_while(|c| c.is_whitespace()).count();
    (spaces >= PADDING_CHARS_MIN).then(|| {
        warning(
            "padded-extension",
            format!("{spaces} spaces push the real extension .{extension} out of sight"),
        )
    })
}

fn double_extension(name: &str) -> Option<Warning> {
    let (stem, last) = split(name)?;
    let (_, bait) = split(stem)?;
    (RUNNABLE.contains(&last.as_str()) && BAIT.contains(&bait.as_str())).then(|| {
        warning(
            "double-extension",
            format!("poses as .{bait} but runs as .{last}"),
        )
    })
}

/// The extension belongs to another kind. Worse if what is behind it runs.
fn wrong_extension(name: &str, kind: Kind) -> Option<Warning> {
    if kind == Kind::Empty {
        return None;
    }
    let (_, extension) = split(name)?;
    let claimed = claimed_by(&extension);
    let honest = |k: &Kind| {
        *k == kind || Some(*k) == kind.container() || (k.is_textual() && kind.is_textual())
    };
    if claimed.is_empty() || claimed.iter().any(honest) {
        return None;
    }
    let found = kind.row();
    let promised_program = claimed.iter().any(|k| k.row().class == Class::Program);
    if found.class == Class::Program && !promised_program {
        return Some(warning(
            "program-in-disguise",
            format!("called .{extension} but is a {}", found.label),
        ));
    }
    Some(warning(
        "wrong-extension",
        format!(
            "the name says {}, the content says {}",
            claimed[0].row().label,
            found.label
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str, kind: Kind) -> Vec<&'static str> {
        inspect(name, kind).into_iter().map(|w| w.code).collect()
    }

    #[test]
    fn honest_names_pass() {
        for (name, kind) in [
            ("letter.pdf", Kind::Pdf),
            ("SETUP.EXE", Kind::Pe),
            ("truename", Kind::Elf),
            ("libc.so", Kind::Elf),
            ("notes.txt", Kind::Text),
            ("run.sh", Kind::Script),
            ("page.txt", Kind::Html),
            ("book.zip", Kind::Docx),
            (".bashrc", Kind::Text),
            ("v1.2", Kind::Elf),
            ("a b.png", Kind::Png),
            ("new.txt", Kind::Empty),
            ("backup.tar.gz", Kind::Gzip),
            ("файл.txt", Kind::Text),
        ] {
            assert_eq!(codes(name, kind), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_double_extension_is_called_out() {
        assert_eq!(codes("invoice.pdf.exe", Kind::Pe), ["double-extension"]);
        assert_eq!(codes("photo.JPG .Scr", Kind::Pe), ["double-extension"]);
        assert!(codes("archive.tar.gz", Kind::Gzip).is_empty());
    }

    #[test]
    fn padding_is_called_out() {
        assert_eq!(codes("cv          .exe", Kind::Pe), ["padded-extension"]);
        assert_eq!(
            codes("cv.doc\u{3000}\u{a0}\u{2003}.exe", Kind::Pe),
            ["padded-extension", "double-extension"]
        );
    }

    #[test]
    fn turned_text_and_invisible_characters_are_called_out() {
        assert_eq!(codes("annex\u{202e}fdp.exe", Kind::Pe), ["text-direction"]);
        assert_eq!(codes("a\u{200b}b.txt", Kind::Text), ["invisible-character"]);
        assert_eq!(codes("a\nb.txt", Kind::Text), ["invisible-character"]);
    }

    #[test]
    fn a_program_under_a_harmless_name_is_called_out() {
        assert_eq!(codes("holiday.jpg", Kind::Pe), ["program-in-disguise"]);
        assert_eq!(codes("report.docx", Kind::Script), ["program-in-disguise"]);
        assert_eq!(codes("photo.png", Kind::Shortcut), ["program-in-disguise"]);
    }

    #[test]
    fn other_mismatches_are_called_out_more_softly() {
        assert_eq!(codes("photo.jpg", Kind::Png), ["wrong-extension"]);
        assert_eq!(codes("setup.exe", Kind::Elf), ["wrong-extension"]);
        assert_eq!(codes("letter.docx", Kind::Zip), ["wrong-extension"]);
        assert_eq!(codes("letter.pdf", Kind::Unknown), ["wrong-extension"]);
    }
}

//! The kinds of content that are told apart, in one table.

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pe,
    Dos,
    Elf,
    MachO,
    JavaClass,
    Wasm,
    Script,
    Shortcut,
    Jar,
    Apk,
    Dex,
    Pdf,
    Docx,
    Xlsx,
    Pptx,
    OpenDocument,
    Ole2,
    Rtf,
    Html,
    Svg,
    Epub,
    Png,
    Jpeg,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Mp4,
    Ogg,
    Zip,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    SevenZip,
    Rar,
    Cab,
    Tar,
    Iso,
    Sqlite,
    Text,
    Utf16,
    Empty,
    Unknown,
}

/// What happens when somebody opens a file of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It runs, or makes something run.
    Program,
    /// It is shown.
    Document,
    /// It is unpacked or mounted.
    Archive,
    /// Neither, or not known.
    Other,
}

/// One kind and everything the rest of the program knows about it.
pub struct Row {
    pub kind: Kind,
    /// For machines; never changes.
    pub code: &'static str,
    /// For people.
    pub label: &'static str,
    pub class: Class,
    /// Lower-case extensions that are honest for this kind.
    pub extensions: &'static [&'static str],
}

const fn row(
    kind: Kind,
    code: &'static str,
    label: &'static str,
    class: Class,
    extensions: &'static [&'static str],
) -> Row {
    Row {
        kind,
        code,
        label,
        class,
        extensions,
    }
}

use Class::{Archive, Document, Other, Program};

#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Kind::Pe, "pe", "Windows program or library (PE)", Program, &["exe", "dll", "sys", "scr", "cpl", "ocx", "efi", "mui", "pyd"]),
    row(Kind::Dos, "dos", "DOS program", Program, &["exe", "com", "ovl"]),
    row(Kind::Elf, "elf", "Linux program or library (ELF)", Program, &["elf", "so", "o", "ko", "axf", "run", "appimage"]),
    row(Kind::MachO, "mach-o", "macOS program or library (Mach-O)", Program, &["dylib", "o", "so", "bundle"]),
    row(Kind::JavaClass, "java-class", "Java class", Program, &["class"]),
    row(Kind::Wasm, "wasm", "WebAssembly module", Program, &["wasm"]),
    row(Kind::Script, "script", "script", Program, &["sh", "bash", "py", "pl", "rb", "js", "mjs", "php", "lua", "awk", "tcl", "run"]),
    row(Kind::Shortcut, "lnk", "Windows shortcut", Program, &["lnk"]),
    row(Kind::Jar, "jar", "Java program (JAR)", Program, &["jar", "war", "ear"]),
    row(Kind::Apk, "apk", "Android package (APK)", Program, &["apk"]),
    row(Kind::Dex, "dex", "Android bytecode (DEX)", Program, &["dex"]),
    row(Kind::Pdf, "pdf", "PDF document", Document, &["pdf", "ai"]),
    row(Kind::Docx, "docx", "Word document (OOXML)", Document, &["docx", "docm", "dotx", "dotm"]),
    row(Kind::Xlsx, "xlsx", "Excel workbook (OOXML)", Document, &["xlsx", "xlsm", "xltx", "xltm", "xlsb", "xlam"]),
    row(Kind::Pptx, "pptx", "PowerPoint presentation (OOXML)", Document, &["pptx", "pptm", "potx", "potm", "ppsx", "ppsm"]),
    row(Kind::OpenDocument, "opendocument", "OpenDocument file", Document, &["odt", "ods", "odp", "odg", "ott", "ots", "otp", "odf"]),
    row(Kind::Ole2, "ole2", "old Office document or installer (OLE2)", Document, &["doc", "dot", "xls", "xlt", "ppt", "pps", "msi", "msp", "msg", "vsd", "pub", "db"]),
    row(Kind::Rtf, "rtf", "RTF document", Document, &["rtf", "doc"]),
    row(Kind::Html, "html", "HTML page", Document, &["html", "htm", "xhtml", "shtml"]),
    row(Kind::Svg, "svg", "SVG image", Document, &["svg", "xml"]),
    row(Kind::Epub, "epub", "EPUB book", Document, &["epub"]),
    row(Kind::Png, "png", "PNG image", Document, &["png", "apng"]),
    row(Kind::Jpeg, "jpeg", "JPEG image", Document, &["jpg", "jpeg", "jpe", "jfif"]),
    row(Kind::Gif, "gif", "GIF image", Document, &["gif"]),
    row(Kind::WebP, "webp", "WebP image", Document, &["webp"]),
    row(Kind::Bmp, "bmp", "Windows bitmap", Document, &["bmp", "dib"]),
    row(Kind::Tiff, "tiff", "TIFF image", Document, &["tif", "tiff", "dng"]),
    row(Kind::Mp4, "mp4", "MPEG-4 media (ISO base media)", Document, &["mp4", "m4a", "m4v", "mov", "heic", "avif", "3gp"]),
    row(Kind::Ogg, "ogg", "Ogg media", Document, &["ogg", "oga", "ogv", "opus"]),
    row(Kind::Zip, "zip", "ZIP archive", Archive, &["zip", "whl", "nupkg", "crate", "xpi", "ipa", "vsix"]),
    row(Kind::Gzip, "gzip", "gzip data", Archive, &["gz", "tgz", "svgz", "crate"]),
    row(Kind::Bzip2, "bzip2", "bzip2 data", Archive, &["bz2", "tbz", "tbz2"]),
    row(Kind::Xz, "xz", "xz data", Archive, &["xz", "txz"]),
    row(Kind::Zstd, "zstd", "Zstandard data", Archive, &["zst", "zstd", "tzst"]),
    row(Kind::SevenZip, "7z", "7-Zip archive", Archive, &["7z"]),
    row(Kind::Rar, "rar", "RAR archive", Archive, &["rar", "cbr"]),
    row(Kind::Cab, "cab", "Windows cabinet", Archive, &["cab", "msu"]),
    row(Kind::Tar, "tar", "tar archive", Archive, &["tar"]),
    row(Kind::Iso, "iso", "ISO 9660 disc image", Archive, &["iso", "img"]),
    row(Kind::Sqlite, "sqlite", "SQLite database", Other, &["sqlite", "sqlite3", "db", "db3"]),
    row(Kind::Text, "text", "plain text", Document, &["txt", "text", "log", "csv", "tsv", "md", "json", "xml", "ini", "cfg", "toml", "yaml", "yml"]),
    row(Kind::Utf16, "utf16", "plain text (UTF-16)", Document, &["txt", "csv", "log", "reg", "ini"]),
    row(Kind::Empty, "empty", "empty file", Other, &[]),
    row(Kind::Unknown, "unknown", "unknown data", Other, &[]),
];

impl Kind {
    /// The table's row of this kind.
    pub fn row(self) -> &'static Row {
        TABLE
            .iter()
            .find(|row| row.kind == self)
            .unwrap_or(&TABLE[TABLE.len() - 1])
    }

    /// The kind whose name this kind may also carry: every JAR is a ZIP.
    pub fn container(self) -> Option<Kind> {
        match self {
            Kind::Docx
            | Kind::Xlsx
            | Kind::Pptx
            | Kind::OpenDocument
            | Kind::Epub
            | Kind::Jar
            | Kind::Apk => Some(Kind::Zip),
            _ => None,
        }
    }

    /// Text of one sort or another: any textual extension is honest for it.
    pub fn is_textual(self) -> bool {
        matches!(
            self,
            Kind::Text | Kind::Utf16 | Kind::Html | Kind::Svg | Kind::Script
        )
    }
}

/// Every kind that may honestly carry `extension` (lower case); empty when nobody claims it.
pub fn claimed_by(extension: &str) -> Vec<Kind> {
    TABLE
        .iter()
        .filter(|row| row.extensions.contains(&extension))
        .map(|row| row.kind)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_row_and_every_code_is_used_once() {
        assert_eq!(Kind::Pe.row().code, "pe");
        let mut codes: Vec<_> = TABLE.iter().map(|row| row.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
        assert_eq!(TABLE[TABLE.len() - 1].kind, Kind::Unknown);
    }

    #[test]
    fn extensions_are_lower_case_and_may_be_shared() {
        for extension in TABLE.iter().flat_map(|row| row.extensions) {
            assert_eq!(*extension, extension.to_lowercase());
        }
        assert_eq!(claimed_by("exe"), [Kind::Pe, Kind::Dos]);
        assert!(claimed_by("zzz").is_empty());
    }
}

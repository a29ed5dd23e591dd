//! Files that are two things at once: one reader sees a picture, another an archive.

use crate::kind::Kind;
use crate::name::Warning;
use crate::sample::Sample;
use crate::zip;

/// Warns when what begins as a document or picture ends as a ZIP archive.
///
/// Programs are left out: a self-extracting archive is a program with a ZIP behind it.
pub fn inspect(sample: &Sample, kind: Kind) -> Option<Warning> {
    let front = match kind {
        Kind::Pdf | Kind::Png | Kind::Jpeg | Kind::Gif | Kind::Bmp | Kind::WebP => kind,
        Kind::Html | Kind::Rtf | Kind::Ole2 | Kind::Tiff | Kind::Mp4 => kind,
        _ => return None,
    };
    zip::ends_as_archive(sample).then(|| Warning {
        code: "polyglot",
        text: format!(
            "is a {} and a ZIP archive at the same time",
            front.row().label
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdf_with_an_archive_behind_it_is_called_out() {
        let mut bytes = b"%PDF-1.7\n%%EOF\n".to_vec();
        assert_eq!(inspect(&Sample::of(&bytes), Kind::Pdf), None);
        bytes.extend(zip::archive(&["payload.js"]));
        let warning = inspect(&Sample::of(&bytes), Kind::Pdf).unwrap();
        assert_eq!(warning.code, "polyglot");
    }

    #[test]
    fn a_program_may_carry_an_archive() {
        let bytes = zip::archive(&["data"]);
        assert_eq!(inspect(&Sample::of(&bytes), Kind::Pe), None);
    }
}

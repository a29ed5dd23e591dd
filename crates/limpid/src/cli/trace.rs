//! `limpid trace`

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use binary::{AddressRange, Function, Place, Program, SourceCoverage};
use clap::Args;
use endpoint::Report;
use serde::Serialize;
use serde_json::json;
use statement::{FileDigest, StatementDigest};

use super::source_tree::{Line, SourceTree};
use crate::out::{Out, fold};

/// Ranges shown to people; machines get all of them.
const RANGES_SHOWN: usize = 20;

/// What it can be asked.
const AFTER_HELP: &str = "\
Ask for one of:
  limpid trace FILE 0x1139        which source line this byte comes from
  limpid trace FILE verify        where a function is, here and in the source
  limpid trace FILE src/a.rs:17   which bytes come from this line
  limpid trace FILE --without-source

Debug information is the builder's word. That it belongs to these bytes is
shown by rebuilding them: --bundle verifies that, offline, and then --source
must be the very archive that was built.

Exit status: 0 found, 1 the evidence is refused, 2 nothing found or the file
cannot be read.";

/// Trace a byte of a program to its source line, and back
///
/// The program is ELF with debug information (`-g`, `debug = 1`); without it only
/// symbols are known.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_HELP)]
pub(super) struct Trace {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// An address (0x...), a function, or a source line (FILE:LINE)
    #[arg(value_name = "WHAT", required_unless_present = "without_source")]
    what: Option<String>,
    /// The audited source: its directory, or its source archive
    #[arg(long, value_name = "TREE")]
    source: Option<PathBuf>,
    /// Where the compiler saw that source
    #[arg(long, value_name = "DIR", default_value = "/build/src")]
    built_at: PathBuf,
    /// Bundle of proofs of the program, if it was released: verified first
    #[arg(long, value_name = "BUNDLE", requires = "anchor")]
    bundle: Option<PathBuf>,
    /// Digest of the first constitution: the only thing taken on trust
    #[arg(long, value_name = "DIGEST", requires = "bundle")]
    anchor: Option<StatementDigest>,
    /// Report the executable bytes that no line and no symbol accounts for
    #[arg(long, conflicts_with_all = ["what", "source"])]
    without_source: bool,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Question<'q> {
    Address(u64),
    Line(&'q str, u32),
    Function(&'q str),
}

impl<'q> Question<'q> {
    fn parse(text: &'q str) -> Result<Self> {
        if let Some(digits) = text.strip_prefix("0x") {
            let address = u64::from_str_radix(digits, 16);
            return Ok(Self::Address(address.with_context(|| {
                format!("{text:?} is no address; write it like 0x1139")
            })?));
        }
        Ok(match text.rsplit_once(':') {
            Some((file, line)) if !file.is_empty() && !file.ends_with(':') => {
                let line = line.parse().ok().filter(|line| *line > 0);
                let line = line.with_context(|| {
                    format!("{text:?} names no line; write it like src/main.rs:17")
                })?;
                Self::Line(file, line)
            }
            _ => Self::Function(text),
        })
    }
}

impl Trace {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let file = self.file.display();
        let released = self.released()?;
        let bytes = fs::read(&self.file).with_context(|| format!("cannot read {file}"))?;
        if let Some(released) = &released {
            released.check_read(&bytes)?;
        }
        let program = Program::open(&bytes).with_context(|| format!("cannot trace {file}"))?;
        let out = Answered { out, released };
        let Some(what) = &self.what else {
            let coverage = program.without_source();
            out.print(&coverage_text(&coverage), serde_json::to_value(&coverage)?);
            return Ok(());
        };
        let mut tree = self
            .source
            .map(|source| SourceTree::open(source, self.built_at))
            .transpose()?;
        let mut answer = Answer::new(tree.as_mut());
        match Question::parse(what)? {
            Question::Address(address) => answer.address(&program, address)?,
            Question::Line(file, line) => answer.line(&program, file, line)?,
            Question::Function(name) => answer.function(&program, name)?,
        }
        out.print(&answer.text, serde_json::to_value(&answer.found)?);
        Ok(())
    }

    /// The program's release, verified offline, and the source that was given held against it.
    fn released(&self) -> Result<Option<Released>> {
        let (Some(bundle), Some(anchor)) = (&self.bundle, self.anchor) else {
            return Ok(None);
        };
        let proofs = fs::read(bundle);
        let proofs = proofs.with_context(|| format!("cannot read {}", bundle.display()))?;
        let now = release::system_clock();
        let report = endpoint::verify_file(&self.file, &proofs, anchor, None, None, now)?;
        if let Some(source) = &self.source {
            check_source(source, report.source.archive)?;
        }
        Ok(Some(Released(report)))
    }
}

/// The file is the source archive that the released program was built from.
fn check_source(source: &Path, archive: FileDigest) -> Result<()> {
    let shown = source.display();
    if source.is_dir() {
        bail!(
            "{shown} is a directory, and what was built is the source archive {archive}; give that file, \
             which the log keeps as a public blob"
        );
    }
    let read = || format!("cannot read {shown}");
    let bytes = fs::read(source).with_context(read)?;
    let digest = FileDigest::of(&bytes);
    if digest != archive {
        bail!("{shown} has SHA-256 {digest}; the released program was built from {archive}");
    }
    Ok(())
}

/// What the bundle proves about the program.
struct Released(Report);

impl Released {
    /// The bytes to trace are those that were verified.
    fn check_read(&self, bytes: &[u8]) -> Result<()> {
        if FileDigest::of(bytes) == self.0.file.sha256 {
            return Ok(());
        }
        bail!("the program changed while it was verified; try again")
    }

    fn text(&self) -> String {
        let Report {
            release,
            source,
            rebuilds,
            ..
        } = &self.0;
        let owners: Vec<_> = rebuilds
            .iter()
            .map(|rebuild| rebuild.signed.legal_owner.as_str())
            .collect();
        let lines = [
            format!(
                "{} {}, number {} of {} for {}",
                release.product, release.version, release.seq, release.channel, release.platform
            ),
            format!("rebuilt bit for bit by {}", owners.join(" and ")),
            format!("source archive {}", source.archive),
        ];
        let folded = lines.iter().flat_map(|line| fold(0, line));
        folded.map(|line| line + "\n").collect()
    }

    fn value(&self) -> serde_json::Value {
        let Report {
            release, source, ..
        } = &self.0;
        json!({
            "release": release.digest,
            "product": release.product,
            "version": release.version,
            "source": source.build,
            "archive": source.archive,
        })
    }
}

/// Where answers go, each with what is known of the program.
struct Answered {
    out: Out,
    released: Option<Released>,
}

impl Answered {
    fn print(&self, text: &str, found: serde_json::Value) {
        match &self.released {
            None => self.out.result(text, &found),
            Some(released) => {
                let value = json!({"released": released.value(), "found": found});
                self.out
                    .result(&format!("{}\n{text}", released.text()), &value);
            }
        }
    }
}

/// What is found, as text and for machines.
struct Answer<'t> {
    tree: Option<&'t mut SourceTree>,
    text: String,
    found: Vec<serde_json::Value>,
}

/// A place, with its line in the audited tree.
#[derive(Serialize)]
struct Traced<'p> {
    #[serde(flatten)]
    place: &'p Place,
    tree: Option<Line>,
}

impl<'t> Answer<'t> {
    const fn new(tree: Option<&'t mut SourceTree>) -> Self {
        Self {
            tree,
            text: String::new(),
            found: Vec::new(),
        }
    }

    fn say(&mut self, indent: usize, line: &str) {
        for line in fold(indent, line) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    fn address(&mut self, program: &Program<'_>, address: u64) -> Result<()> {
        let places = program.place_of(address)?;
        if places.is_empty() {
            bail!(
                "no line and no symbol accounts for the byte at {address:#x}; see --without-source"
            );
        }
        self.say(0, &format!("{address:#x}"));
        let mut traced = Vec::new();
        for place in &places {
            let tree = self.place(place)?;
            traced.push(Traced { place, tree });
        }
        self.found
            .push(json!({"address": address, "places": traced}));
        Ok(())
    }

    fn function(&mut self, program: &Program<'_>, name: &str) -> Result<()> {
        let functions = program.functions(name)?;
        if functions.is_empty() {
            bail!(
                "no function is called {name:?} here; it may be inlined everywhere (ask for its line), or the \
                 symbols may be stripped"
            );
        }
        for function in &functions {
            let Function {
                name,
                address,
                bytes,
                place,
            } = function;
            self.say(0, &format!("{name}: {bytes} bytes at {address:#x}"));
            let tree = match place {
                Some(place) => self.place(place)?,
                None => None,
            };
            self.found.push(json!({"function": function, "tree": tree}));
        }
        Ok(())
    }

    fn line(&mut self, program: &Program<'_>, file: &str, line: u32) -> Result<()> {
        let ranges = program.addresses_of(file, line);
        if ranges.is_empty() && !program.has_lines() {
            bail!("this program has no line tables; build it with debug information");
        }
        let Some(first) = ranges.first() else {
            bail!(
                "no byte comes from {file}:{line}; it may hold no code, or be left out by the compiler"
            );
        };
        self.say(0, &format!("{}:{}", first.file, first.line));
        let tree = self.in_tree(Some(&first.file), Some(line))?;
        for range in &ranges {
            let AddressRange {
                start, end, file, ..
            } = range;
            let other = if *file == first.file {
                String::new()
            } else {
                format!(" ({file})")
            };
            let places = program.place_of(*start)?;
            let function = places.last().and_then(|place| place.function.as_deref());
            let within = function.map_or(String::new(), |name| format!(" in {name}"));
            self.say(
                2,
                &format!("{} bytes at {start:#x}{within}{other}", end - start),
            );
        }
        self.found.push(json!({"ranges": ranges, "tree": tree}));
        Ok(())
    }

    /// One place and, if there is a tree, its line there.
    fn place(&mut self, place: &Place) -> Result<Option<Line>> {
        let function = place.function.as_deref().unwrap_or("an unknown function");
        let inlined = if place.inlined { ", inlined into" } else { "" };
        let at = match (&place.file, place.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => format!("{file}, no line"),
            _ => "no debug information".to_owned(),
        };
        self.say(2, &format!("{function} ({at}){inlined}"));
        self.in_tree(place.file.as_deref(), place.line)
    }

    fn in_tree(&mut self, file: Option<&str>, line: Option<u32>) -> Result<Option<Line>> {
        let (Some(file), Some(line), Some(tree)) = (file, line, self.tree.as_mut()) else {
            return Ok(None);
        };
        let found = tree.line(Path::new(file), line)?;
        match &found {
            Line::Found { path, text } => {
                let text = text.trim();
                self.say(4, &format!("{path}:{line} | {text}"));
            }
            Line::NotInTree => self.say(4, "not in the source tree"),
            Line::TooShort { path, lines } => {
                self.say(4, &format!("{path} has {lines} lines only: another source"));
            }
        }
        Ok(Some(found))
    }
}

fn coverage_text(coverage: &SourceCoverage) -> String {
    let mut text = format!("{} executable bytes\n", coverage.executable_bytes);
    for (bytes, what) in [
        (coverage.line_bytes, "with a line of source"),
        (coverage.symbol_bytes, "with a symbol only"),
        (coverage.padding_bytes, "padding between functions"),
        (coverage.without_bytes, "without source"),
    ] {
        let hundredths = coverage.hundredths(bytes);
        let (whole, part) = (hundredths / 100, hundredths % 100);
        let _ = writeln!(text, "{bytes:>12}  {whole:>3}.{part:02} %  {what}");
    }
    let mut ranges: Vec<_> = coverage
        .ranges
        .iter()
        .filter(|range| !range.padding)
        .collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.end - range.start));
    for range in ranges.iter().take(RANGES_SHOWN) {
        let (bytes, start, section) = (range.end - range.start, range.start, &range.section);
        let _ = writeln!(text, "{bytes:>12}  {start:#x} in {section}");
    }
    if ranges.len() > RANGES_SHOWN {
        let more = ranges.len() - RANGES_SHOWN;
        let _ = writeln!(text, "and {more} smaller ranges (all with --json)");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_an_address_a_line_or_a_function() {
        assert_eq!(Question::parse("0x1f").unwrap(), Question::Address(31));
        assert_eq!(
            Question::parse("src/a.rs:17").unwrap(),
            Question::Line("src/a.rs", 17)
        );
        assert_eq!(
            Question::parse("check::verify").unwrap(),
            Question::Function("check::verify")
        );
        assert!(Question::parse("0xg").is_err());
        assert!(Question::parse("a.rs:0").is_err());
    }

    #[test]
    fn with_proofs_only_the_archive_that_was_built_is_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("source.tar");
        fs::write(&archive, "the archive").unwrap();
        let built = FileDigest::of(b"the archive");
        check_source(&archive, built).unwrap();
        let said = |given: &Path| {
            let refused = check_source(given, FileDigest::of(b"another")).unwrap_err();
            refused.to_string()
        };
        assert!(said(&archive).contains("was built from"));
        assert!(said(folder.path()).contains("is a directory"));
    }
}

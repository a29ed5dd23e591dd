//! What a comparison comes to, for people and machines.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Rule;

/// The verdict on two files. Only `Identical` counts as a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Byte for byte equal.
    Identical,
    /// Every differing byte is covered by a rule that is switched on, and none of them is code.
    Explained,
    /// Anything else.
    Unexplained,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identical => "identical",
            Self::Explained => "explained",
            Self::Unexplained => "unexplained",
        })
    }
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The first.
    Ours,
    /// The second.
    Theirs,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        })
    }
}

/// One thing on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair<T> {
    /// In the first file.
    pub ours: T,
    /// In the second file.
    pub theirs: T,
}

impl<T> Pair<T> {
    pub(crate) const fn new(ours: T, theirs: T) -> Self {
        Self { ours, theirs }
    }
}

/// Where a function lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Virtual address; in an object file the offset in its section.
    pub address: u64,
    /// Bytes.
    pub bytes: u64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x}", self.bytes, self.address)
    }
}

/// How a function differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Its instructions are others.
    Instructions,
    /// Its instructions are the same and reach another function or another place in the data.
    Reaches,
    /// It is in one of the files only.
    Only(Side),
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// Bytes of a section, a member or the whole file.
    Bytes {
        /// Sizes.
        sizes: Pair<u64>,
        /// How many bytes differ, at equal places and by size.
        differing: u64,
        /// Offset of the first in ours, from the start of the place.
        first: u64,
        /// Some of what stands there.
        examples: Vec<Pair<String>>,
    },
    /// A function.
    Function {
        /// Its name, demangled, if there are symbols.
        name: Option<String>,
        /// How it differs.
        change: Change,
        /// Where it lies in each, if it is there.
        spans: Pair<Option<Span>>,
        /// `file:line` where it begins, if there is debug information.
        source: Option<String>,
    },
    /// A field of a header.
    Field {
        /// Its name in the format's specification.
        field: String,
        /// What it says.
        values: Pair<String>,
    },
    /// A section or member that only one side has.
    Only {
        /// Which side has it.
        side: Side,
        /// Its size.
        bytes: u64,
    },
}

/// How a difference is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// A rule covers every byte of it.
    Explained(Rule),
    /// It was computed from something that differs, and the computation was done again.
    Follows,
    /// No rule covers it, or the rule is switched off.
    Unexplained,
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Explained(rule) => rule.serialize(serializer),
            Self::Follows => serializer.serialize_str("follows"),
            Self::Unexplained => serializer.serialize_str("unexplained"),
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explained(rule) => write!(f, "{rule}"),
            Self::Follows => f.write_str("follows"),
            Self::Unexplained => f.write_str("unexplained"),
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: members from the outside in, then the section; empty for the whole file.
    pub place: String,
    /// What differs there.
    #[serde(flatten)]
    pub what: What,
    /// The rule, or that there is none.
    pub judgement: Judgement,
    /// Why it is judged so.
    pub because: String,
}

/// All that differs between two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The verdict.
    pub verdict: Verdict,
    /// Sizes of the files.
    pub sizes: Pair<u64>,
    /// What differs; unexplained first, and of these functions first.
    pub differences: Vec<Difference>,
    /// Differences that are not listed because there are too many.
    pub left_off: u64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pair { ours, theirs } = self.sizes;
        writeln!(
            f,
            "{}: ours {ours} bytes, theirs {theirs} bytes",
            self.verdict
        )?;
        let code = self
            .differences
            .iter()
            .any(|difference| matches!(difference.what, What::Function { .. }));
        for difference in &self.differences {
            match &difference.what {
                // Where functions are told, sections differ by them and by what they shifted.
                What::Bytes { .. } if code => difference.short(f)?,
                _ => write!(f, "{difference}")?,
            }
        }
        if self.left_off > 0 {
            writeln!(f, "and {} more differences", self.left_off)?;
        }
        match self.verdict {
            Verdict::Identical => Ok(()),
            Verdict::Explained => fold(
                f,
                0,
                "Every differing byte is covered by a rule named above. This is not `identical` and counts \
                 for no rebuild.",
            ),
            Verdict::Unexplained => fold(
                f,
                0,
                "Comparing two builds cannot say which of them is honest: a third one decides.",
            ),
        }
    }
}

impl Difference {
    fn named(&self) -> &str {
        if self.place.is_empty() {
            "the file"
        } else {
            &self.place
        }
    }

    /// In one line.
    fn short(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (judgement, place) = (self.judgement, self.named());
        let What::Bytes { differing, .. } = &self.what else {
            return fold(f, 2, &format!("{judgement}: {place}"));
        };
        fold(
            f,
            2,
            &format!("{judgement}: {place}, {differing} bytes differ"),
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fold(f, 2, &format!("{}: {}", self.judgement, self.named()))?;
        self.what.print(f)?;
        fold(f, 6, &self.because)
    }
}

impl What {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes {
                sizes,
                differing,
                first,
                examples,
            } => {
                let sizes = if sizes.ours == sizes.theirs {
                    format!("of {}", sizes.ours)
                } else {
                    format!("of {} and {}", sizes.ours, sizes.theirs)
                };
                fold(
                    f,
                    4,
                    &format!("{differing} {sizes} bytes differ, the first at {first:#x}"),
                )?;
                for Pair { ours, theirs } in examples {
                    fold(f, 6, &format!("ours   {ours}"))?;
                    fold(f, 6, &format!("theirs {theirs}"))?;
                }
                Ok(())
            }
            Self::Function {
                name,
                change,
                spans,
                source,
            } => {
                let name = name.as_deref().unwrap_or("a function without a name");
                let line = match (change, &spans.ours, &spans.theirs) {
                    (Change::Only(side), Some(span), _) | (Change::Only(side), _, Some(span)) => {
                        format!("{name}: in {side} only, {span}")
                    }
                    (Change::Reaches, Some(ours), Some(theirs)) => {
                        format!(
                            "{name}: same instructions reach elsewhere: ours {ours}, theirs {theirs}"
                        )
                    }
                    (_, Some(ours), Some(theirs)) => {
                        format!("{name}: ours {ours}, theirs {theirs}")
                    }
                    _ => name.to_owned(),
                };
                fold(f, 4, &line)?;
                source
                    .as_ref()
                    .map_or(Ok(()), |source| fold(f, 6, &format!("from {source}")))
            }
            Self::Field { field, values } => fold(
                f,
                4,
                &format!("{field}: ours {}, theirs {}", values.ours, values.theirs),
            ),
            Self::Only { side, bytes } => fold(f, 4, &format!("in {side} only, {bytes} bytes")),
        }
    }
}

/// Lines end before this column.
const COLUMNS: usize = 80;

/// Writes a line, broken at spaces (or anywhere, where there are none) to fit a terminal. Control
/// characters, which may come from a hostile file, become blots.
pub(crate) fn fold(f: &mut fmt::Formatter<'_>, indent: usize, line: &str) -> fmt::Result {
    let mut margin = indent;
    let clean: Vec<char> = line
        .chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect();
    let mut rest = clean.as_slice();
    loop {
        let room = COLUMNS - margin;
        if rest.len() <= room {
            return writeln!(f, "{:margin$}{}", "", String::from_iter(rest));
        }
        let space = rest[..=room].iter().rposition(|char| *char == ' ');
        let cut = space.filter(|at| *at > 0).unwrap_or(room);
        writeln!(
            f,
            "{:margin$}{}",
            "",
            String::from_iter(&rest[..cut]).trim_end()
        )?;
        rest = &rest[cut..];
        if rest[0] == ' ' {
            rest = &rest[1..];
        }
        margin = indent + 2;
    }
}

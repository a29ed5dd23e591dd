//! Every reason a report can give, in one list: scoring tables name these and no others.

use serde::{Deserialize, Serialize};

/// Makes the list, its names and its order from one table.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// Why a member is worth a look. The text of each is its name in reports and scoring tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The reason of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
            }

            /// Whether it says that something was not read, rather than what was found.
            pub const fn is_unread(self) -> bool {
                matches!(
                    self,
                    Self::ContainerDamaged
                        | Self::ContainerEncrypted
                        | Self::ContainerUnsupported
                        | Self::LimitCycle
                        | Self::LimitDepth
                        | Self::LimitLiveBytes
                        | Self::LimitMemberBytes
                        | Self::LimitMembers
                        | Self::LimitRatio
                        | Self::LimitTime
                        | Self::LimitTotalBytes
                        | Self::RuleUnfinished
                )
            }
        }
    };
}

reasons! {
    /// Something in it could not be read, since it is not what it says.
    ContainerDamaged = "container.damaged",
    /// Something in it needs a key.
    ContainerEncrypted = "container.encrypted",
    /// Two formats at once.
    ContainerPolyglot = "container.polyglot",
    /// Something in it is in a form that is not read here.
    ContainerUnsupported = "container.unsupported",
    /// Its SHA-256 is in the list of known bad files.
    DigestKnownBad = "digest.known-bad",
    /// Entry point in a segment that may be written.
    ElfEntryWritable = "elf.entry-writable",
    /// No section headers.
    ElfNoSections = "elf.no-sections",
    /// Bytes behind everything its headers name.
    ElfOverlay = "elf.overlay",
    /// A segment is writable and executable.
    ElfWritableExecutable = "elf.writable-executable",
    /// Nearly every byte value equally often, in a file that is not compressed by its format.
    EntropyHigh = "entropy.high",
    /// A file that contains a member equal to itself.
    LimitCycle = "limit.cycle",
    /// Containers within containers.
    LimitDepth = "limit.depth",
    /// Memory.
    LimitLiveBytes = "limit.live-bytes",
    /// Size of one member.
    LimitMemberBytes = "limit.member-bytes",
    /// Number of members.
    LimitMembers = "limit.members",
    /// Unpacked to packed.
    LimitRatio = "limit.ratio",
    /// Time.
    LimitTime = "limit.time",
    /// All members together.
    LimitTotalBytes = "limit.total-bytes",
    /// Arguments for what it starts.
    LnkArguments = "lnk.arguments",
    /// It starts a command interpreter.
    LnkInterpreter = "lnk.interpreter",
    /// It starts something on another machine.
    LnkNetwork = "lnk.network",
    /// Entry point outside of all segments.
    MachoEntryOutside = "macho.entry-outside",
    /// A segment is writable and executable.
    MachoWritableExecutable = "macho.writable-executable",
    /// A macro that runs when the document is opened or closed.
    MacroAuto = "macro.auto",
    /// A macro that calls functions of Windows.
    MacroDeclare = "macro.declare",
    /// A macro that fetches from the network.
    MacroNetwork = "macro.network",
    /// A document with macros.
    MacroPresent = "macro.present",
    /// A macro that starts programs.
    MacroShell = "macro.shell",
    /// A document that draws on a template elsewhere, or on DDE.
    OfficeExternal = "office.external",
    /// An object of another program inside a document.
    OfficeObject = "office.object",
    /// Something is done by itself when it is opened.
    PdfAutomatic = "pdf.automatic",
    /// Files inside.
    PdfEmbedded = "pdf.embedded",
    /// JavaScript.
    PdfJavascript = "pdf.javascript",
    /// It starts a program.
    PdfLaunch = "pdf.launch",
    /// A form is sent, or another file is opened.
    PdfRemote = "pdf.remote",
    /// Entry point in no section, or in the last of several.
    PeEntryOdd = "pe.entry-odd",
    /// Imports that write into other processes.
    PeInjection = "pe.injection",
    /// A program inside another file, with no container around it.
    PeInside = "pe.inside",
    /// Bytes behind the last section that are no signature.
    PeOverlay = "pe.overlay",
    /// A section whose bytes look compressed or encrypted.
    PePacked = "pe.packed",
    /// A signature that was made over another file.
    PeSignatureBroken = "pe.signature-broken",
    /// Something stands in the place of a signature and cannot be read as one.
    PeSignatureOdd = "pe.signature-odd",
    /// A signature over this very file; whose is not known here.
    PeSigned = "pe.signed",
    /// Sections or directories that point out of the file.
    PeTorn = "pe.torn",
    /// A section is writable and executable.
    PeWritableExecutable = "pe.writable-executable",
    /// A rule of severity `malicious`.
    RuleMalicious = "rule.malicious",
    /// A rule of severity `note`.
    RuleNote = "rule.note",
    /// A rule of severity `suspicious`.
    RuleSuspicious = "rule.suspicious",
    /// The rules did not come to an end on this member.
    RuleUnfinished = "rule.unfinished",
    /// A rule without a severity.
    RuleUnrated = "rule.unrated",
    /// A script that decodes text and runs it.
    ScriptDecodes = "script.decodes",
    /// A script that fetches something and runs it.
    ScriptDownloads = "script.downloads",
    /// A script that hides its window or switches off protections.
    ScriptHides = "script.hides",
}

impl From<Reason> for String {
    fn from(named: Reason) -> Self {
        named.as_str().to_owned()
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("no reason is called `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_sorted_and_lead_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::named("pe"), None);
        assert!(Reason::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    }
}

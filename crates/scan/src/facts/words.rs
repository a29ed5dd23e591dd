//! Scripts, macros and Office parts: words that do something. Signs, never proof: the scoring table
//! decides what they weigh.

use crate::cursor::find_any_case;
use crate::reason::Reason;
use crate::report::Facts;

/// Words in lower case; all of one row must be there.
type Row = (Reason, &'static [&'static str]);

const MACROS: &[Row] = &[
    (Reason::MacroAuto, &["sub autoopen"]),
    (Reason::MacroAuto, &["sub auto_open"]),
    (Reason::MacroAuto, &["sub autoexec"]),
    (Reason::MacroAuto, &["sub autoclose"]),
    (Reason::MacroAuto, &["sub document_open"]),
    (Reason::MacroAuto, &["sub document_close"]),
    (Reason::MacroAuto, &["sub workbook_open"]),
    (Reason::MacroAuto, &["sub workbook_activate"]),
    (Reason::MacroShell, &["shell("]),
    (Reason::MacroShell, &["shell \""]),
    (Reason::MacroShell, &["wscript.shell"]),
    (Reason::MacroShell, &["shell.application"]),
    (Reason::MacroShell, &["winmgmts:", "win32_process"]),
    (Reason::MacroShell, &["callbyname", "createobject"]),
    (Reason::MacroNetwork, &["xmlhttp"]),
    (Reason::MacroNetwork, &["winhttprequest"]),
    (Reason::MacroNetwork, &["urldownloadtofile"]),
    (Reason::MacroNetwork, &["adodb.stream", "http"]),
    (Reason::MacroDeclare, &["declare ", " lib "]),
    (Reason::MacroDeclare, &["virtualalloc"]),
    (Reason::MacroDeclare, &["createthread"]),
];

const SCRIPTS: &[Row] = &[
    (Reason::ScriptDecodes, &["frombase64string", "iex"]),
    (
        Reason::ScriptDecodes,
        &["frombase64string", "invoke-expression"],
    ),
    (Reason::ScriptDecodes, &["-encodedcommand"]),
    (Reason::ScriptDecodes, &[" -enc "]),
    (Reason::ScriptDecodes, &["eval(", "unescape("]),
    (Reason::ScriptDecodes, &["eval(", "fromcharcode"]),
    (Reason::ScriptDecodes, &["eval(", "atob("]),
    (Reason::ScriptDecodes, &["base64 -d", "| sh"]),
    (Reason::ScriptDecodes, &["base64 -d", "| bash"]),
    (Reason::ScriptDecodes, &["eval(base64_decode("]),
    (Reason::ScriptDecodes, &["executeglobal"]),
    (Reason::ScriptDownloads, &["downloadstring(", "iex"]),
    (Reason::ScriptDownloads, &["downloadfile(", "start-process"]),
    (Reason::ScriptDownloads, &["downloadfile(", "shell"]),
    (Reason::ScriptDownloads, &["certutil", "-urlcache"]),
    (Reason::ScriptDownloads, &["bitsadmin", "/transfer"]),
    (
        Reason::ScriptDownloads,
        &["xmlhttp", "adodb.stream", "savetofile"],
    ),
    (Reason::ScriptDownloads, &["mshta", "http"]),
    (Reason::ScriptDownloads, &["curl ", "| sh"]),
    (Reason::ScriptDownloads, &["curl ", "| bash"]),
    (Reason::ScriptDownloads, &["wget ", "| sh"]),
    (Reason::ScriptHides, &["-windowstyle hidden"]),
    (Reason::ScriptHides, &["-w hidden"]),
    (Reason::ScriptHides, &["set-mppreference", "disable"]),
    (Reason::ScriptHides, &["amsiutils"]),
    (Reason::ScriptHides, &["vssadmin", "delete", "shadows"]),
    (Reason::ScriptHides, &["history -c", "unset histfile"]),
];

/// Parts of OOXML.
const OFFICE: &[Row] = &[
    (
        Reason::OfficeExternal,
        &["attachedtemplate", "targetmode=\"external\""],
    ),
    (
        Reason::OfficeExternal,
        &["oleobject", "targetmode=\"external\""],
    ),
    (
        Reason::OfficeExternal,
        &["frame", "targetmode=\"external\"", "mhtml:"],
    ),
    (Reason::OfficeExternal, &["ddeauto"]),
    (Reason::OfficeExternal, &["<ddelink", "ddeservice"]),
    (Reason::OfficeObject, &["relationships/oleobject"]),
    (Reason::MacroPresent, &["relationships/vbaproject"]),
];

fn note(rows: &[Row], bytes: &[u8], facts: &mut Facts) {
    for (reason, words) in rows {
        if words
            .iter()
            .all(|word| find_any_case(bytes, word.as_bytes(), 0).is_some())
        {
            facts.add(*reason, words.join(" + "));
        }
    }
}

pub(super) fn macros(bytes: &[u8], facts: &mut Facts) {
    facts.add(Reason::MacroPresent, "");
    note(MACROS, bytes, facts);
}

pub(super) fn script(bytes: &[u8], facts: &mut Facts) {
    note(SCRIPTS, bytes, facts);
}

pub(super) fn office(bytes: &[u8], facts: &mut Facts) {
    note(OFFICE, bytes, facts);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn noted(note: fn(&[u8], &mut Facts), text: &str) -> Vec<Reason> {
        let mut facts = Facts::default();
        note(text.as_bytes(), &mut facts);
        let mut reasons: Vec<_> = facts
            .into_sorted()
            .into_iter()
            .map(|fact| fact.reason)
            .collect();
        reasons.dedup();
        reasons
    }

    #[test]
    fn all_words_of_a_row_must_be_there_in_any_case() {
        let open = "Sub AutoOpen()\nCreateObject(\"WScript.Shell\").Run \"calc\"\nEnd Sub";
        assert_eq!(
            noted(macros, open),
            [Reason::MacroAuto, Reason::MacroPresent, Reason::MacroShell]
        );
        assert_eq!(noted(macros, "Sub Sum()"), [Reason::MacroPresent]);
        assert_eq!(noted(script, "curl https://example.org > page"), []);
        assert_eq!(
            noted(script, "CURL https://example.org | SH"),
            [Reason::ScriptDownloads]
        );
    }

    #[test]
    fn words_are_written_in_lower_case() {
        for (_, words) in MACROS.iter().chain(SCRIPTS).chain(OFFICE) {
            assert!(words.iter().all(|word| *word == word.to_lowercase()));
        }
    }
}

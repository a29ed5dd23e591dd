//! What the user sees: one line per file, or one JSON object per line.

use std::io::{self, Write};
use std::path::Path;

use crate::detect::Content;
use crate::name::Warning;

/// What became of one path.
pub enum Outcome {
    Seen {
        content: Content,
        warnings: Vec<Warning>,
    },
    Unreadable(String),
}

/// Writes the report of one file.
pub fn print(out: &mut impl Write, path: &Path, outcome: &Outcome, json: bool) -> io::Result<()> {
    let path = path.to_string_lossy();
    if json {
        print_json(out, &path, outcome)
    } else {
        print_text(out, &path, outcome)
    }
}

fn print_text(out: &mut impl Write, path: &str, outcome: &Outcome) -> io::Result<()> {
    let path = printable(path);
    match outcome {
        Outcome::Unreadable(problem) => writeln!(out, "{path}: error: {problem}"),
        Outcome::Seen { content, warnings } => {
            write!(out, "{path}: {}", content.kind.row().label)?;
            if let Some(detail) = &content.detail {
                write!(out, ", {}", printable(detail))?;
            }
            writeln!(out)?;
            for warning in warnings {
                writeln!(
                    out,
                    "  warning: {} [{}]",
                    printable(&warning.text),
                    warning.code
                )?;
            }
            Ok(())
        }
    }
}

fn print_json(out: &mut impl Write, path: &str, outcome: &Outcome) -> io::Result<()> {
    match outcome {
        Outcome::Unreadable(problem) => {
            writeln!(
                out,
                r#"{{"path":{},"error":{}}}"#,
                quoted(path),
                quoted(problem)
            )
        }
        Outcome::Seen { content, warnings } => {
            let row = content.kind.row();
            write!(
                out,
                r#"{{"path":{},"kind":"{}","label":{}"#,
                quoted(path),
                row.code,
                quoted(row.label)
            )?;
            if let Some(detail) = &content.detail {
                write!(out, r#","detail":{}"#, quoted(detail))?;
            }
            let warnings: Vec<String> = warnings
                .iter()
                .map(|w| format!(r#"{{"code":"{}","text":{}}}"#, w.code, quoted(&w.text)))
                .collect();
            writeln!(out, r#","warnings":[{}]}}"#, warnings.join(","))
        }
    }
}

/// Text that cannot steer a terminal: control and direction characters are spelled out.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if steers {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
    }
    shown
}

/// A JSON string (RFC 8259); everything but plain characters is escaped.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            ' '..='~' => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn printed(outcome: &Outcome, path: &str, json: bool) -> String {
        let mut out = Vec::new();
        print(&mut out, Path::new(path), outcome, json).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn seen() -> Outcome {
        Outcome::Seen {
            content: Content {
                kind: Kind::Script,
                detail: Some("run by sh".to_owned()),
            },
            warnings: vec![Warning {
                code: "wrong-extension",
                text: "says \"x\"".to_owned(),
            }],
        }
    }

    #[test]
    fn text_has_a_line_and_its_warnings() {
        assert_eq!(
            printed(&seen(), "a\u{202e}b", false),
            "a\\u{202e}b: script, run by sh\n  warning: says \"x\" [wrong-extension]\n"
        );
    }

    #[test]
    fn json_is_one_escaped_line() {
        assert_eq!(
            printed(&seen(), "é\n😀", true),
            "{\"path\":\"\\u00e9\\u000a\\ud83d\\ude00\",\"kind\":\"script\",\"label\":\"script\",\
             \"detail\":\"run by sh\",\"warnings\":[{\"code\":\"wrong-extension\",\"text\":\"says \\\"x\\\"\"}]}\n"
        );
    }

    #[test]
    fn an_unreadable_file_is_said_to_be_so() {
        let gone = Outcome::Unreadable("gone".to_owned());
        assert_eq!(printed(&gone, "a", false), "a: error: gone\n");
        assert_eq!(
            printed(&gone, "a", true),
            "{\"path\":\"a\",\"error\":\"gone\"}\n"
        );
    }
}

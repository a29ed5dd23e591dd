//! Records of lines: what each refusal shows of what was found.

use statement::{LineError, Lines};

const TITLE: &str = "limpid test v1";

fn open(text: &str, max: usize) -> Result<Lines<'_>, LineError> {
    Lines::open(TITLE, text.as_bytes(), max)
}

#[test]
fn a_record_is_read_up_to_its_greatest_length() {
    let text = format!("{TITLE}\nname value\n");
    assert!(open(&text, text.len()).is_ok());
    for max in [text.len() - 1, 3] {
        let refused = open(&text, max).unwrap_err();
        let bytes = text.len();
        let title = TITLE;
        assert_eq!(refused, LineError::TooLong { title, bytes, max });
    }
}

#[test]
fn what_was_found_is_shown_up_to_80_characters() {
    let long = "é".repeat(81);
    let text = format!("{long}\n");
    let refused = open(&text, 1_000).unwrap_err();
    let found = "é".repeat(80);
    assert_eq!(
        refused,
        LineError::Title {
            title: TITLE,
            found
        }
    );
}

#[test]
fn a_line_with_another_key_is_not_taken_for_the_one_that_is_due() {
    let text = format!("{TITLE}\nname value\nlast one\n");
    let mut lines = open(&text, 1_000).unwrap();
    assert_eq!(lines.text_ahead(), "name value");
    assert!(lines.next_is("name") && !lines.next_is("nam"));
    let refused = lines.text("size").unwrap_err();
    let other = LineError::Key {
        title: TITLE,
        key: "size",
        found: "name value".to_owned(),
    };
    assert_eq!(refused, other);
    assert_eq!(lines.text_ahead(), "last one");
    assert_eq!(lines.text("last").unwrap(), "one");
    assert_eq!(lines.text_ahead(), "");
}

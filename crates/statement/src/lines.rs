//! Records of ours that are no JSON: a first line that names the format, then `key value` lines in one order.
//!
//! They are hashed more often than they are read (headers of sealed samples, leaves of batches), by programs in other
//! languages too, so they have one spelling that needs no library:
//!
//! ```text
//! limpid receipt v1
//! sample 5f1c8a0e2b7d4c6f9a3e1d0b8c7f6a54
//! ...
//! ```

use std::{fmt, str::FromStr};

/// Why bytes are not the record that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than any record of this kind.
    #[error("a record of `{title}` has {bytes} bytes; at most {max} are allowed")]
    TooLong {
        /// First line of the format.
        title: &'static str,
        /// Found.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// Not UTF-8, or a line without its newline at the end.
    #[error("a record of `{title}` is not lines of UTF-8 that each end with a newline")]
    NotLines {
        /// First line of the format.
        title: &'static str,
    },
    /// Another format, or another version of it.
    #[error("the record begins with `{found}`; expected `{title}`")]
    Title {
        /// First line of the format.
        title: &'static str,
        /// The first line found, cut to 80 characters.
        found: String,
    },
    /// Another line than the one that comes next.
    #[error("the record `{title}` has `{found}` where the line `{key} ...` belongs")]
    Key {
        /// First line of the format.
        title: &'static str,
        /// Key of the line that belongs there.
        key: &'static str,
        /// The line found, cut to 80 characters; empty at the end of the record.
        found: String,
    },
    /// The value of a line is not what the line is for.
    #[error("the record `{title}` has `{key} {value}`, which is {wrong}")]
    Value {
        /// First line of the format.
        title: &'static str,
        /// Key of the line.
        key: &'static str,
        /// The value, cut to 80 characters.
        value: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// Something follows the last line.
    #[error("the record `{title}` goes on with `{found}` after its last line")]
    Trailing {
        /// First line of the format.
        title: &'static str,
        /// The line found, cut to 80 characters.
        found: String,
    },
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Reads one record, line by line in its one order.
#[derive(Debug)]
pub struct Lines<'a> {
    title: &'static str,
    rest: &'a str,
}

impl<'a> Lines<'a> {
    /// Begins with the first line, which must be `title`.
    ///
    /// # Errors
    /// [`LineError`]: too long, no lines, or another format.
    pub fn open(title: &'static str, bytes: &'a [u8], max: usize) -> Result<Self, LineError> {
        if bytes.len() > max {
            let bytes = bytes.len();
            return Err(LineError::TooLong { title, bytes, max });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LineError::NotLines { title })?;
        if !text.ends_with('\n') {
            return Err(LineError::NotLines { title });
        }
        let mut lines = Self { title, rest: text };
        let found = lines.line();
        if found == title {
            return Ok(lines);
        }
        let found = cut(found);
        Err(LineError::Title { title, found })
    }

    fn line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line
    }

    /// Whether the next line has this key.
    pub fn next_is(&self, key: &str) -> bool {
        self.rest
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(' '))
    }

    /// The next line as it stands, for messages.
    pub fn text_ahead(&self) -> &'a str {
        self.rest.split('\n').next().unwrap_or("")
    }

    /// The value of the next line, which must have this key.
    ///
    /// # Errors
    /// [`LineError::Key`].
    pub fn text(&mut self, key: &'static str) -> Result<&'a str, LineError> {
        let line = self.line();
        match line.split_once(' ') {
            Some((found, value)) if found == key => Ok(value),
            _ => Err(LineError::Key {
                title: self.title,
                key,
                found: cut(line),
            }),
        }
    }

    /// The value of the next line, read as what it is for.
    ///
    /// # Errors
    /// [`LineError::Key`], [`LineError::Value`].
    pub fn value<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Result<T, LineError> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|wrong: T::Err| self.wrong(key, text, wrong.to_string()))
    }

    /// The value of the next line: a whole number without leading zeros, up to 2^53 - 1.
    ///
    /// # Errors
    /// [`LineError::Key`], [`LineError::Value`].
    pub fn number(&mut self, key: &'static str) -> Result<u64, LineError> {
        let text = self.text(key)?;
        match text.parse::<u64>() {
            Ok(number) if number <= crate::limits::INTEGER_MAX && number.to_string() == text => {
                Ok(number)
            }
            _ => Err(self.wrong(
                key,
                text,
                "no whole number from 0 to 2^53-1 without leading zeros".to_owned(),
            )),
        }
    }

    /// The refusal of a value, for checks that the type of the value cannot make.
    pub fn wrong(&self, key: &'static str, value: &str, wrong: String) -> LineError {
        LineError::Value {
            title: self.title,
            key,
            value: cut(value),
            wrong,
        }
    }

    /// The record ends here.
    ///
    /// # Errors
    /// [`LineError::Trailing`].
    pub fn end(mut self) -> Result<(), LineError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let title = self.title;
        let found = cut(self.line());
        Err(LineError::Trailing { title, found })
    }
}

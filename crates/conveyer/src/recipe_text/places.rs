//! Checks of single values, and where in the text they stand.

use std::ops::Range;

use toml::Spanned;

use super::Arguments;
use crate::limits::{WORD_BYTES_MAX, WORDS_MAX};
use crate::recipe::{JOBS, RecipeFault, next_argument};

/// The text, for lines and for values as written.
pub(super) struct Places<'a> {
    pub(super) text: &'a str,
}

impl Places<'_> {
    pub(super) fn fault(&self, field: &str, span: Range<usize>, want: &str) -> RecipeFault {
        let start = span.start.min(self.text.len());
        let written = self.text.get(span).unwrap_or_default();
        RecipeFault {
            line: self.text.as_bytes()[..start]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1,
            field: field.to_owned(),
            value: written.chars().take(100).collect(),
            want: want.to_owned(),
        }
    }

    /// A refusal of the TOML reader: unknown or missing fields, wrong types, broken syntax.
    pub(super) fn toml(&self, error: &toml::de::Error) -> RecipeFault {
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        let mut fault = self.fault("", error.span().unwrap_or(0..0), &message);
        let line = self.text.lines().nth(fault.line - 1).unwrap_or_default();
        if let Some(name) = message.strip_prefix("missing field ") {
            (fault.field, fault.value) = (name.replace('`', ""), "(absent)".to_owned());
        } else if let Some((field, value)) = line.split_once('=') {
            (fault.field, fault.value) = (
                field.trim().to_owned(),
                value.trim().chars().take(100).collect(),
            );
        } else {
            (fault.field, fault.value) =
                (line.trim().chars().take(100).collect(), "(none)".to_owned());
        }
        fault
    }

    pub(super) fn checked(
        &self,
        field: &str,
        value: &Spanned<String>,
        is_fine: fn(&str) -> bool,
        want: &str,
    ) -> Result<String, RecipeFault> {
        if is_fine(value.get_ref()) {
            Ok(value.get_ref().clone())
        } else {
            Err(self.fault(field, value.span(), want))
        }
    }

    pub(super) fn word<T: std::str::FromStr>(
        &self,
        field: &str,
        value: &Spanned<String>,
        want: &str,
    ) -> Result<T, RecipeFault> {
        value
            .get_ref()
            .parse()
            .map_err(|_| self.fault(field, value.span(), want))
    }

    pub(super) fn number(
        &self,
        field: &str,
        value: Option<&Spanned<u64>>,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, RecipeFault> {
        let Some(value) = value else {
            return Ok(default);
        };
        if range.contains(value.get_ref()) {
            return Ok(*value.get_ref());
        }
        Err(self.fault(
            field,
            value.span(),
            &format!("a number from {} to {}", range.start(), range.end()),
        ))
    }

    pub(super) fn command(
        &self,
        field: &str,
        command: &Spanned<Vec<String>>,
        arguments: &Arguments,
    ) -> Result<Vec<String>, RecipeFault> {
        let words = command.get_ref();
        if !(1..=WORDS_MAX).contains(&words.len()) || words[0].is_empty() {
            let want = "1 to 64 words of at most 4,096 bytes, the first not empty";
            return Err(self.fault(field, command.span(), want));
        }
        for word in words {
            self.filling(field, command.span(), word, arguments)?;
        }
        Ok(words.clone())
    }

    /// A text in which every `{{name}}` is an argument.
    pub(super) fn filling(
        &self,
        field: &str,
        span: Range<usize>,
        text: &str,
        arguments: &Arguments,
    ) -> Result<(), RecipeFault> {
        if text.len() > WORD_BYTES_MAX || text.contains('\0') {
            return Err(self.fault(field, span, "at most 4,096 bytes without NUL"));
        }
        let mut rest = text;
        while let Some((_, name, after)) = next_argument(rest) {
            if name != JOBS && !arguments.contains_key(name) {
                let want = format!("{{{{{name}}}}} to be jobs or one of [arguments]");
                return Err(self.fault(field, span, &want));
            }
            rest = after;
        }
        if rest.contains("{{") {
            return Err(self.fault(field, span, "every {{ to be closed by }}"));
        }
        Ok(())
    }
}

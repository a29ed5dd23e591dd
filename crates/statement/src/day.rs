//! A day of the proleptic Gregorian calendar in UTC, as `2026-11-22`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A day in UTC. All that a public statement says about when a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no day from 1970-01-01 to 9999-12-31, written like 2026-11-22")]
pub struct DayError {
    /// What was found, cut to 80 characters.
    value: String,
}

const SECONDS: u64 = 86_400;

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

impl Day {
    /// The day of a time in POSIX seconds; nothing after the year 9999.
    #[must_use]
    pub fn of(posix_seconds: u64) -> Option<Self> {
        let mut rest = posix_seconds / SECONDS;
        for year in 1970..=9999 {
            let days = if is_leap(year) { 366 } else { 365 };
            if rest >= days {
                rest -= days;
                continue;
            }
            for month in 1..=12 {
                let days = u64::from(days_in_month(year, month));
                if rest >= days {
                    rest -= days;
                    continue;
                }
                let day = u8::try_from(rest + 1).ok()?;
                return Some(Self { year, month, day });
            }
        }
        None
    }

    /// POSIX seconds at which it begins.
    #[must_use]
    pub fn start(&self) -> u64 {
        let years = (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 });
        let months = (1..self.month).map(|month| u64::from(days_in_month(self.year, month)));
        (years.sum::<u64>() + months.sum::<u64>() + u64::from(self.day) - 1) * SECONDS
    }

    /// POSIX seconds at which the next one begins.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start() + SECONDS
    }
}

impl FromStr for Day {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let read = || {
            let mut parts = text.splitn(3, '-');
            let year = parts.next()?.parse().ok()?;
            let month = parts.next()?.parse().ok()?;
            let day = parts.next()?.parse().ok()?;
            let fits = (1970..=9999).contains(&year)
                && (1..=12).contains(&month)
                && (1..=days_in_month(year, month)).contains(&day);
            // Printed again, which refuses signs, blanks and missing zeros.
            Some(Self { year, month, day }).filter(|day| fits && day.to_string() == text)
        };
        read().ok_or_else(|| DayError {
            value: text.chars().take(80).collect(),
        })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

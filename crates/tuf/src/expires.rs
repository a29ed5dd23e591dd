//! Expiry times: RFC 3339 in UTC with whole seconds, `2026-11-22T00:07:00Z`, and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::TufError;

/// A moment in POSIX seconds, between 1970 and the end of 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expires(u64);

const TEXT_BYTES: usize = "2026-11-22T00:07:00Z".len();
const DAY_S: u64 = 86_400;
/// 9999-12-31T23:59:59Z.
const POSIX_S_MAX: u64 = 253_402_300_799;

impl Expires {
    /// From POSIX seconds; refuses anything after the year 9999.
    pub fn from_posix(seconds: u64) -> Result<Self, TufError> {
        if seconds > POSIX_S_MAX {
            return Err(refused(&seconds.to_string()));
        }
        Ok(Expires(seconds))
    }

    /// POSIX seconds.
    pub fn posix(self) -> u64 {
        self.0
    }

    /// True when the metadata no longer counts at `now` (POSIX seconds): the expiry must be
    /// *higher* than the time of the update (spec section 5.3.10 and its like).
    pub fn is_past(self, now: u64) -> bool {
        self.0 <= now
    }
}

fn refused(value: &str) -> TufError {
    TufError::Field {
        field: "expires",
        value: value.chars().take(40).collect(),
        reason: "must be a UTC time like 2026-11-22T00:07:00Z",
    }
}

impl FromStr for Expires {
    type Err = TufError;

    fn from_str(text: &str) -> Result<Self, TufError> {
        parse(text.as_bytes())
            .map(Expires)
            .ok_or_else(|| refused(text))
    }
}

impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / DAY_S);
        let second = self.0 % DAY_S;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl TryFrom<String> for Expires {
    type Error = TufError;

    fn try_from(text: String) -> Result<Self, TufError> {
        text.parse()
    }
}

impl From<Expires> for String {
    fn from(expires: Expires) -> String {
        expires.to_string()
    }
}

fn parse(text: &[u8]) -> Option<u64> {
    if text.len() != TEXT_BYTES {
        return None;
    }
    for (at, mark) in [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'Z'),
    ] {
        if text[at] != mark {
            return None;
        }
    }
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_u64, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + u64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let in_range = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    in_range.then(|| days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before 1 January of `year`, counted from year 0.
fn days_before_year(year: u64) -> u64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let months: u64 = (1..month).map(|m| days_in_month(year, m)).sum();
    days_before_year(year) - days_before_year(1970) + months + day - 1
}

/// Counts years and months off; at most 8,030 years, and metadata lives in the first hundred.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let (mut year, mut rest) = (1970, days);
    while rest >= days_in_year(year) {
        rest -= days_in_year(year);
        year += 1;
    }
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_have_their_text() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_304_820, "2026-11-21T23:47:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (POSIX_S_MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Expires(seconds).to_string(), text);
            assert_eq!(text.parse::<Expires>().unwrap().posix(), seconds);
        }
        assert!(Expires::from_posix(POSIX_S_MAX + 1).is_err());
        assert!(Expires::from_posix(POSIX_S_MAX).is_ok());
    }

    #[test]
    fn other_ways_to_write_a_time_are_refused() {
        for text in [
            "",
            "2026-11-22T00:07:00",
            "2026-11-22T00:07:00z",
            "2026-11-22t00:07:00Z",
            "2026-11-22 00:07:00Z",
            "2026-11-22T00:07:00.0Z",
            "2026-11-22T00:07:00+00:00",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T23:60:00Z",
            "2026-11-22T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "+026-11-22T00:07:00Z",
            "2026-11-22T00:07:0٣Z",
        ] {
            assert!(text.parse::<Expires>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_second_named_is_already_past() {
        let expires = Expires(100);
        assert!(!expires.is_past(99));
        assert!(expires.is_past(100));
    }

    proptest! {
        #[test]
        fn every_second_survives_the_round_trip(seconds in 0..=POSIX_S_MAX) {
            let text = Expires(seconds).to_string();
            prop_assert_eq!(text.parse::<Expires>().unwrap().posix(), seconds);
        }

        #[test]
        fn what_parses_prints_the_same(text in "[0-9TZ:.-]{0,24}|[12][09][0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z") {
            if let Ok(expires) = text.parse::<Expires>() {
                prop_assert_eq!(expires.to_string(), text);
            }
        }
    }
}

//! The scoring table: what each reason weighs. Data, released and logged like rules; `spec/scoring-table.md`.
//!
//! ```text
//! limpid-scoring v1
//! suspicious 40
//! malicious 100
//! container.damaged 10
//! digest.known-bad 100
//! limit.ratio anomaly
//! ```
//!
//! (shortened: a table names every reason, in the order of names, once.)

use crate::error::ScanError;
use crate::reason::Reason;

const FIRST_LINE: &str = "limpid-scoring v1";
/// More than this is no weight but a slip of the pen.
const POINTS_MAX: u32 = 1_000;

/// What one reason does to the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Adds to the score of the member.
    Points(u32),
    /// Machines cannot settle it, unless the score says malicious anyway.
    Anomaly,
}

/// A parsed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    suspicious: u32,
    malicious: u32,
    weights: Vec<Weight>,
}

/// The first table, used where no released one is at hand.
pub const FIRST_SCORING: &str = include_str!("../data/scoring-table.txt");

impl Scoring {
    /// Reads a table: first line, two thresholds, then every reason once in the order of names.
    ///
    /// # Errors
    /// [`ScanError::Scoring`] with the line that is not as it must be, [`ScanError::Unscored`] for a
    /// reason that no line names.
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        let whole = text.ends_with('\n') && !text.contains('\r');
        let mut lines = (1..).zip(text.lines());
        let bad = |line: usize, what, value: &str| ScanError::Scoring {
            line,
            what,
            value: value.chars().take(80).collect(),
        };
        let (line, first) = lines.next().unwrap_or((1, ""));
        if first != FIRST_LINE || !whole {
            return Err(bad(line, "is not a table of version 1", first));
        }
        let mut threshold = |name: &'static str| {
            let (line, text) = lines.next().unwrap_or((2, ""));
            text.strip_prefix(name)
                .and_then(|rest| points(rest.strip_prefix(' ')?))
                .filter(|points| *points > 0)
                .ok_or_else(|| bad(line, name, text))
        };
        let suspicious = threshold("suspicious")?;
        let malicious = threshold("malicious")?;
        if malicious <= suspicious {
            return Err(bad(3, "malicious is not above suspicious", ""));
        }
        let mut reasons = Reason::ALL.iter().copied();
        let mut weights = vec![Weight::Points(0); Reason::ALL.len()];
        for (line, text) in lines {
            let (name, weight) = text
                .split_once(' ')
                .ok_or_else(|| bad(line, "has no weight", text))?;
            let reason = Reason::named(name).ok_or_else(|| bad(line, "names no reason", name))?;
            let expected = reasons
                .next()
                .ok_or_else(|| bad(line, "names a reason again", name))?;
            if reason != expected {
                return Err(if reason.as_str() > expected.as_str() {
                    ScanError::Unscored {
                        reason: expected.as_str(),
                    }
                } else {
                    bad(line, "is out of order", name)
                });
            }
            weights[reason as usize] = match weight {
                "anomaly" => Weight::Anomaly,
                _ => {
                    Weight::Points(points(weight).ok_or_else(|| bad(line, "is no weight", weight))?)
                }
            };
        }
        match reasons.next() {
            Some(reason) => Err(ScanError::Unscored {
                reason: reason.as_str(),
            }),
            None => Ok(Self {
                suspicious,
                malicious,
                weights,
            }),
        }
    }

    /// The text that [`Scoring::parse`] reads back.
    pub fn print(&self) -> String {
        let mut text = format!(
            "{FIRST_LINE}\nsuspicious {}\nmalicious {}\n",
            self.suspicious, self.malicious
        );
        for reason in Reason::ALL.iter().copied() {
            let weight = match self.weight(reason) {
                Weight::Points(points) => points.to_string(),
                Weight::Anomaly => "anomaly".to_owned(),
            };
            text.push_str(reason.as_str());
            text.push(' ');
            text.push_str(&weight);
            text.push('\n');
        }
        text
    }

    /// What a reason weighs.
    pub fn weight(&self, reason: Reason) -> Weight {
        self.weights[reason as usize]
    }

    /// The score from which a member is suspicious.
    pub fn suspicious(&self) -> u32 {
        self.suspicious
    }

    /// The score from which a member is malicious.
    pub fn malicious(&self) -> u32 {
        self.malicious
    }
}

/// A decimal number without leading zeros.
fn points(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.starts_with('0') && text != "0";
    (digits && !leading)
        .then(|| text.parse().ok())?
        .filter(|points| *points <= POINTS_MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_table_is_read_and_printed_as_the_same_bytes() {
        let scoring = Scoring::parse(FIRST_SCORING).unwrap();
        assert_eq!(scoring.print(), FIRST_SCORING);
        assert_eq!(scoring.weight(Reason::LimitRatio), Weight::Anomaly);
        assert_eq!(
            scoring.weight(Reason::DigestKnownBad),
            Weight::Points(scoring.malicious())
        );
    }

    #[test]
    fn a_table_that_forgets_a_reason_is_refused_by_its_name() {
        let short = FIRST_SCORING.replace("elf.overlay 0\n", "");
        assert!(short.len() < FIRST_SCORING.len());
        let error = Scoring::parse(&short).unwrap_err();
        assert!(matches!(
            error,
            ScanError::Unscored {
                reason: "elf.overlay"
            }
        ));
        let without_last = FIRST_SCORING.trim_end().rsplit_once('\n').unwrap().0;
        let error = Scoring::parse(&format!("{without_last}\n")).unwrap_err();
        assert!(matches!(error, ScanError::Unscored { .. }));
    }

    #[test]
    fn any_other_spelling_of_a_table_is_refused() {
        for (from, to) in [
            ("v1", "v2"),
            ("\n", "\r\n"),
            ("suspicious 40", "suspicious 040"),
            ("suspicious 40", "suspicious 0"),
            ("malicious 100", "malicious 40"),
            ("limit.ratio anomaly", "limit.ratio Anomaly"),
            ("limit.ratio anomaly", "limit.ratio  anomaly"),
            ("limit.ratio anomaly", "limit.ratio 1001"),
            ("limit.ratio anomaly", "limit.ratio -1"),
            ("limit.ratio anomaly", "limit.rate anomaly"),
            (
                "limit.ratio anomaly",
                "limit.ratio anomaly\nlimit.ratio anomaly",
            ),
        ] {
            let other = FIRST_SCORING.replacen(from, to, if from == "\n" { 99 } else { 1 });
            assert_ne!(other, FIRST_SCORING, "{from}");
            assert!(Scoring::parse(&other).is_err(), "{to}");
        }
        assert!(Scoring::parse("").is_err());
        assert!(Scoring::parse(FIRST_SCORING.trim_end()).is_err());
    }
}

//! Reads how many tests passed and failed from what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Printed as `N passed, N failed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The count in a summary line of `cargo test` or `cargo nextest`, `None` for any other line.
///
/// `cargo nextest` shows the output of a failed test indented, with a `test result:` of its own in
/// it; that test is in the summary already. So only a `test result:` at the margin counts.
pub(crate) fn reported(line: &str) -> Option<Count> {
    let summary = match line.trim_start().strip_prefix("Summary [") {
        Some(behind) => behind.split_once("run:")?.1,
        None => line.strip_prefix("test result:")?,
    };
    let mut count = Count::default();
    for part in summary.split([',', ';', '.', '(', ')']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match kind {
            "passed" => count.passed += number,
            // A test that hangs or loses its process has failed.
            "failed" | "timed" | "exec" => count.failed += number,
            _ => {}
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(u64, u64)> {
        reported(line).map(|count| (count.passed, count.failed))
    }

    #[test]
    fn summaries_of_cargo_test_are_read() {
        let line = "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s";
        assert_eq!(read(line), Some((5, 2)));
        assert_eq!(
            read("test result: ok. 0 passed; 0 failed; 0 ignored"),
            Some((0, 0))
        );
    }

    #[test]
    fn summaries_of_nextest_are_read() {
        assert_eq!(
            read("     Summary [   1.2s] 9 tests run: 9 passed, 0 skipped"),
            Some((9, 0))
        );
        let line = "     Summary [   1.2s] 12/14 tests run: 7 passed (2 slow, 1 flaky), 3 failed, 1 timed out, 1 exec failed, 4 skipped";
        assert_eq!(read(line), Some((7, 5)));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "9 passed",
            "running 3 tests",
            "test a ... ok",
            "        PASS [0.1s] a b",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_last_line_reads_plainly() {
        assert_eq!(
            Count {
                passed: 3,
                failed: 0
            }
            .to_string(),
            "3 passed, 0 failed"
        );
    }
}

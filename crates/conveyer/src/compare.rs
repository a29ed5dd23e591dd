//! Compares what two parties built, artifact by artifact. Only `identical` ever counts.

use binary::{Comparison, Explanations, Verdict};
use serde::Serialize;

/// One artifact of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComparedArtifact {
    /// Its name.
    pub name: String,
    /// What differs; `ours` is the rebuild, `theirs` the original.
    pub comparison: Comparison,
}

/// The whole comparison of a rebuild with the original: what a `rebuild` statement names as its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst verdict of all artifacts.
    pub verdict: Verdict,
    /// Rules that were switched on.
    pub rules: Vec<binary::Rule>,
    /// Artifacts that differ.
    pub artifacts: Vec<ComparedArtifact>,
    /// What could not be compared, and why; makes the verdict `unexplained`.
    pub missing: Vec<String>,
}

impl Report {
    /// Nothing compared yet, so nothing differs.
    #[must_use]
    pub fn new(switched_on: &Explanations) -> Self {
        let rules = binary::Rule::ALL.into_iter();
        Self {
            verdict: Verdict::Identical,
            rules: rules.filter(|rule| switched_on.allow(*rule)).collect(),
            artifacts: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Compares one artifact; says nothing about equal bytes.
    pub fn compare(&mut self, name: &str, rebuilt: &[u8], original: &[u8], rules: &Explanations) {
        let comparison = binary::compare(rebuilt, original, rules);
        if comparison.verdict != Verdict::Identical {
            self.verdict = self.verdict.max(comparison.verdict);
            self.artifacts.push(ComparedArtifact {
                name: name.to_owned(),
                comparison,
            });
        }
    }

    /// Notes that something could not be compared.
    pub fn miss(&mut self, why: String) {
        self.verdict = Verdict::Unexplained;
        self.missing.push(why);
    }

    /// What differs, for people, the worst first: at most `lines_max` texts.
    #[must_use]
    pub fn lines(&self, lines_max: usize) -> Vec<String> {
        let mut all = self.missing.clone();
        let mut artifacts: Vec<_> = self.artifacts.iter().collect();
        artifacts.sort_by_key(|artifact| std::cmp::Reverse(artifact.comparison.verdict));
        for ComparedArtifact { name, comparison } in artifacts {
            let told = comparison.differences.iter();
            all.extend(told.map(|difference| format!("{name}: {difference}").trim().to_owned()));
            if comparison.left_off > 0 {
                all.push(format!("{name}: and {} more", comparison.left_off));
            }
        }
        if all.len() > lines_max {
            let more = all.len() - (lines_max - 1);
            all.truncate(lines_max - 1);
            all.push(format!("and {more} more, see the report"));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_artifact_decides_and_is_told_first() {
        let all = Explanations::all();
        let mut report = Report::new(&all);
        report.compare("same", b"1", b"1", &all);
        assert_eq!(report.verdict, Verdict::Identical);
        report.compare("clock", b"built 03:18:29", b"built 03:19:02", &all);
        assert_eq!(report.verdict, Verdict::Explained);
        report.compare("other", b"one", b"two", &all);
        report.compare("clock2", b"built 03:18:29", b"built 03:19:02", &all);
        assert_eq!(report.verdict, Verdict::Unexplained);
        let names: Vec<_> = report
            .artifacts
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["clock", "other", "clock2"]);
        assert!(report.lines(9)[0].starts_with("other: "), "{report:?}");
        assert_eq!(report.lines(2)[1], "and 2 more, see the report");
    }

    #[test]
    fn what_could_not_be_compared_is_unexplained() {
        let mut report = Report::new(&Explanations::none());
        assert!(report.rules.is_empty());
        report.miss("it is gone".to_owned());
        assert_eq!(report.verdict, Verdict::Unexplained);
        assert_eq!(report.lines(8), ["it is gone"]);
    }
}

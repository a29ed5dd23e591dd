//! Collects differences while two files are walked together, within the limits.

use crate::{
    Comparison, Difference, Explanations, Judgement, Pair, Rule, Verdict, What,
    explain::{Covered, FolderPairs},
    limits::{DIFFERENCES_MAX, EXAMPLES_MAX, UNPACKED_BYTES_MAX},
};

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Findings<'r> {
    pub(crate) rules: &'r Explanations,
    pub(crate) folders: FolderPairs,
    /// What may still be unpacked.
    pub(crate) unpackable: u64,
    differences: Vec<Difference>,
    left_off: u64,
    unexplained: bool,
    explained: bool,
}

impl<'r> Findings<'r> {
    pub(crate) fn new(rules: &'r Explanations) -> Self {
        Self {
            rules,
            folders: FolderPairs::default(),
            unpackable: UNPACKED_BYTES_MAX,
            differences: Vec::new(),
            left_off: 0,
            unexplained: false,
            explained: false,
        }
    }

    /// Whether anything was found that no rule covers.
    pub(crate) const fn has_unexplained(&self) -> bool {
        self.unexplained
    }

    /// How many differences there are so far, listed or not.
    pub(crate) const fn count(&self) -> u64 {
        self.differences.len() as u64 + self.left_off
    }

    /// Notes one difference.
    pub(crate) fn add(
        &mut self,
        place: &str,
        what: What,
        judgement: Judgement,
        because: impl Into<String>,
    ) {
        match judgement {
            Judgement::Explained(rule) => {
                debug_assert!(self.rules.allow(rule));
                self.explained = true;
            }
            Judgement::Follows => {}
            Judgement::Unexplained => self.unexplained = true,
        }
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference {
                place: place.to_owned(),
                what,
                judgement,
                because: because.into(),
            });
        } else {
            self.left_off += 1;
        }
    }

    pub(crate) fn unexplained(&mut self, place: &str, what: What, because: impl Into<String>) {
        self.add(place, what, Judgement::Unexplained, because);
    }

    /// A field that differs and that no rule covers.
    pub(crate) fn field(&mut self, place: &str, field: &str, ours: String, theirs: String) {
        let what = What::Field {
            field: field.to_owned(),
            values: Pair::new(ours, theirs),
        };
        self.unexplained(place, what, "no rule covers this field");
    }

    /// A field that holds a time.
    pub(crate) fn time_field(&mut self, place: &str, field: &str, ours: String, theirs: String) {
        if !self.rules.allow(Rule::EmbeddedTime) {
            return self.field(place, field, ours, theirs);
        }
        let what = What::Field {
            field: field.to_owned(),
            values: Pair::new(ours, theirs),
        };
        let because = "this field of the format holds a time and nothing else";
        self.add(
            place,
            what,
            Judgement::Explained(Rule::EmbeddedTime),
            because,
        );
    }

    /// Notes the places of one stretch of bytes, those of one judgement together.
    pub(crate) fn places(&mut self, place: &str, sizes: &Pair<u64>, covered: &[Covered]) {
        let rules = [None].into_iter().chain(Rule::ALL.map(Some));
        for rule in rules {
            let mut of_rule = covered.iter().filter(|place| place.rule == rule).peekable();
            let Some(first) = of_rule.peek().map(|first| first.start as u64) else {
                continue;
            };
            let mut examples: Vec<Pair<String>> = Vec::new();
            let (mut differing, mut count) = (0, 0_u64);
            for place in of_rule {
                differing += place.differing;
                count += 1;
                let example = Pair::new(place.ours.clone(), place.theirs.clone());
                if examples.len() < EXAMPLES_MAX && !examples.contains(&example) {
                    examples.push(example);
                }
            }
            let what = What::Bytes {
                sizes: sizes.clone(),
                differing,
                first,
                examples,
            };
            let judgement = rule.map_or(Judgement::Unexplained, Judgement::Explained);
            let places = if count == 1 {
                "1 place".to_owned()
            } else {
                format!("{count} places")
            };
            self.add(place, what, judgement, because(rule, &places));
        }
    }

    /// The verdict and the list, the worst first.
    pub(crate) fn conclude(self, sizes: Pair<u64>, equal: bool) -> Comparison {
        // What only follows from something explains nothing by itself.
        let verdict = match (equal, self.unexplained, self.explained) {
            (true, ..) => Verdict::Identical,
            (false, false, true) => Verdict::Explained,
            _ => Verdict::Unexplained,
        };
        let mut differences = self.differences;
        differences.sort_by_key(|difference| {
            let function = matches!(difference.what, What::Function { .. });
            let judged = match difference.judgement {
                Judgement::Unexplained => 0,
                Judgement::Explained(_) => 1,
                Judgement::Follows => 2,
            };
            (judged, !function)
        });
        Comparison {
            verdict,
            sizes,
            differences,
            left_off: self.left_off,
        }
    }
}

fn because(rule: Option<Rule>, places: &str) -> String {
    match rule {
        None => format!("{places}: no rule that is switched on covers this"),
        Some(Rule::EmbeddedTime) => {
            format!("{places}: a time of one form and width on both sides, outside all code")
        }
        Some(Rule::EmbeddedPath) => {
            format!("{places}: one file in two build folders, outside all code")
        }
        Some(Rule::BuildId) => {
            format!("{places}: a digest of all the rest, read by debuggers only")
        }
        Some(Rule::Signature) => format!("{places}: a signature over the rest, which is compared"),
    }
}

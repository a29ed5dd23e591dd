//! YARA rules, compiled and run by `boreal`. A rule says in its metadata how severe a match is:
//!
//! ```text
//! rule demo { meta: severity = "suspicious" strings: $a = "Invoke-Demo" condition: $a }
//! ```

use boreal::compiler::CompilerParams;
use boreal::scanner::{EvaluatedRule, ScanParams};
use boreal::{Compiler, MetadataValue, Scanner};

use crate::error::ScanError;
use crate::limits::{DATABASE_BYTES_MAX, RULE_MATCHES_MAX, RULES_TIME_MAX};
use crate::reason::Reason;

/// Compiled rules; cheap to clone.
#[derive(Debug, Clone)]
pub struct Rules {
    scanner: Scanner,
    count: usize,
}

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) reason: Reason,
    pub(crate) rule: String,
}

impl Rules {
    /// Compiles rule files, each given as (name, text). `include` is refused: a file is what is signed.
    ///
    /// # Errors
    /// [`ScanError::Rules`] with the compiler's words, [`ScanError::TooLarge`].
    pub fn compile(files: &[(&str, &str)]) -> Result<Self, ScanError> {
        let mut compiler = Compiler::new();
        compiler.set_params(CompilerParams::default().disable_includes(true));
        for (name, text) in files {
            if text.len() > DATABASE_BYTES_MAX {
                return Err(ScanError::TooLarge {
                    what: "a rule file",
                    bytes: text.len(),
                    bytes_max: DATABASE_BYTES_MAX,
                });
            }
            compiler
                .add_rules_str_in_namespace(text, name)
                .map_err(|error| ScanError::Rules {
                    name: (*name).to_owned(),
                    message: error.to_string(),
                })?;
        }
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(
            ScanParams::default()
                .string_max_nb_matches(RULE_MATCHES_MAX)
                .timeout_duration(Some(RULES_TIME_MAX)),
        );
        let count = scanner.rules().count();
        Ok(Self { scanner, count })
    }

    /// How many rules there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The rules that match, by name; and whether all of them were tried.
    pub(crate) fn matches(&self, bytes: &[u8]) -> (Vec<Hit>, bool) {
        if self.count == 0 {
            return (Vec::new(), true);
        }
        let (rules, finished) = match self.scanner.scan_mem(bytes) {
            Ok(result) => (result.rules, true),
            Err((_, partial)) => (partial.rules, false),
        };
        let mut hits: Vec<Hit> = rules.iter().map(|rule| self.hit(rule)).collect();
        hits.sort();
        (hits, finished)
    }

    fn hit(&self, rule: &EvaluatedRule<'_>) -> Hit {
        let severity = rule.metadatas.iter().find_map(|meta| match meta.value {
            MetadataValue::Bytes(value)
                if self.scanner.get_string_symbol(meta.name) == "severity" =>
            {
                Some(self.scanner.get_bytes_symbol(value))
            }
            _ => None,
        });
        let reason = match severity {
            Some(b"malicious") => Reason::RuleMalicious,
            Some(b"suspicious") => Reason::RuleSuspicious,
            Some(b"note") => Reason::RuleNote,
            _ => Reason::RuleUnrated,
        };
        Hit {
            reason,
            rule: format!("{}:{}", rule.namespace, rule.name),
        }
    }
}

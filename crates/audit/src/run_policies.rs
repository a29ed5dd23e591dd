//! Residency policies: their documents are public, so each is asked about every country again.

use crate::error::AuditError;
use crate::findings::{Findings, finding};
use crate::judge::{Documents, PolicySeen, Severity};
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::run_log::LogAudit;

impl LogAudit {
    /// Replays each policy that was or is in force, once its documents could be read.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn replay_policies(
        &mut self,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        for seen in self.judge.policies() {
            if !self.replayed.insert(seen.policy) {
                continue;
            }
            let text = self.read_blob(seen.text, DOCUMENT_BYTES_MAX).await?;
            let schema = self.read_blob(seen.schema, DOCUMENT_BYTES_MAX).await?;
            let entities = self.read_blob(seen.entities, DOCUMENT_BYTES_MAX).await?;
            let (Some(text), Some(schema), Some(entities)) = (&text, &schema, &entities) else {
                self.replayed.remove(&seen.policy);
                let why = "its documents are not served, or are too long";
                self.not_replayed(&seen, why, findings);
                continue;
            };
            let documents = Documents {
                text,
                schema,
                entities,
            };
            if let Err(refused) = self.judge.judge_policy(seen.policy, documents) {
                self.not_replayed(&seen, &refused.detail, findings);
            }
        }
        Ok(())
    }

    fn not_replayed(&self, seen: &PolicySeen, why: &str, findings: &mut Findings) {
        let what = format!("where this policy sends files is not known: {why}");
        let remedy = "ask the log for the documents that it names by digest";
        let (entry, subject) = (Some(seen.entry), Some(seen.policy));
        let code = "policy.not_replayed";
        let found = finding(code, Severity::Amber, entry, subject, what, remedy);
        findings.add(Some(&self.reader.origin), found);
    }
}

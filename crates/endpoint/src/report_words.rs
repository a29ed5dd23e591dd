//! The sentences of a report: which kind each piece of evidence is, and what none of it proves.

use crate::{
    posix_time::rfc3339,
    report::{KindsReport, Report, Signer, WithdrawalsReport},
};

impl Report {
    pub(crate) fn sort_kinds(&self) -> KindsReport {
        let names = |signers: &mut dyn Iterator<Item = &Signer>| {
            signers
                .map(|s| s.party.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let rebuilders = names(&mut self.rebuilds.iter().map(|rebuild| &rebuild.signed));
        let witnesses: Vec<_> = self.log.witnesses.iter().map(|w| w.name.as_str()).collect();
        let mut promised = vec![
            format!(
                "source written in {} by {} (says {})",
                self.source.authored_in,
                self.source.authors.join(", "),
                self.source.signed.party
            ),
            "legal owners and jurisdictions of all parties (the constitution says so)".to_owned(),
        ];
        for rebuild in self
            .rebuilds
            .iter()
            .filter(|r| !r.taken_from_center.is_empty())
        {
            promised.push(format!(
                "inputs that {} had only from the center: {}",
                rebuild.signed.party,
                rebuild.taken_from_center.join(", ")
            ));
        }
        KindsReport {
            identical: vec![format!(
                "the file, built from the source archive by {} and again by {rebuilders}",
                self.provenance.signed.party
            )],
            attested: vec![
                format!("build checked and approved by {}", self.approval.party),
                format!(
                    "release signed by {} and {}",
                    self.release.center.party, self.release.supervisor.party
                ),
                format!("one log for everybody, seen by {}", witnesses.join(", ")),
            ],
            promised,
        }
    }

    pub(crate) fn list_limits(&self) -> Vec<String> {
        let known = rfc3339(self.constitution.newest_known_at);
        let mut limits = vec![
            "that the program is harmless, or that anybody noticed everything in its source"
                .to_owned(),
            "anything at all, if all parties of a quorum act together".to_owned(),
            format!(
                "that no finding, revocation or newer constitution was logged: a bundle is an \
                 excerpt, known to {known}; only a replay of the whole log shows what is absent"
            ),
            "that compilers and libraries, which all builders share, are free of faults".to_owned(),
        ];
        if self.withdrawals == WithdrawalsReport::None {
            limits.push("that the release was not withdrawn: no withdrawals were given".to_owned());
        } else {
            limits.push("that no withdrawal exists beyond those that were given".to_owned());
        }
        limits
    }
}

//! What machines judge samples with: rules and a scoring table are releases like code, so that a verdict names only what
//! center and supervisor signed. The program itself is one where a release of that name stands.

use statement::{FileDigest, Kind, Release, StatementDigest};

use crate::{
    entry::Included,
    quorum::ReleaseQuorum,
    refusal::{Code, Refusal},
    settled::Settled,
};

/// Which releases a verdict names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolNames {
    /// The program.
    pub worker: StatementDigest,
    /// The rule database.
    pub rules: StatementDigest,
    /// The scoring table.
    pub scoring: StatementDigest,
}

/// Rules and scoring table that center and supervisor released. Made only by [`ReleasedTools::check`] and [`ReleasedTools::shown`];
/// a cell writes no verdict without them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedTools {
    names: ToolNames,
    worker: Option<ReleaseQuorum>,
    rules: ReleaseQuorum,
    scoring: ReleaseQuorum,
}

impl ReleasedTools {
    /// Judges by the whole log: released, not withdrawn, and nothing is open against them.
    ///
    /// # Errors
    /// [`Code::ToolsUnreleased`], [`Code::ToolsWithdrawn`], [`Code::AdverseOpen`], [`Code::Halted`], [`Code::NotReplayed`].
    pub fn check(view: Settled<'_>, names: ToolNames) -> Result<Self, Refusal> {
        view.check_whole()?;
        let tools = Self::shown(view, names)?;
        for quorum in tools.quorums() {
            let release = quorum.release();
            if let Some(withdrawal) = view.withdrawal(release.digest()) {
                let detail = format!("{}: {}", release.digest(), withdrawal.reason);
                return Err(Refusal::new(Code::ToolsWithdrawn, detail));
            }
            view.check_adverse(&[release.digest()], &release.product)?;
        }
        Ok(tools)
    }

    /// Judges by the entries that were shown: that both parties signed. What was withdrawn since, or is open against them, takes
    /// the whole log.
    ///
    /// # Errors
    /// [`Code::ToolsUnreleased`].
    pub fn shown(view: Settled<'_>, names: ToolNames) -> Result<Self, Refusal> {
        let quorum = |digest, kind| {
            let unreleased = |detail| Refusal::new(Code::ToolsUnreleased, detail);
            released(view, digest, kind).map_err(unreleased)
        };
        let is_logged = view.state().standing.contains_key(&names.worker);
        Ok(Self {
            names,
            worker: is_logged.then(|| quorum(names.worker, None)).transpose()?,
            rules: quorum(names.rules, Some(Kind::Rules))?,
            scoring: quorum(names.scoring, Some(Kind::Rules))?,
        })
    }

    /// Whether this is what was released: each file of the rule database, and the scoring table.
    ///
    /// # Errors
    /// [`Code::ToolsFile`].
    pub fn check_files(
        &self,
        rules: &[(String, FileDigest)],
        scoring: FileDigest,
    ) -> Result<(), Refusal> {
        let refuse = |file: &str, found, quorum: &ReleaseQuorum| {
            let release = quorum.release();
            let (version, artifact) = (&release.version, release.artifact.short());
            let detail = format!(
                "{file} is {found}, {} {version} has {artifact}",
                release.product
            );
            Refusal::new(Code::ToolsFile, detail)
        };
        let other = rules
            .iter()
            .find(|(_, file)| *file != self.rules.release().artifact);
        if let Some((name, file)) = other {
            return Err(refuse(name, file.short(), &self.rules));
        }
        if rules.is_empty() {
            return Err(refuse("the rule file", "missing".into(), &self.rules));
        }
        if scoring != self.scoring.release().artifact {
            return Err(refuse("the scoring table", scoring.short(), &self.scoring));
        }
        Ok(())
    }

    /// What a verdict names.
    pub const fn names(&self) -> ToolNames {
        self.names
    }
    /// Release of the program, where one stands.
    pub fn worker(&self) -> Option<&Included<Release>> {
        self.worker.as_ref().map(ReleaseQuorum::release)
    }
    /// Release of the rules.
    pub const fn rules(&self) -> &Included<Release> {
        self.rules.release()
    }
    /// Release of the scoring table.
    pub const fn scoring(&self) -> &Included<Release> {
        self.scoring.release()
    }

    fn quorums(&self) -> impl Iterator<Item = &ReleaseQuorum> {
        self.worker.iter().chain([&self.rules, &self.scoring])
    }

    /// Where the releases stand, signature by signature: digest of the release, and index.
    pub fn entries(&self) -> Vec<(StatementDigest, u64)> {
        let both = |quorum: &ReleaseQuorum| {
            let release = quorum.release().digest();
            [quorum.center(), quorum.supervisor()].map(|signer| (release, signer.index))
        };
        let mut entries: Vec<_> = self.quorums().flat_map(both).collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    }
}

/// The quorum of a release, of this kind if one is asked for; or why there is none.
pub(crate) fn released(
    view: Settled<'_>,
    release: StatementDigest,
    kind: Option<Kind>,
) -> Result<ReleaseQuorum, String> {
    let entries = view.releases(release).map_err(|no| no.to_string())?;
    let quorum = ReleaseQuorum::check(&entries).map_err(|no| no.to_string())?;
    if kind.is_some_and(|kind| kind != quorum.release().kind) {
        return Err(format!("{release} is a release of no rules or table"));
    }
    Ok(quorum)
}

//! What machines may judge with, and which second looks may be granted and served, judged a second time
//! (`spec/reanalysis.md`).

use std::collections::BTreeSet;

use statement::{Kind, ReanalysisGrant, StatementDigest};

use super::{
    again::Wrong,
    asof::AsOf,
    codes,
    types::{Placed, Refused, Tools},
};

fn refused((code, what): Wrong) -> Refused {
    Refused::new(code, what)
}

impl<'a> AsOf<'a> {
    /// Machines may judge with these: released, not withdrawn, nothing open against them.
    pub(super) fn gate_tools(self, tools: Tools) -> Result<(), Refused> {
        let unreleased = |refused: Refused| Refused::new(codes::TOOLS_UNRELEASED, refused.detail);
        let mut released = Vec::new();
        if self.is_release(tools.worker) {
            let product = self.released_product(tools.worker, None, u64::MAX);
            released.push((tools.worker, product.map_err(unreleased)?));
        }
        for digest in [tools.rules, tools.scoring] {
            let product = self.released_product(digest, Some(Kind::Rules), u64::MAX);
            released.push((digest, product.map_err(unreleased)?));
        }
        for (digest, product) in released {
            if self.is_withdrawn(digest) {
                let detail = format!("release {digest}");
                return Err(Refused::new(codes::TOOLS_WITHDRAWN, detail));
            }
            self.check_nothing_open(&[digest].into(), product)?;
        }
        Ok(())
    }

    /// A grant that is not logged yet, as if it were the next entry.
    pub(super) fn gate_draft(self, grant: &ReanalysisGrant, now: u64) -> Result<(), Refused> {
        if grant.audience != [self.judge.origin.clone()] {
            let detail = format!("it is not meant for {}", self.judge.origin);
            return Err(Refused::new(codes::AUDIENCE, detail));
        }
        self.check_alive(grant, now)?;
        let wrong = self.wrong_stock(grant, self.end);
        wrong.map_or(Ok(()), |wrong| Err(refused(wrong)))?;
        self.check_releases(grant, self.end, None)?;
        let from = self.judge.clock.after(self.end).unwrap_or(0);
        let over = self.over(&self.kept(|_| false), grant, from);
        over.map_or(Ok(()), |wrong| Err(refused(wrong)))
    }

    /// Shares may be given away under a logged grant; for one sample, if it is asked.
    pub(super) fn gate_grant(
        self,
        digest: StatementDigest,
        sample: Option<Placed<'_>>,
        now: u64,
    ) -> Result<(), Refused> {
        let said = &self.judge.facts.again.grants;
        let mut said = said.iter().filter(|fact| fact.digest == digest);
        let Some(grant) = said.clone().find(|fact| self.counts(fact)) else {
            let late = said.find_map(|fact| self.late(fact));
            let code = late.unwrap_or(codes::GRANT_MISSING);
            return Err(Refused::new(code, format!("grant {digest}")));
        };
        let (at, said) = (grant.at, &grant.said);
        let wrong = self.wrong_signer(grant);
        wrong.map_or(Ok(()), |wrong| Err(refused(wrong)))?;
        self.check_alive(said, now)?;
        let wrong = self.wrong_stock(said, at);
        wrong.map_or(Ok(()), |wrong| Err(refused(wrong)))?;
        self.check_releases(said, at, Some(digest))?;
        let from = self.judge.clock.after(at).unwrap_or(0);
        let over = self.over(&self.kept(|other| other.digest == digest), said, from);
        over.map_or(Ok(()), |wrong| Err(refused(wrong)))?;
        sample.map_or(Ok(()), |sample| check_covered(said, sample))
    }

    /// The witnesses' time counts, too: a slow clock keeps nothing alive.
    fn check_alive(self, grant: &ReanalysisGrant, now: u64) -> Result<(), Refused> {
        let now = now.max(self.judge.clock.after(self.end).unwrap_or(0));
        if now <= grant.valid_until {
            return Ok(());
        }
        let detail = format!("until {}, now {now}", grant.valid_until);
        Err(Refused::new(codes::GRANT_EXPIRED, detail))
    }

    /// What it names was released below `at` and is not withdrawn; nothing is open against any of it, nor against the grant.
    fn check_releases(
        self,
        grant: &ReanalysisGrant,
        at: u64,
        itself: Option<StatementDigest>,
    ) -> Result<(), Refused> {
        let released = |digest, kind| {
            let product = self
                .released_product(digest, kind, at)
                .map_err(|refused| Refused::new(codes::GRANT_UNRELEASED, refused.detail))?;
            if self.is_withdrawn(digest) {
                let detail = format!("release {digest}");
                return Err(Refused::new(codes::GRANT_WITHDRAWN, detail));
            }
            Ok(product)
        };
        let mut products = vec![
            released(grant.rules, Some(Kind::Rules))?,
            released(grant.scoring, Some(Kind::Rules))?,
        ];
        // A program that no release carries is only named.
        if self.is_release(grant.worker) {
            products.push(released(grant.worker, None)?);
        }
        let named = [grant.worker, grant.rules, grant.scoring];
        let about: BTreeSet<_> = named.into_iter().chain(itself).collect();
        for product in products {
            self.check_nothing_open(&about, product)?;
        }
        Ok(())
    }

    fn is_release(self, digest: StatementDigest) -> bool {
        let facts = self.judge.facts.releases.get(&digest);
        facts.is_some_and(|facts| facts.iter().any(|fact| fact.at < self.end))
    }

    /// The product of a release that both signed below `at`, of this kind if one is asked for.
    fn released_product(
        self,
        digest: StatementDigest,
        kind: Option<Kind>,
        at: u64,
    ) -> Result<&'a str, Refused> {
        let complete = self.complete_at(digest)?;
        let facts = self.judge.facts.releases.get(&digest);
        let release = facts.and_then(|facts| facts.first());
        let release = release.map(|fact| &fact.said.release);
        let fits = |kind| release.is_some_and(|release| release.kind == kind);
        match release {
            Some(release) if complete < at && kind.is_none_or(fits) => Ok(&release.product),
            _ => {
                let detail = format!("{digest}, complete at entry {complete}");
                Err(Refused::new(codes::RELEASE_MISSING, detail))
            }
        }
    }
}

/// It is of the sample's home, and the sample stands in its tree.
fn check_covered(grant: &ReanalysisGrant, sample: Placed<'_>) -> Result<(), Refused> {
    if *sample.home != grant.home {
        let detail = format!("a sample of {}, a grant of {}", sample.home, grant.home);
        return Err(Refused::new(codes::GRANT_HOME, detail));
    }
    let placed = grant.check_place(sample.seal, sample.index, sample.path);
    placed.map_err(|error| Refused::new(codes::GRANT_SAMPLE, error.to_string()))
}

//! A second look at samples at rest: a grant by the supervisor, bound to releases, to one home and to shares of the stock.
//!
//! Whoever holds a share of a sample, or is about to sign a grant, judges it by the whole log. A day and a quarter are any
//! 24 hours and any 92 days, by the intervals in which entries were included: no clock of a signer counts, and where
//! an interval leaves it open the earlier grant counts against the later one. What was granted counts, used or not.

use std::ops::Deref;

use statement::{
    CountryCode, Epoch, EpochPurpose, Kind, Predicate, Role, SealDigest, StatementDigest,
};
use tlog::Hash;

use crate::{
    entry::{Included, Standing},
    epochs::newest,
    refusal::{Code, Refusal},
    settled::Settled,
    tools::released,
};

const DAY_SECONDS: u64 = 86_400;
/// The longest quarter of a year.
const QUARTER_SECONDS: u64 = 92 * DAY_SECONDS;
/// Of how many samples one may be looked at again, in any such time.
const BOUNDS: [(u64, u64, Code); 2] = [
    (DAY_SECONDS, 100, Code::GrantDay),
    (QUARTER_SECONDS, 20, Code::GrantQuarter),
];

/// A grant under which openers may answer. Made only by [`ReanalysisGrant::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReanalysisGrant {
    grant: Included<statement::ReanalysisGrant>,
}

/// A grant that the supervisor may sign, by the log as it stands. Made only by [`SignableGrant::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignableGrant {
    grant: statement::ReanalysisGrant,
    product: String,
}

/// One sample that a grant covers. Made only by [`ReanalysisGrant::cover`]; openers take this and nothing weaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    grant: StatementDigest,
    seal: SealDigest,
}

impl Covered {
    /// The grant.
    pub const fn grant(&self) -> StatementDigest {
        self.grant
    }
    /// The sample.
    pub const fn seal(&self) -> SealDigest {
        self.seal
    }
}

impl Deref for ReanalysisGrant {
    type Target = Included<statement::ReanalysisGrant>;
    fn deref(&self) -> &Self::Target {
        &self.grant
    }
}

impl Deref for SignableGrant {
    type Target = statement::ReanalysisGrant;
    fn deref(&self) -> &Self::Target {
        &self.grant
    }
}

impl ReanalysisGrant {
    /// Judges the grant with this digest by the whole log. `now`: the clock of whoever asks, POSIX seconds.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(view: Settled<'_>, digest: StatementDigest, now: u64) -> Result<Self, Refusal> {
        view.check_whole()?;
        let grant = view.reanalysis_grant(digest)?;
        let index = grant.standing().index;
        check_signer(view, grant.standing())?;
        check_alive(view, &grant, now)?;
        let stocks = Stocks::of(view, &grant.home);
        stocks.check(view, &grant, index)?;
        check_releases(view, &grant, index, Some(digest))?;
        let before = within_bounds(view, &grant.home, &stocks, Some(digest));
        let from = view.state().included_after(index);
        check_bounds(&before, &grant, from)?;
        Ok(Self { grant })
    }

    /// Whether it covers this sample of this home, at this place of its tree.
    ///
    /// # Errors
    /// [`Code::GrantHome`], [`Code::GrantSample`].
    pub fn cover(
        &self,
        home: &CountryCode,
        seal: &SealDigest,
        (index, path): (u64, &[Hash]),
    ) -> Result<Covered, Refusal> {
        if *home != self.grant.home {
            let detail = format!("a sample of {home}, a grant of {}", self.grant.home);
            return Err(Refusal::new(Code::GrantHome, detail));
        }
        let placed = self.grant.check_place(seal, index, path);
        placed.map_err(|error| {
            let detail = format!(
                "sample {} at place {index}: {}",
                seal.short(),
                crate::opening::chain(&error)
            );
            Refusal::new(Code::GrantSample, detail)
        })?;
        Ok(Covered {
            grant: self.grant.digest(),
            seal: *seal,
        })
    }

    /// The key that shares are sealed to: of the analysis epoch of its home, in which machines work now.
    ///
    /// # Errors
    /// [`Code::EpochMissing`], [`Code::EpochSigner`], [`Code::EpochTime`].
    pub fn target(&self, view: Settled<'_>, now: u64) -> Result<Included<Epoch>, Refusal> {
        newest(view, EpochPurpose::Analysis, &self.grant.home, now)
    }
}

impl SignableGrant {
    /// Judges a grant that is not logged yet, as if it were the next entry.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(
        view: Settled<'_>,
        grant: statement::ReanalysisGrant,
        now: u64,
    ) -> Result<Self, Refusal> {
        view.check_whole()?;
        let index = view.state().settled_size();
        if grant.audience != [view.state().origin().clone()] {
            let detail = format!("meant for another log than {}", view.state().origin());
            return Err(Refusal::new(Code::EntryAudience, detail));
        }
        check_alive(view, &grant, now)?;
        let stocks = Stocks::of(view, &grant.home);
        stocks.check(view, &grant, index)?;
        let product = check_releases(view, &grant, index, None)?;
        let before = within_bounds(view, &grant.home, &stocks, None);
        let from = view.state().newest_time().unwrap_or(0);
        check_bounds(&before, &grant, from)?;
        Ok(Self { grant, product })
    }

    /// The product of its rules.
    pub(crate) fn product(&self) -> &str {
        &self.product
    }
}

impl Settled<'_> {
    /// How many samples of a home are at rest by the log below `size`: taken in and not erased.
    pub fn stock(&self, home: &CountryCode, size: u64) -> u64 {
        Stocks::of(*self, home).below(size)
    }
}

/// The supervisor must not be the vendor under another name: a share of its own is all that keeps the center from opening alone.
fn check_signer(view: Settled<'_>, signer: &Standing) -> Result<(), Refusal> {
    let parties = view.state().constitutions().flat_map(|it| &it.parties);
    let mut centers = parties.filter(|party| party.keys.iter().any(|key| key.role == Role::Center));
    let is_center = centers.any(|party| party.legal_owner == signer.legal_owner);
    if !is_center && !view.is_of_vendor(signer) {
        return Ok(());
    }
    let detail = format!("signed by {} of {}", signer.party, signer.legal_owner);
    Err(Refusal::new(Code::GrantOneParty, detail))
}

fn check_alive(
    view: Settled<'_>,
    grant: &statement::ReanalysisGrant,
    now: u64,
) -> Result<(), Refusal> {
    let now = now.max(view.state().newest_time().unwrap_or(0));
    if now <= grant.valid_until {
        return Ok(());
    }
    let detail = format!("valid until {}, now {now}", grant.valid_until);
    Err(Refusal::new(Code::GrantExpired, detail))
}

/// How many samples of one home were at rest after each entry that changed it: index and count, ascending.
struct Stocks(Vec<(u64, u64)>);

impl Stocks {
    fn of(view: Settled<'_>, home: &CountryCode) -> Self {
        let state = view.state();
        let said = state.stocks.get(home).into_iter().flatten();
        let counting = said.filter_map(|digest| view.entries(*digest).ok()?.into_iter().next());
        let mut count = 0_u64;
        let after = counting.map(|entry| {
            count = match entry.predicate() {
                Predicate::Receipts(batch) => count.saturating_add(batch.count),
                Predicate::Erasure(_) => count.saturating_sub(1),
                _ => count,
            };
            (entry.index, count)
        });
        Self(after.collect())
    }

    fn below(&self, size: u64) -> u64 {
        let at = self.0.partition_point(|(index, _)| *index < size);
        at.checked_sub(1)
            .and_then(|last| self.0.get(last))
            .map_or(0, |(_, count)| *count)
    }

    /// Whether a grant at `index` names a checkpoint of this log below it, and no greater stock than stood there.
    fn check(
        &self,
        view: Settled<'_>,
        grant: &statement::ReanalysisGrant,
        index: u64,
    ) -> Result<(), Refusal> {
        let named = &grant.checkpoint;
        let seen = view.state().checkpoints.get(&named.size);
        let is_other = seen.is_some_and(|(root, _)| root != named.root.hash());
        if named.size > index || is_other {
            let detail = format!("size {} root {}, at entry {index}", named.size, named.root);
            return Err(Refusal::new(Code::GrantCheckpoint, detail));
        }
        let stood = self.below(named.size);
        if grant.stock <= stood {
            return Ok(());
        }
        let detail = format!("{} named, {stood} of {} stood", grant.stock, grant.home);
        Err(Refusal::new(Code::GrantStock, detail))
    }
}

/// Rules and scoring table are releases that stand below, as is the worker where one of that name is logged; none withdrawn,
/// nothing open against them or against the grant. The product of the rules.
fn check_releases(
    view: Settled<'_>,
    grant: &statement::ReanalysisGrant,
    index: u64,
    itself: Option<StatementDigest>,
) -> Result<String, Refusal> {
    let is_rules = Some(Kind::Rules);
    let rules = check_release(view, grant.rules, index, is_rules)?;
    let mut products = vec![check_release(view, grant.scoring, index, is_rules)?];
    // A program that no release carries is only named: see docs/decisions/0026.
    if view.state().standing.contains_key(&grant.worker) {
        products.push(check_release(view, grant.worker, index, None)?);
    }
    products.push(rules.clone());
    let named = [grant.worker, grant.rules, grant.scoring].into_iter();
    let subjects: Vec<_> = named.chain(itself).collect();
    for product in &products {
        view.check_adverse(&subjects, product)?;
    }
    Ok(rules)
}

/// The product of a release that has its quorum below `index`.
fn check_release(
    view: Settled<'_>,
    release: StatementDigest,
    index: u64,
    kind: Option<Kind>,
) -> Result<String, Refusal> {
    let unreleased = |detail: String| Refusal::new(Code::GrantUnreleased, detail);
    let quorum = released(view, release, kind).map_err(unreleased)?;
    if quorum.complete_at() >= index {
        let at = quorum.complete_at();
        return Err(unreleased(format!("{release} was complete at entry {at}")));
    }
    match view.withdrawal(release) {
        None => Ok(quorum.release().product.clone()),
        Some(withdrawal) => Err(Refusal::new(
            Code::GrantWithdrawn,
            format!("{release}: {}", withdrawal.reason),
        )),
    }
}

/// A grant that keeps the bounds: it counts against those after it, whatever became of it.
struct Kept {
    by: u64,
    count: u64,
}

/// The grants of a home below one of them, or all, that keep the bounds; one that does not opens nothing and takes
/// nothing from the others.
fn within_bounds(
    view: Settled<'_>,
    home: &CountryCode,
    stocks: &Stocks,
    below: Option<StatementDigest>,
) -> Vec<Kept> {
    let state = view.state();
    let mut kept = Vec::new();
    for digest in state.grants.iter().take_while(|it| Some(**it) != below) {
        let entries = view.entries(*digest).unwrap_or_default();
        let Some(entry) = entries.into_iter().next() else {
            continue;
        };
        let Predicate::ReanalysisGrant(grant) = entry.predicate() else {
            continue;
        };
        let from = state.included_after(entry.index);
        let counts = grant.home == *home
            && check_signer(view, entry).is_ok()
            && stocks.check(view, grant, entry.index).is_ok()
            && check_bounds(&kept, grant, from).is_ok();
        if counts {
            kept.push(Kept {
                by: state.included_by(entry.index).unwrap_or(u64::MAX),
                count: grant.count,
            });
        }
    }
    kept
}

/// `from`: the earliest time of the grant's entry.
fn check_bounds(
    before: &[Kept],
    grant: &statement::ReanalysisGrant,
    from: u64,
) -> Result<(), Refusal> {
    for (seconds, share, code) in BOUNDS {
        let recent = before
            .iter()
            .filter(|kept| kept.by.saturating_add(seconds) > from);
        let granted = recent.fold(grant.count, |sum, kept| sum.saturating_add(kept.count));
        let max = grant.stock / share;
        if granted > max {
            let detail = format!(
                "{granted} of {} in {} hours; at most {max}",
                grant.stock,
                seconds / 3600
            );
            return Err(Refusal::new(code, detail));
        }
    }
    Ok(())
}

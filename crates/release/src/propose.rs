//! From an approved build to a release that center and supervisor signed.

use law::{
    Approvable, Attached, BuildEvidence, BuiltArtifact, Code, Included, Line, Refusal, Releasable,
    ReleaseQuorum, Settled, Unopposed,
};
use serde::{Deserialize, Serialize};
use statement::{
    Blob, FileDigest, Predicate, Release, Statement, StatementDigest, StatementError, Subject,
    VerificationResult,
};

use crate::{
    error::ReleaseError,
    keyring::Bounds,
    log_access::CenterLog,
    queue::is_final,
    room::{Patience, Room},
    step::Step,
};

/// What should be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The build: digest of its `source` statement.
    pub build: StatementDigest,
    /// Channel, for example `stable`.
    pub channel: String,
    /// Name of the artifact to release; needed when the build made several.
    pub artifact: Option<String>,
    /// Whether a build may come back that a newer release replaced. It gets the next number.
    pub rollback: bool,
    /// A platform's detached signature of the artifact, kept before by [`Room::keep_signature`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<FileDigest>,
}

/// A release with both signatures.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// The quorum that stands.
    pub quorum: ReleaseQuorum,
    /// False when it stood already.
    pub is_new: bool,
}

/// What came of one look at an order.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It is released, under this number.
    Stands(StatementDigest, u64),
    /// Our signature stands; the supervisor's does not yet.
    Signed,
    /// A half-signed release of another build stands in its place.
    Blocked(Box<Included<Release>>, Refusal),
    /// Others have to act first.
    NotYet(Refusal),
    /// It will never be released; why.
    Never(String),
}

/// What there is to do.
#[derive(Debug)]
enum Plan {
    /// The newest release of the line is of this build.
    Stands(Box<ReleaseQuorum>),
    /// The center's signature stands; the supervisor's does not yet.
    Await(StatementDigest),
    /// Sign.
    Sign(Box<Unopposed<Releasable>>),
}

/// Why there is nothing to do.
#[derive(Debug)]
enum NoPlan {
    Law(Refusal),
    OlderBuild(u64),
    Statement(StatementError),
}

impl From<Refusal> for NoPlan {
    fn from(refusal: Refusal) -> Self {
        Self::Law(refusal)
    }
}

impl<L: CenterLog> Room<'_, L> {
    /// Releases a build: waits for its approval, signs, submits, and waits for the supervisor's
    /// signature over the same payload. Again after a crash, it goes on with the payload that stands.
    ///
    /// # Errors
    /// The condition that does not hold, or [`ReleaseError::Refused`] with the supervisor's reason.
    pub async fn propose(&mut self, order: &Order) -> Result<Proposed, ReleaseError> {
        match self.await_plan(order).await? {
            Plan::Stands(quorum) => Ok(Proposed {
                quorum: *quorum,
                is_new: false,
            }),
            Plan::Await(digest) => self.await_supervisor(digest).await,
            Plan::Sign(releasable) => {
                let envelope = self.keys.sign_release(&releasable)?;
                self.log.submit(&envelope).await?;
                self.tell(Step::ReleaseLogged(envelope.digest()));
                self.await_supervisor(envelope.digest()).await
            }
        }
    }

    /// What there is to do about an order. Our signature begins a release, so rings are asked about then.
    async fn plan(&mut self, order: &Order) -> Result<Result<Plan, NoPlan>, ReleaseError> {
        let attached = match self.attach_ordered(order).await {
            Ok(attached) => attached,
            Err(ReleaseError::Law(refusal)) => return Ok(Err(NoPlan::Law(refusal))),
            Err(error) => return Err(error),
        };
        let (bounds, center) = (self.bounds(), self.keys.center());
        let view = self.log.view()?;
        let others = self.log.others()?;
        let logs = (view, others.as_slice());
        let plan = plan_release(logs, order, attached.as_ref(), bounds, center);
        if let Ok(Plan::Sign(releasable)) = &plan {
            let wait = self.config.ring_seconds;
            if let Err(refusal) = law::check_ring(view, releasable.release(), wait) {
                return Ok(Err(NoPlan::Law(refusal)));
            }
        }
        Ok(plan)
    }

    /// Does what can be done about an order now, and waits for nobody.
    pub(crate) async fn attempt(&mut self, order: &Order) -> Result<Tried, ReleaseError> {
        match self.plan(order).await? {
            Ok(Plan::Stands(quorum)) => {
                let release = quorum.release();
                Ok(Tried::Stands(release.digest(), release.seq))
            }
            Ok(Plan::Await(_)) => Ok(Tried::Signed),
            Ok(Plan::Sign(releasable)) => {
                let envelope = self.keys.sign_release(&releasable)?;
                self.log.submit(&envelope).await?;
                self.log.sync().await?;
                self.tell(Step::ReleaseLogged(envelope.digest()));
                Ok(Tried::Signed)
            }
            Err(NoPlan::Statement(error)) => Err(error.into()),
            Err(NoPlan::OlderBuild(seq)) => Ok(Tried::Never(format!(
                "the build was released before as seq {seq}, and going back was not ordered"
            ))),
            Err(NoPlan::Law(refusal)) if is_final(&refusal) => {
                Ok(Tried::Never(refusal.to_string()))
            }
            Err(NoPlan::Law(refusal)) if refusal.code() == Code::ReleaseFork => {
                let open = blocking(self.log.view()?, order);
                Ok(match open {
                    Some(open) => Tried::Blocked(Box::new(open), refusal),
                    None => Tried::NotYet(refusal),
                })
            }
            Err(NoPlan::Law(refusal)) => Ok(Tried::NotYet(refusal)),
        }
    }

    async fn await_plan(&mut self, order: &Order) -> Result<Plan, ReleaseError> {
        let mut patience = Patience::new("approval", order.build);
        loop {
            self.log.sync().await?;
            let refusal = match self.plan(order).await? {
                Ok(plan) => return Ok(plan),
                Err(NoPlan::Statement(error)) => return Err(error.into()),
                Err(NoPlan::OlderBuild(seq)) => {
                    return Err(ReleaseError::OlderBuild {
                        build: order.build,
                        seq,
                    });
                }
                Err(NoPlan::Law(refusal)) => refusal,
            };
            if !may_still_come(refusal.code()) {
                return Err(refusal.into());
            }
            self.check_refused(order.build).await?;
            patience.pause(self, &refusal).await?;
        }
    }

    async fn await_supervisor(
        &mut self,
        digest: StatementDigest,
    ) -> Result<Proposed, ReleaseError> {
        let mut patience = Patience::new("the supervisor's signature", digest);
        loop {
            self.log.sync().await?;
            let view = self.log.view()?;
            let quorum = view
                .released()
                .into_iter()
                .find(|quorum| quorum.release().digest() == digest);
            if let Some(quorum) = quorum {
                self.tell(Step::ReleaseComplete(digest));
                return Ok(Proposed {
                    quorum,
                    is_new: true,
                });
            }
            self.check_refused(digest).await?;
            let why = Refusal::new(
                Code::QuorumSupervisor,
                format!("release {}", digest.short()),
            );
            patience.pause(self, &why).await?;
        }
    }

    /// An error when the supervisor, having seen all that we see, refuses `subject`.
    ///
    /// One that cannot be asked has not refused: its signature would come through the log.
    async fn check_refused(&mut self, subject: StatementDigest) -> Result<(), ReleaseError> {
        let seen = self.log.view()?.state().settled_size();
        let refusals = match self.supervisor.refusals().await {
            Ok(refusals) => refusals,
            Err(error) => {
                tracing::warn!(%error, "the supervisor's refusals are not known");
                return Ok(());
            }
        };
        let subject = subject.to_string();
        let refusal = refusals.into_iter().find(|refusal| {
            // What is still missing is no refusal.
            let missing = Code::ALL
                .iter()
                .any(|code| code.as_str() == refusal.code && may_still_come(*code));
            refusal.subject == subject && refusal.size >= seen && !missing
        });
        refusal.map_or(Ok(()), |refusal| {
            Err(ReleaseError::Refused {
                subject,
                code: refusal.code,
                detail: refusal.detail,
            })
        })
    }
}

/// Conditions that hold by themselves once others did their part.
const fn may_still_come(code: Code) -> bool {
    matches!(
        code,
        Code::SourceMissing
            | Code::ProvenanceMissing
            | Code::RebuildTooFew
            | Code::ApprovalMissing
            | Code::NotIncluded
    )
}

/// Decides from the logs alone what to do about an order.
fn plan_release(
    (view, others): (Settled<'_>, &[Settled<'_>]),
    order: &Order,
    attached: Option<&Attached>,
    bounds: Bounds,
    center: statement::KeyId,
) -> Result<Plan, NoPlan> {
    let approvable = Approvable::check(view, order.build)?;
    let source = approvable.evidence().source();
    let line = Line {
        product: source.product.clone(),
        channel: order.channel.clone(),
        platform: source.platform.clone(),
    };
    let of_line: Vec<_> = view
        .released()
        .into_iter()
        .filter(|quorum| Line::of(quorum.release()) == line)
        .collect();
    let newest = of_line.iter().max_by_key(|quorum| quorum.release().seq);
    let mut same = of_line
        .iter()
        .map(ReleaseQuorum::release)
        .filter(|release| release.build == order.build);
    // A withdrawn one is left to the law, which refuses its artifact under any number.
    let withdrawn = same
        .clone()
        .any(|release| view.withdrawal(release.digest()).is_some());
    if let Some(newest) = newest
        && newest.release().build == order.build
        && !withdrawn
    {
        return Ok(Plan::Stands(Box::new(newest.clone())));
    }
    if let Some(before) = same.next_back()
        && !order.rollback
        && !withdrawn
    {
        return Err(NoPlan::OlderBuild(before.seq));
    }
    let place = newest.map_or((1, None), |newest| {
        let release = newest.release();
        (release.seq + 1, Some(release.digest()))
    });
    let open = find_open(view, &line, order, place);
    if let Some(plan) = plan_open((view, others), open, order, attached, center)? {
        return Ok(plan);
    }
    let statement = statement_of(view, &approvable, order, bounds, place)?;
    let statement = match attached {
        Some(attached) => ship(statement, attached),
        None => statement,
    };
    let payload = statement.to_payload().map_err(NoPlan::Statement)?;
    let releasable = Releasable::check_signed(view, &payload, attached)?.unopposed(view, others)?;
    Ok(Plan::Sign(Box::new(releasable)))
}

/// The payload that stands already for this very place with one signature.
fn find_open(
    view: Settled<'_>,
    line: &Line,
    order: &Order,
    place: (u64, Option<StatementDigest>),
) -> Option<Included<Release>> {
    view.open_releases().into_iter().find(|release| {
        Line::of(release) == *line
            && release.build == order.build
            && order
                .artifact
                .as_ref()
                .is_none_or(|name| release.file == *name)
            && (release.seq, release.predecessor) == place
            && view.withdrawal(release.digest()).is_none()
    })
}

/// What stands is gone on with: a second payload of the same place would be a fork.
fn plan_open(
    (view, others): (Settled<'_>, &[Settled<'_>]),
    open: Option<Included<Release>>,
    order: &Order,
    attached: Option<&Attached>,
    center: statement::KeyId,
) -> Result<Option<Plan>, NoPlan> {
    let Some(open) = open else {
        return Ok(None);
    };
    let signed = view
        .releases(open.digest())?
        .iter()
        .any(|entry| entry.standing().key() == center);
    let payload = open.standing().statement().to_payload();
    let payload = payload.map_err(NoPlan::Statement)?;
    if signed {
        // Nobody will ever sign what the law refuses although the build is approved.
        return match Releasable::check_signed(view, &payload, attached) {
            Err(refusal) if is_wrong(refusal.code()) => {
                // Without an approval of the build, that is what is missing.
                find_approval(view, order.build)?;
                let detail = format!("{} stands here and is refused: {refusal}", open.digest());
                Err(Refusal::new(Code::ReleaseFork, detail).into())
            }
            _ => Ok(Some(Plan::Await(open.digest()))),
        };
    }
    let releasable = Releasable::check_signed(view, &payload, attached)?.unopposed(view, others)?;
    Ok(Some(Plan::Sign(Box::new(releasable))))
}

fn statement_of(
    view: Settled<'_>,
    approvable: &Approvable,
    order: &Order,
    bounds: Bounds,
    (seq, predecessor): (u64, Option<StatementDigest>),
) -> Result<Statement, Refusal> {
    let evidence = approvable.evidence();
    let source: &Included<_> = evidence.source();
    let built = chosen(evidence, order)?;
    let release = Release {
        audience: vec![bounds.origin],
        not_after: bounds.not_after,
        blobs: Vec::new(),
        product: source.product.clone(),
        version: source.version.clone(),
        channel: order.channel.clone(),
        platform: source.platform.clone(),
        seq,
        predecessor,
        kind: source.kind,
        file: built.name.clone(),
        artifact: built.sha256,
        artifact_bytes: built.bytes,
        build: order.build,
        approval: find_approval(view, order.build)?,
        signed: None,
    };
    let subject = Subject::new(built.name.clone(), built.sha256);
    Ok(Statement::new(vec![subject], release))
}

/// The same release of the file with the platform's signature.
fn ship(mut statement: Statement, attached: &Attached) -> Statement {
    if let Predicate::Release(release) = &mut statement.predicate {
        let (sha256, bytes) = attached.signature();
        release.blobs.push(Blob {
            sha256,
            bytes,
            public: true,
        });
        release.signed = Some(attached.signed());
        let subject = Subject::new(release.file.clone(), release.shipped().0);
        statement.subject = vec![subject];
    }
    statement
}

/// Digest and size of the artifact that an order is about, once its build is approved.
pub(crate) fn ordered(view: Settled<'_>, order: &Order) -> Result<(FileDigest, u64), Refusal> {
    find_approval(view, order.build)?;
    let approvable = Approvable::check(view, order.build)?;
    let built = chosen(approvable.evidence(), order)?;
    Ok((built.sha256, built.bytes))
}

/// The artifact to release: the one that is named, or the only one.
fn chosen<'a>(evidence: &'a BuildEvidence, order: &Order) -> Result<&'a BuiltArtifact, Refusal> {
    let built = evidence.artifacts();
    let found = match (&order.artifact, built) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), _) => built.iter().find(|built| built.name == *name),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = built.iter().map(|built| built.name.as_str()).collect();
        let detail = format!("name one of the artifacts: {}", names.join(", "));
        Refusal::new(Code::ReleaseFields, detail)
    })
}

/// The half-signed release that stands where this order's would: of another build, or refused by the law.
fn blocking(view: Settled<'_>, order: &Order) -> Option<Included<Release>> {
    let source = view.entries_of_build(order.build);
    let (product, platform) = source.iter().find_map(|entry| {
        let Predicate::Source(source) = &entry.statement().predicate else {
            return None;
        };
        Some((source.product.clone(), source.platform.clone()))
    })?;
    view.open_releases().into_iter().find(|open| {
        (&open.product, &open.platform, &open.channel) == (&product, &platform, &order.channel)
            && view.withdrawal(open.digest()).is_none()
            && (open.build != order.build || is_wrong_release(view, open))
    })
}

/// Whether the payload itself is wrong, so that nothing that happens later could make it right.
const fn is_wrong(code: Code) -> bool {
    matches!(
        code,
        Code::ApprovalMissing
            | Code::ApprovalFailed
            | Code::ApprovalResource
            | Code::ApprovalPolicy
            | Code::ApprovalSubject
            | Code::ApprovalInputs
            | Code::ReleaseFields
            | Code::ReleaseSeq
            | Code::ReleasePredecessor
    )
}

fn is_wrong_release(view: Settled<'_>, open: &Included<Release>) -> bool {
    let payload = open.standing().statement().to_payload();
    payload.is_ok_and(|payload| {
        let refusal = Releasable::check(view, &payload).err();
        refusal.is_some_and(|refusal| is_wrong(refusal.code()))
    })
}

fn find_approval(view: Settled<'_>, build: StatementDigest) -> Result<StatementDigest, Refusal> {
    view.entries_of_build(build)
        .into_iter()
        .find(|entry| {
            matches!(&entry.statement().predicate,
                Predicate::Approval(a) if a.verification_result == VerificationResult::Passed)
        })
        .map(law::Standing::digest)
        .ok_or_else(|| Refusal::new(Code::ApprovalMissing, format!("build {build}")))
}

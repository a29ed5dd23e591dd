//! What can be asked of both, and how each is asked.

use audit::judge::{Gate, Judge, Parts, Placed, Refused, Tools};
use law::{
    AdmissionKey, Approvable, Attached, PublishedMetadata, Refusal, Releasable, ReleasedFile,
    Residence, SealableEpochs, SignableGrant, SignableMetadata, ToolNames, TrustedRoot,
};
use statement::{CountryCode, FileDigest, ReanalysisGrant, SealDigest, StatementDigest};
use tlog::Hash;

use crate::honest::program::{program, signature};

/// A question that both can answer.
#[derive(Clone)]
pub(crate) enum Question {
    Approval(StatementDigest),
    /// The payload, and whether what it ships was put together again.
    Release(Vec<u8>, bool),
    Released(StatementDigest, FileDigest, u64, Vec<u8>),
    Ring(Vec<u8>, u64),
    Metadata {
        role: &'static str,
        previous: Option<Vec<u8>>,
        next: Vec<u8>,
        now: u64,
    },
    Published(&'static str, Vec<u8>),
    TufRoot(Vec<u8>),
    Residence,
    /// Home and time.
    Epochs(&'static str, u64),
    Admission(&'static str, u64),
    /// Program, rules, scoring table.
    Tools([StatementDigest; 3]),
    /// A grant that is not logged, and the time.
    Draft(Box<ReanalysisGrant>, u64),
    /// A grant, a sample if one is asked for, and the time.
    Grant(StatementDigest, Option<Asked>, u64),
}

/// A sample that an opener is asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) home: &'static str,
    pub(crate) seal: SealDigest,
    pub(crate) index: u64,
    pub(crate) path: Vec<Hash>,
}

impl Question {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Approval(_) => "approval",
            Self::Release(..) => "release",
            Self::Released(..) => "released",
            Self::Ring(..) => "ring",
            Self::Metadata { .. } => "metadata",
            Self::Published(..) => "published",
            Self::TufRoot(_) => "tuf root",
            Self::Residence => "residence",
            Self::Epochs(..) => "epochs",
            Self::Admission(..) => "admission",
            Self::Tools(_) => "tools",
            Self::Draft(..) => "grant draft",
            Self::Grant(..) => "grant",
        }
    }

    pub(crate) fn of_law(&self, view: law::Settled<'_>) -> Result<(), Refusal> {
        match self {
            Self::Approval(build) => Approvable::check(view, *build).map(drop),
            Self::Release(payload, held) => {
                let attached = held.then(|| attached(payload)).flatten();
                Releasable::check_signed(view, payload, attached.as_ref()).map(drop)
            }
            Self::Released(release, artifact, bytes, payload) => {
                let file = (*artifact, *bytes);
                let attached = attached(payload);
                ReleasedFile::check_signed(view, *release, file, attached.as_ref(), 1).map(drop)
            }
            Self::Ring(payload, wait) => {
                let statement = statement::Statement::parse(payload).unwrap();
                let statement::Predicate::Release(release) = &statement.predicate else {
                    panic!("no release");
                };
                law::check_ring(view, release, *wait)
            }
            Self::Metadata {
                role,
                previous,
                next,
                now,
            } => SignableMetadata::check(view, role, previous.as_deref(), next, *now).map(drop),
            Self::Published(role, file) => PublishedMetadata::check(view, role, file).map(drop),
            Self::TufRoot(file) => TrustedRoot::check(view, file).map(drop),
            Self::Residence => Residence::check(view).map(drop),
            Self::Epochs(home, now) => {
                SealableEpochs::check(view, &home.parse().unwrap(), *now).map(drop)
            }
            Self::Admission(home, now) => {
                AdmissionKey::check(view, &home.parse().unwrap(), *now).map(drop)
            }
            Self::Tools([worker, rules, scoring]) => {
                let names = ToolNames {
                    worker: *worker,
                    rules: *rules,
                    scoring: *scoring,
                };
                law::ReleasedTools::check(view, names).map(drop)
            }
            Self::Draft(grant, now) => {
                SignableGrant::check(view, ReanalysisGrant::clone(grant), *now).map(drop)
            }
            Self::Grant(digest, sample, now) => {
                let grant = law::ReanalysisGrant::check(view, *digest, *now)?;
                let Some(asked) = sample else { return Ok(()) };
                let home = asked.home.parse().unwrap();
                let place = (asked.index, asked.path.as_slice());
                grant.cover(&home, &asked.seal, place).map(drop)
            }
        }
    }

    /// What a signer is told who has read `others`, too.
    pub(crate) fn of_law_beside(
        &self,
        home: law::Settled<'_>,
        others: &[law::Settled<'_>],
    ) -> Result<(), Refusal> {
        match self {
            Self::Approval(build) => {
                let approvable = Approvable::check(home, *build)?;
                approvable.unopposed(home, others).map(drop)
            }
            Self::Release(payload, held) => {
                let attached = held.then(|| attached(payload)).flatten();
                let releasable = Releasable::check_signed(home, payload, attached.as_ref())?;
                releasable.unopposed(home, others).map(drop)
            }
            _ => self.of_law(home),
        }
    }

    pub(crate) fn of_audit_beside(
        &self,
        (judge, as_of): (&Judge, u64),
        others: &[(&Judge, u64)],
    ) -> Result<(), Refused> {
        self.with_gate(|gate| judge.gate_beside(gate, as_of, others))
    }

    pub(crate) fn of_audit(&self, judge: &Judge, as_of: u64) -> Result<(), Refused> {
        self.with_gate(|gate| judge.gate(gate, as_of))
    }

    fn with_gate<T>(&self, ask: impl FnOnce(&Gate<'_>) -> T) -> T {
        let made = match self {
            Self::Release(payload, true) => parts(payload),
            Self::Released(.., payload) => parts(payload),
            _ => None,
        };
        let made = made.as_ref().map(|(artifact, signature)| Parts {
            artifact,
            signature,
        });
        let home = match self {
            Self::Epochs(home, _) | Self::Admission(home, _) => home,
            Self::Grant(_, Some(asked), _) => asked.home,
            _ => "CH",
        };
        let home = home.parse().unwrap();
        ask(&match self {
            Self::Approval(build) => Gate::Approval { build: *build },
            Self::Release(payload, _) => Gate::Release {
                payload,
                parts: made,
            },
            Self::Released(release, ..) => Gate::Released {
                release: *release,
                rebuilds_min: 1,
                parts: made,
            },
            Self::Ring(payload, wait_seconds) => Gate::Ring {
                payload,
                wait_seconds: *wait_seconds,
            },
            Self::Metadata {
                role,
                previous,
                next,
                now,
            } => Gate::Metadata {
                role,
                previous: previous.as_deref(),
                next,
                now: *now,
            },
            Self::Published(role, file) => Gate::Published { role, file },
            Self::TufRoot(file) => Gate::TufRoot { file },
            Self::Residence => Gate::Residence,
            Self::Epochs(_, now) => Gate::Epochs {
                home: &home,
                now: *now,
            },
            Self::Admission(_, now) => Gate::Admission {
                home: &home,
                now: *now,
            },
            Self::Tools(_) | Self::Draft(..) | Self::Grant(..) => self.of_looks(&home),
        })
    }

    /// What is asked of second looks; `home`: of the sample, if there is one.
    fn of_looks<'a>(&'a self, home: &'a CountryCode) -> Gate<'a> {
        match self {
            Self::Tools([worker, rules, scoring]) => Gate::Tools(Tools {
                worker: *worker,
                rules: *rules,
                scoring: *scoring,
            }),
            Self::Draft(grant, now) => Gate::GrantDraft { grant, now: *now },
            Self::Grant(grant, sample, now) => Gate::Grant {
                grant: *grant,
                sample: sample.as_ref().map(|asked| Placed {
                    home,
                    seal: &asked.seal,
                    index: asked.index,
                    path: &asked.path,
                }),
                now: *now,
            },
            _ => Gate::Residence,
        }
    }
}

/// Program and signature behind a release that a platform signed.
pub(crate) fn parts(payload: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let statement = statement::Statement::parse(payload).ok()?;
    let statement::Predicate::Release(release) = &statement.predicate else {
        return None;
    };
    release.signed?;
    Some((program(&release.version), signature()))
}

/// The same as the law takes it.
fn attached(payload: &[u8]) -> Option<Attached> {
    let (artifact, signature) = parts(payload)?;
    let attach = |artifact: &[u8], signature: &[u8]| {
        binary::attach(artifact, signature).map(|signed| signed.program)
    };
    Some(Attached::recompute(&artifact, &signature, attach).unwrap())
}

//! One thing that is wrong with a story of one release.

use statement::{
    Blob, FileDigest, Kind, Predicate, Provenance, Rebuild, Release, Source, Statement,
    StatementDigest, Subject, Verdict, VerificationResult, VerificationSummary,
};
use tuf::{Expires, Targets};

use crate::dice::Dice;
use crate::honest::{
    chain::Step,
    keys::Key,
    metadata::{listing, signed, unsigned},
    program::{attach, program, ship, signature},
    roster::{DAY, NOW, SUPERVISOR_LOG},
    story::Story,
};

macro_rules! said {
    ($name:ident, $kind:ident, $type:ty) => {
        fn $name(statement: &mut Statement) -> &mut $type {
            let Predicate::$kind(said) = &mut statement.predicate else {
                panic!("another statement");
            };
            said
        }
    };
}

said!(source, Source, Source);
said!(provenance, Provenance, Provenance);
said!(rebuild, Rebuild, Rebuild);
said!(approval, Approval, VerificationSummary);
said!(release, Release, Release);

type Twist = fn(&mut Statement);

const SOURCES: &[Twist] = &[
    |s| source(s).audience = vec![SUPERVISOR_LOG.parse().unwrap()],
    |s| source(s).kind = Kind::Rules,
    |s| source(s).not_after = NOW + 300,
    |s| source(s).not_after -= 1,
    |s| source(s).platform.push('x'),
    |s| source(s).product.push('x'),
    |s| source(s).archive = FileDigest::of(b"another archive"),
];

const COMMITMENTS: &[Twist] = &[|s| {
    let Predicate::Commitment(commitment) = &mut s.predicate else {
        panic!("no commitment");
    };
    commitment.commitment = FileDigest::of(b"nothing");
}];

const PROVENANCES: &[Twist] = &[
    |s| provenance(s).build_definition.build_type.push('2'),
    |s| {
        let inputs = &mut provenance(s).build_definition.resolved_dependencies;
        inputs[0].digest.sha256 = FileDigest::of(b"another source");
    },
    |s| {
        let inputs = &mut provenance(s).build_definition.resolved_dependencies;
        inputs.retain(|input| input.uri != "environment");
    },
    |s| s.subject.clear(),
    |s| s.subject.push(s.subject[0].clone()),
    |s| s.subject.push(Subject::new("second", FileDigest::of(b"b"))),
    |s| {
        let sha256 = FileDigest::of(b"b");
        s.subject.push(Subject::new("second", sha256));
        let blob = Blob {
            sha256,
            bytes: 1,
            public: true,
        };
        let asked = &mut provenance(s).build_definition.external_parameters;
        asked.blobs.push(blob);
    },
    |s| {
        let asked = &mut provenance(s).build_definition.external_parameters;
        asked.blobs.clear();
    },
    |s| {
        let asked = &mut provenance(s).build_definition.external_parameters;
        asked.not_after = NOW + 300;
    },
    |s| {
        let asked = &mut provenance(s).build_definition.external_parameters;
        asked.audience = vec![SUPERVISOR_LOG.parse().unwrap()];
    },
    |s| {
        let asked = &mut provenance(s).build_definition.external_parameters;
        asked.arguments.insert("tls".to_owned(), "off".to_owned());
    },
    |s| {
        let chosen = &mut provenance(s).build_definition.internal_parameters;
        chosen.salt = FileDigest::of(b"another salt");
    },
];

const REBUILDS: &[Twist] = &[
    |s| rebuild(s).verdict = Verdict::Explained,
    |s| rebuild(s).verdict = Verdict::Unexplained,
    |s| rebuild(s).verdict = Verdict::Failed,
    |s| rebuild(s).artifacts[0].sha256 = FileDigest::of(b"another"),
    |s| rebuild(s).artifacts.clear(),
    |s| rebuild(s).salt = None,
    |s| rebuild(s).salt = Some(FileDigest::of(b"another salt")),
    |s| rebuild(s).provenance = StatementDigest::of(b"another"),
    |s| rebuild(s).not_after = NOW + 300,
];

const APPROVALS: &[Twist] = &[
    |s| approval(s).verification_result = VerificationResult::Failed,
    |s| approval(s).resource_uri.push('0'),
    |s| approval(s).resource_uri = "center.example/log/else".to_owned(),
    |s| {
        let at = approval(s).resource_uri.rfind('/').unwrap();
        approval(s).resource_uri.truncate(at + 1);
        let other = StatementDigest::of(b"another build").to_string();
        approval(s).resource_uri.push_str(&other);
    },
    |s| {
        let uri = approval(s).resource_uri.replace("center.", "supervisor.");
        approval(s).resource_uri = uri;
    },
    |s| approval(s).policy.digest.sha256 = FileDigest::of(b"x"),
    |s| approval(s).policy.digest.sha256 = FileDigest::of(b"y"),
    |s| approval(s).policy.digest.sha256 = FileDigest::of(b"z"),
    |s| s.subject[0].digest.sha256 = FileDigest::of(b"x"),
    |s| s.subject.push(s.subject[0].clone()),
    |s| drop(approval(s).input_attestations.remove(0)),
    |s| drop(approval(s).input_attestations.remove(1)),
    |s| drop(approval(s).input_attestations.remove(2)),
];

const RELEASES: &[Twist] = &[
    |s| release(s).product.push('x'),
    |s| release(s).version.push('x'),
    |s| release(s).platform.push('x'),
    |s| release(s).channel.push('x'),
    |s| release(s).channel.push_str(".r1"),
    |s| release(s).channel.push_str(".r1"),
    |s| release(s).channel.push_str(".r10"),
    |s| release(s).channel.push_str(".r10"),
    |s| release(s).kind = Kind::Rules,
    |s| release(s).artifact = FileDigest::of(b"x"),
    |s| release(s).artifact_bytes += 1,
    |s| release(s).seq += 1,
    |s| release(s).seq = 0,
    |s| release(s).predecessor = None,
    |s| release(s).predecessor = Some(StatementDigest::of(b"x")),
    |s| release(s).audience = vec![SUPERVISOR_LOG.parse().unwrap()],
    |s| release(s).approval = StatementDigest::of(b"x"),
    |s| release(s).not_after = NOW + 300,
    |s| s.subject.clear(),
    |s| s.subject[0].name.push('x'),
];

/// What a platform's signature may be attached to, honest twice.
const SIGNED: &[Twist] = &[
    |s| ship_program(s, |program| attach(program, &signature())),
    |s| ship_program(s, |program| attach(program, &signature())),
    |s| {
        ship_program(s, |program| {
            let mut patched = program.to_vec();
            patched[0x148] ^= 1;
            attach(&patched, &signature())
        });
    },
    |s| {
        ship_program(s, |program| attach(program, &signature()));
        release(s).blobs[0].public = false;
    },
    |s| {
        ship_program(s, |program| attach(program, &signature()));
        release(s).blobs.clear();
    },
    |s| ship_program(s, <[u8]>::to_vec),
    |s| ship_program(s, |program| attach(program, b"\x30\x01x")),
];

/// The release ships what is made of the program of its version.
fn ship_program(statement: &mut Statement, make: impl Fn(&[u8]) -> Vec<u8>) {
    let shipped = make(&program(&release(statement).version));
    ship(statement, &shipped, &signature());
}

/// A platform signs what is released, or something else.
pub(crate) fn signed_by_platform(dice: &mut Dice, story: Story) -> Story {
    story.change(Step::ReleaseCenter, *dice.pick(SIGNED))
}

/// The release is for a narrow ring first.
pub(crate) fn in_a_ring(dice: &mut Dice, story: Story) -> Story {
    let narrow: &[Twist] = &[
        |s| release(s).channel.push_str(".r1"),
        |s| release(s).channel.push_str(".r10"),
        |s| release(s).channel.push_str(".r50"),
    ];
    story.change(Step::ReleaseCenter, *dice.pick(narrow))
}

const PUBLICATIONS: &[Twist] = &[
    |s| publication(s).version += 1,
    |s| publication(s).metadata = FileDigest::of(b"x"),
    |s| publication(s).role = "rules".to_owned(),
    |s| publication(s).not_after = NOW + 300,
];

said!(publication, Publication, statement::Publication);

/// Keys that may sign in somebody's place.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("stranger", "author"),
    ("vendor", "center-2"),
    ("vendor", "center"),
    ("vendor", "posing"),
    ("vendor", "rebuilder"),
    ("vendor", "conveyer"),
    ("vendor", "author"),
    ("vendor", "governance"),
    ("vendor", "tuf"),
    ("supervisor", "supervisor"),
    ("lab-a", "rebuilder"),
    ("lab-a", "governance"),
    ("lab-b", "rebuilder"),
    ("lab-b", "conveyer"),
    ("lab-c", "rebuilder"),
];

pub(crate) fn key(dice: &mut Dice) -> Key {
    let (party, name) = *dice.pick(KEYS);
    Key::of(party, name)
}

/// One twist.
pub(crate) fn twist(dice: &mut Dice, story: Story) -> Story {
    let step = *dice.pick(&Step::ALL);
    if dice.one_in(5) {
        return with_keys(dice, step, story);
    }
    let twists = match step {
        Step::Source => SOURCES,
        Step::CommitConveyer | Step::CommitA | Step::CommitB => COMMITMENTS,
        Step::Provenance => PROVENANCES,
        Step::RebuildA | Step::RebuildB => REBUILDS,
        Step::Approval => APPROVALS,
        Step::ReleaseCenter | Step::ReleaseSupervisor => RELEASES,
        Step::Publication if dice.one_in(2) => return publishing(dice, story),
        Step::Publication => PUBLICATIONS,
    };
    let twist = *dice.pick(twists);
    let story = story.change(step, twist);
    if matches!(step, Step::ReleaseCenter | Step::ReleaseSupervisor) {
        // Not every release has a target.
        return story.publishing(|version, _| listing(version, &[]));
    }
    story
}

fn with_keys(dice: &mut Dice, step: Step, story: Story) -> Story {
    match dice.below(6) {
        0 => story.second_rebuilder(Key::of("vendor", "rebuilder")),
        1 => story.second_rebuilder(Key::of("lab-c", "rebuilder")),
        2 => {
            let key = Key::of("lab-b", "conveyer");
            let story = story.signed_by(Step::CommitConveyer, key.clone());
            story.signed_by(Step::Provenance, key)
        }
        3 => story.signed_by(Step::ReleaseSupervisor, Key::of("vendor", "center-2")),
        4 => story.signed_by(Step::ReleaseSupervisor, Key::of("vendor", "posing")),
        _ => {
            let key = key(dice);
            story.signed_by(step, key)
        }
    }
}

/// Another file is published.
fn publishing(dice: &mut Dice, story: Story) -> Story {
    const SIGNERS: [&[(&str, &str)]; 6] = [
        &[("vendor", "tuf")],
        &[("vendor", "tuf"), ("vendor", "tuf-2")],
        &[("supervisor", "tuf")],
        &[("vendor", "tuf"), ("supervisor", "supervisor")],
        &[("vendor", "tuf-2"), ("supervisor", "tuf")],
        &[("vendor", "tuf"), ("supervisor", "tuf-2")],
    ];
    let keys = dice.pick(&SIGNERS);
    let keys: Vec<_> = keys.iter().map(|(p, n)| Key::of(p, n)).collect();
    match dice.below(3) {
        0 => story.publishing(move |version, release| {
            signed(unsigned(version, NOW + DAY, &[release]), &keys)
        }),
        1 => story.publishing(|version, _| listing(version, &[])),
        _ => story.publishing(|version, _| {
            let expires = Expires::from_posix(NOW + DAY).unwrap();
            let file = Targets::listing(version + 1, expires, Default::default()).unwrap();
            signed(file, &crate::honest::metadata::both())
        }),
    }
}

//! What is printed is read back as the same, and nothing makes a parser panic.

use proptest::prelude::*;
use statement::{
    Artifact, Blob, CommitSignature, Envelope, FileDigest, Finding, Halt, Heartbeat, Kind, Rebuild,
    Release, Source, SourceOrigin, Statement, StatementDigest, Subject, Submodule, Verdict,
};
use tlog::{Hash, Origin};

use crate::samples::{self, RfcKey};

fn digest() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn file() -> impl Strategy<Value = FileDigest> {
    digest().prop_map(FileDigest::new)
}

fn said() -> impl Strategy<Value = StatementDigest> {
    digest().prop_map(StatementDigest::new)
}

/// Any text, with what JSON has to escape.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{2028}\u{1f600}]{0,12}"
    ]
}

fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..=9_007_199_254_740_991_u64,
        Just(0),
        Just(9_007_199_254_740_991)
    ]
}

fn audience() -> impl Strategy<Value = Vec<Origin>> {
    let origin = "[a-z]{1,8}\\.example/[a-z\u{e4}]{0,5}";
    prop::collection::vec(origin.prop_map(|text| text.parse().unwrap()), 0..3)
}

fn blobs() -> impl Strategy<Value = Vec<Blob>> {
    let blob = (file(), integer(), any::<bool>());
    let blob = blob.prop_map(|(sha256, bytes, public)| Blob {
        sha256,
        bytes,
        public,
    });
    prop::collection::vec(blob, 0..3)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Software), Just(Kind::Rules)]
}

type Bounds = (Vec<Origin>, u64, Vec<Blob>);

fn bounds() -> impl Strategy<Value = Bounds> {
    (audience(), integer(), blobs())
}

fn spoken() -> impl Strategy<Value = statement::Predicate> {
    let heartbeat = (bounds(), text()).prop_map(|((audience, not_after, blobs), note)| {
        Heartbeat {
            audience,
            not_after,
            blobs,
            note,
        }
        .into()
    });
    let halt = (bounds(), prop::option::of(text()), text());
    let halt = halt.prop_map(|((audience, not_after, blobs), product, reason)| {
        Halt {
            audience,
            not_after,
            blobs,
            product,
            reason,
        }
        .into()
    });
    let finding = (bounds(), said(), text(), text());
    let finding = finding.prop_map(|((audience, not_after, blobs), about, title, detail)| {
        Finding {
            audience,
            not_after,
            blobs,
            about,
            title,
            detail,
        }
        .into()
    });
    prop_oneof![heartbeat, halt, finding]
}

fn imported() -> impl Strategy<Value = SourceOrigin> {
    let signature = (prop::option::of(text()), text());
    let signature = signature.prop_map(|(by, format)| CommitSignature { by, format });
    let submodule = (text(), text()).prop_map(|(commit, path)| Submodule { commit, path });
    let submodules = prop::collection::vec(submodule, 0..3);
    (text(), text(), prop::option::of(signature), submodules).prop_map(
        |(author, commit, signature, submodules)| SourceOrigin::Git {
            author,
            commit,
            signature,
            submodules,
        },
    )
}

fn built() -> impl Strategy<Value = statement::Predicate> {
    let names = (text(), text(), text(), text());
    let files = (file(), file(), file());
    let origin = prop_oneof![Just(SourceOrigin::Directory), imported()];
    let source = (
        bounds(),
        names,
        files,
        kind(),
        prop::collection::vec(text(), 0..3),
        prop::collection::btree_map(text(), text(), 0..3),
        origin,
    );
    source.prop_map(
        |((audience, not_after, blobs), names, files, kind, authors, arguments, imported_from)| {
            let (product, version, platform, authored_in) = names;
            let (archive, tree, recipe) = files;
            let source = Source {
                audience,
                not_after,
                blobs,
                product,
                version,
                kind,
                platform,
                archive,
                tree,
                recipe,
                arguments,
                authors,
                authored_in,
                imported_from,
            };
            source.into()
        },
    )
}

fn rebuilt() -> impl Strategy<Value = statement::Predicate> {
    let verdict = prop_oneof![
        Just(Verdict::Identical),
        Just(Verdict::Explained),
        Just(Verdict::Unexplained),
        Just(Verdict::Failed)
    ];
    let some = || prop::option::of(file());
    let artifact = (text(), file()).prop_map(|(name, sha256)| Artifact { name, sha256 });
    let artifacts = prop::collection::vec(artifact, 0..3);
    let digests = (said(), said(), artifacts, some(), some(), some());
    let texts = (
        prop::collection::vec(text(), 0..3),
        prop::collection::vec(text(), 0..3),
    );
    (bounds(), verdict, digests, texts).prop_map(
        |((audience, not_after, blobs), verdict, digests, (taken_from_center, differences))| {
            let (build, provenance, artifacts, salt, environment, report) = digests;
            let rebuild = Rebuild {
                audience,
                not_after,
                blobs,
                build,
                provenance,
                verdict,
                artifacts,
                salt,
                environment,
                taken_from_center,
                differences,
                report,
            };
            rebuild.into()
        },
    )
}

fn released() -> impl Strategy<Value = statement::Predicate> {
    let names = (text(), text(), text(), text(), text());
    let numbers = (integer(), integer());
    let digests = (prop::option::of(said()), file(), said(), said());
    (bounds(), names, numbers, digests, kind()).prop_map(
        |((audience, not_after, blobs), names, (seq, artifact_bytes), digests, kind)| {
            let (product, version, channel, platform, file) = names;
            let (predecessor, artifact, build, approval) = digests;
            let release = Release {
                audience,
                not_after,
                blobs,
                product,
                version,
                channel,
                platform,
                seq,
                predecessor,
                kind,
                file,
                artifact,
                artifact_bytes,
                build,
                approval,
                signed: None,
            };
            release.into()
        },
    )
}

fn statement() -> impl Strategy<Value = Statement> {
    let subject = (text(), file()).prop_map(|(name, sha256)| Subject::new(name, sha256));
    let subjects = prop::collection::vec(subject, 0..3);
    let predicate = prop_oneof![spoken(), built(), rebuilt(), released()];
    (subjects, predicate).prop_map(|(subject, predicate)| Statement { subject, predicate })
}

proptest! {
    #[test]
    fn a_statement_is_read_back_as_it_was_printed(statement in statement()) {
        let payload = statement.to_payload().unwrap();
        let read = Statement::parse(&payload).unwrap();
        prop_assert_eq!(&read, &statement);
        prop_assert_eq!(read.to_payload().unwrap(), payload);
    }

    #[test]
    fn an_envelope_is_read_back_as_it_was_printed(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        number in 1..=5usize,
    ) {
        let key = RfcKey::number(number);
        let envelope = Envelope::sign(payload, &key).unwrap();
        let read = Envelope::parse(&envelope.to_bytes()).unwrap();
        prop_assert_eq!(&read, &envelope);
        prop_assert!(read.verify(&key.raw()).is_ok());
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Envelope::parse(&bytes).is_err());
        prop_assert!(Statement::parse(&bytes).is_err());
    }

    /// What is still accepted after a change says something else, and so has another digest.
    #[test]
    fn a_changed_payload_is_refused_or_another_statement(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (_, honest) = which.get(&samples::all()).clone();
        let payload = honest.to_payload().unwrap();
        let mut changed = payload.clone();
        *at.get_mut(&mut changed) = byte;
        if let Ok(read) = Statement::parse(&changed) {
            prop_assert_eq!(read == honest, changed == payload);
            prop_assert_eq!(read.to_payload().unwrap(), changed);
        }
    }
}

//! A platform's signature is attached last, and by everybody again.

use std::convert::Infallible;

use law::{Attached, Installable, Releasable, ReleasedFile};
use statement::{FileDigest, Predicate, Statement};

use crate::{
    conditions::offers::Delivery,
    honest::{
        chain::{Step, artifact},
        program::{attach, ship, signature},
        story::{Story, Told},
    },
    refused_with,
};

/// A release that ships the program with the signature, as this makes it.
fn shipping(make: impl Fn(&mut Statement) + 'static) -> Told {
    Story::honest().change(Step::ReleaseCenter, make).tell()
}

fn honest() -> Told {
    shipping(|statement| ship(statement, &shipped(), &signature()))
}

fn shipped() -> Vec<u8> {
    attach(&artifact("1.0.0"), &signature())
}

fn again(artifact: &[u8], signature: &[u8]) -> Attached {
    let made = Attached::recompute(artifact, signature, |program, signature| {
        Ok::<_, Infallible>(attach(program, signature))
    });
    let Ok(made) = made;
    made
}

fn releasable(told: &Told, attached: Option<&Attached>) -> Result<Releasable, law::Refusal> {
    let payload = told.made.payload(Step::ReleaseCenter);
    Releasable::check_signed(told.replay().settled().unwrap(), payload, attached)
}

fn released(
    told: &Told,
    file: &[u8],
    attached: Option<&Attached>,
) -> Result<ReleasedFile, law::Refusal> {
    let file = (FileDigest::of(file), file.len() as u64);
    let bundle = told.bundle();
    ReleasedFile::check_signed(bundle.view(), told.made.release(), file, attached, 2)
}

fn installed(told: &Told, attached: Option<&Attached>) -> Result<Installable, law::Refusal> {
    let mut delivery = Delivery::of(told);
    delivery.artifact = shipped();
    delivery.attached = attached.copied();
    delivery.judged()
}

#[test]
fn a_signed_program_is_released_and_installed_by_whoever_attached_the_signature_again() {
    let told = honest();
    let attached = again(&artifact("1.0.0"), &signature());
    let granted = releasable(&told, Some(&attached)).unwrap();
    assert_eq!(granted.release().signed, Some(attached.signed()));
    assert_eq!(attached.signature().1, signature().len() as u64);
    released(&told, &shipped(), Some(&attached)).unwrap();
    installed(&told, Some(&attached)).unwrap();
    let found = ReleasedFile::find(told.bundle().view(), FileDigest::of(&shipped()));
    assert_eq!(found, Ok(told.made.release()));
    // What was built is what was rebuilt; what is shipped is the other file.
    refused_with!(
        "install.artifact",
        released(&told, &artifact("1.0.0"), Some(&attached))
    );
}

#[test]
fn who_did_not_attach_the_signature_again_neither_signs_nor_installs() {
    let told = honest();
    refused_with!("release.attached", releasable(&told, None));
    refused_with!("release.attached", released(&told, &shipped(), None));
    refused_with!("release.attached", installed(&told, None));
    let payload = told.made.payload(Step::ReleaseCenter);
    let view = told.replay();
    refused_with!(
        "release.attached",
        Releasable::check(view.settled().unwrap(), payload)
    );
}

#[test]
fn a_signature_step_that_changes_code_is_refused() {
    let mut patched = artifact("1.0.0");
    *patched.last_mut().unwrap() ^= 1;
    let trojan = attach(&patched, &signature());
    let file = trojan.clone();
    let told = shipping(move |statement| ship(statement, &file, &signature()));
    // Honest parts do not make it, and the parts that make it are not what was rebuilt.
    for parts in [
        again(&artifact("1.0.0"), &signature()),
        again(&patched, &signature()),
    ] {
        refused_with!("release.attached", releasable(&told, Some(&parts)));
        refused_with!("release.attached", released(&told, &trojan, Some(&parts)));
    }
}

#[test]
fn the_signature_is_the_one_that_the_release_names_and_everybody_can_fetch_it() {
    let other = b"\x30\x05other".to_vec();
    let told = honest();
    let attached = again(&artifact("1.0.0"), &other);
    refused_with!("release.attached", releasable(&told, Some(&attached)));
    let changes: [fn(&mut Vec<statement::Blob>); 2] = [Vec::clear, |blobs| blobs[0].public = false];
    for change in changes {
        let told = shipping(move |statement| {
            ship(statement, &shipped(), &signature());
            if let Predicate::Release(release) = &mut statement.predicate {
                change(&mut release.blobs);
            }
        });
        let attached = again(&artifact("1.0.0"), &signature());
        refused_with!("release.attached", releasable(&told, Some(&attached)));
        refused_with!(
            "release.attached",
            released(&told, &shipped(), Some(&attached))
        );
    }
}

#[test]
fn a_signature_that_lies_beside_the_program_leaves_it_as_it_was_rebuilt() {
    let told = shipping(|statement| ship(statement, &artifact("1.0.0"), b"beside"));
    let beside = Attached::recompute(&artifact("1.0.0"), b"beside", |program, _| {
        Ok::<_, Infallible>(program.to_vec())
    });
    let Ok(beside) = beside;
    releasable(&told, Some(&beside)).unwrap();
    released(&told, &artifact("1.0.0"), None).unwrap();
    // A signer still says what the signature is of.
    refused_with!("release.attached", releasable(&told, None));
}

#[test]
fn the_length_of_what_is_shipped_is_part_of_it() {
    let told = shipping(|statement| {
        ship(statement, &shipped(), &signature());
        if let Predicate::Release(release) = &mut statement.predicate {
            release.signed.as_mut().unwrap().shipped_bytes += 1;
        }
    });
    let attached = again(&artifact("1.0.0"), &signature());
    refused_with!("release.attached", releasable(&told, Some(&attached)));
}

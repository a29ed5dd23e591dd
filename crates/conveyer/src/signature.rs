//! What a commit's signature says about itself. Nothing is verified: it is recorded as a claim.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use gix::objs::CommitRef;
use statement::CommitSignature;

/// The forms of git(1), `gpg.format`, by how their armour begins.
const FORMS: [(&str, &str); 3] = [
    ("-----BEGIN PGP ", "openpgp"),
    ("-----BEGIN SSH SIGNATURE-----", "ssh"),
    ("-----BEGIN SIGNED MESSAGE-----", "x509"),
];

/// The signature that a commit carries, if any.
pub(crate) fn signature_of(commit: &CommitRef<'_>) -> Option<CommitSignature> {
    let mut headers = commit.extra_headers.iter();
    let (_, armour) = headers.find(|(name, _)| name.starts_with(b"gpgsig"))?;
    let armour = String::from_utf8_lossy(armour);
    let form = FORMS.iter().find(|(start, _)| armour.starts_with(start));
    let format = form.map_or("unknown", |(_, format)| format);
    Some(CommitSignature {
        by: (format == "ssh").then(|| ssh_key(&armour)).flatten(),
        format: format.to_owned(),
    })
}

/// Fingerprint of the key in an SSH signature (PROTOCOL.sshsig of OpenSSH: magic, version, public key).
fn ssh_key(armour: &str) -> Option<String> {
    let inner: String = armour
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = STANDARD.decode(inner).ok()?;
    let rest = bytes.strip_prefix(b"SSHSIG")?.get(4..)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let key = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let digest = tlog::sha256(key);
    Some(format!(
        "SHA256:{}",
        STANDARD_NO_PAD.encode(digest.as_bytes())
    ))
}

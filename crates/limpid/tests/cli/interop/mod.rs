//! What this program writes, read by other people's programs: securesystemslib, in-toto-attestation, python-tuf and
//! CycloneDX's own library. They are installed here, in the versions that `requirements.txt` names.

mod bills;
mod outsiders;
mod signed;

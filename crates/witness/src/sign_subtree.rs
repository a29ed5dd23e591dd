//! `sign-subtree` (tlog-witness): a cosignature over a part of a tree that this witness cosigned.
//!
//! ```text
//! POST /sign-subtree
//!
//! subtree 8 13
//! mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=      the subtree's hash
//! CD82D2LDm0phY0+xKbHyZfq3Hw21lVkuV7Zis5EFg0k=      subtree consistency proof to the checkpoint
//!
//! center.example/log
//! 14
//! /CcKVZM9n65aH7jLaIZuUB4/MSlEFQ4+ldwUC21rDHM=
//!
//! — witness.example/w1 LijDAFSpKvDUj+Zt...           what add-checkpoint answered
//! ```
//!
//! Nothing is remembered: the reference checkpoint carries our own cosignature, so it is one of
//! those that stand in one line, and the proof shows that the subtree is part of it. Whatever an
//! old checkpoint held, the newest holds too.

use tlog::{
    Checkpoint, Note, NoteSigner as _, SignSubtree, SignatureLine, cosign_subtree,
    verify_cosignature, verify_subtree_consistency,
};

use crate::error::{Refusal, WitnessError};
use crate::witness::Witness;

impl Witness {
    /// Judges the body of a `sign-subtree` request. The answer has one line, of the ML-DSA-44 key:
    /// what an Ed25519 cosigner signs has no place for a subtree.
    ///
    /// # Errors
    /// [`Refusal`], each with its own status in the specification.
    pub fn sign_subtree(&self, body: &[u8]) -> Result<Vec<SignatureLine>, Refusal> {
        let request = SignSubtree::parse(body).map_err(Refusal::Malformed)?;
        let note = Note::parse(&request.checkpoint).map_err(Refusal::Malformed)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(Refusal::Malformed)?;
        let (end, size) = (request.subtree.end(), checkpoint.size());
        if end > size {
            return Err(Refusal::EndAboveSize { end, size });
        }
        if !self.follows(checkpoint.origin()) {
            let origin = checkpoint.origin().to_string();
            return Err(Refusal::UnknownOrigin { origin });
        }
        self.check_own(&note, &checkpoint)?;
        verify_subtree_consistency(
            request.subtree,
            &request.hash,
            size,
            checkpoint.root(),
            &request.proof,
        )
        .map_err(Refusal::Inconsistent)?;
        let [_, ml_dsa] = self.keys();
        let line = cosign_subtree(checkpoint.origin(), request.subtree, &request.hash, ml_dsa);
        let line = line.map_err(|source| Refusal::Internal(WitnessError::Sign(source)))?;
        Ok(vec![line])
    }

    /// One of our keys cosigned this very checkpoint, and no line that names one of them is false.
    fn check_own(&self, note: &Note, checkpoint: &Checkpoint) -> Result<(), Refusal> {
        let mut is_ours = false;
        for key in self.keys() {
            let lines = note.signatures().iter();
            for line in lines.filter(|line| line.is_by(key.vkey())) {
                verify_cosignature(checkpoint, line, key.vkey()).map_err(Refusal::Signature)?;
                is_ours = true;
            }
        }
        match is_ours {
            true => Ok(()),
            false => Err(Refusal::NotCosigned),
        }
    }
}

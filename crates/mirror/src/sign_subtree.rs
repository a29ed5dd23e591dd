//! `sign-subtree`: a part of a mirrored checkpoint gets a cosignature of its own (tlog-mirror and
//! tlog-witness, "sign-subtree").

use tlog::{
    Checkpoint, Note, NoteSigner as _, SignSubtree, SignatureLine, cosign_subtree,
    verify_cosignature, verify_subtree_consistency,
};

use crate::error::{MirrorError, Refusal};
use crate::mirror::Mirror;

impl Mirror {
    /// Judges the body of a `sign-subtree` request. Only a checkpoint that this mirror cosigned counts,
    /// so the subtree is held too. The Ed25519 key cannot sign subtrees.
    ///
    /// # Errors
    /// [`Refusal`], each with its own status in the specification.
    pub async fn sign_subtree(&self, body: &[u8]) -> Result<Vec<SignatureLine>, Refusal> {
        let request = SignSubtree::parse(body).map_err(Refusal::Malformed)?;
        let note = Note::parse(&request.checkpoint).map_err(Refusal::Malformed)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(Refusal::Malformed)?;
        let (origin, size) = (checkpoint.origin(), checkpoint.size());
        let (start, end) = (request.subtree.start(), request.subtree.end());
        if end > size {
            let beyond = tlog::ProofError::SubtreeBeyondSize { start, end, size };
            return Err(Refusal::Subtree(beyond));
        }
        self.log(origin.as_str())?;
        let mut is_cosigned = false;
        for key in &self.keys {
            let line = note.line_by(key.vkey()).map_err(Refusal::Signature)?;
            if let Some(line) = line {
                verify_cosignature(&checkpoint, line, key.vkey()).map_err(Refusal::Signature)?;
                is_cosigned = true;
            }
        }
        if !is_cosigned {
            return Err(Refusal::NotCosigned);
        }
        let mut transaction = self.db.begin().await?;
        self.open_book(&mut transaction, origin).await?;
        drop(transaction);
        verify_subtree_consistency(
            request.subtree,
            &request.hash,
            size,
            checkpoint.root(),
            &request.proof,
        )
        .map_err(Refusal::Inconsistent)?;
        let [_, ml_dsa] = &self.keys;
        let line = cosign_subtree(origin, request.subtree, &request.hash, ml_dsa);
        Ok(vec![line.map_err(|source| {
            Refusal::Internal(MirrorError::Sign(source))
        })?])
    }
}

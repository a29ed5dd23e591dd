//! C2SP words: notes, checkpoints, cosignatures, tiles, proofs, policies

//! TUF metadata: canonical form, roles, thresholds, the signer's diff

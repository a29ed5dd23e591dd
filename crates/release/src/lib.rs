//! Room: signs releases, keeps the TUF repository

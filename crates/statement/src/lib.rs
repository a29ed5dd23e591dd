//! What parties sign: in-toto statements in DSSE envelopes

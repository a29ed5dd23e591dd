//! Room: a C2SP witness

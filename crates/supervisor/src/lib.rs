//! Room: verifies everything itself, approves, co-signs

//! One binary: `limpid <room> <verb>`, `up`, `demo`.
fn main() {}

//! The `waggle-proxy` program.
fn main() {}

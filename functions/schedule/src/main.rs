//! Hosts `handlers::schedule` on Lambda.
fn main() {}

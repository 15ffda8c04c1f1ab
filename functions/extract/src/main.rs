//! Hosts `handlers::extract` on Lambda.
fn main() {}

//! GET /api/health — is everything reachable?

fn main() {}

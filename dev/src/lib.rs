//! The local stack, the local server and the benchmark.

//! Upstash's REST protocol for local use.

//! A client for Upstash Redis over its REST protocol.

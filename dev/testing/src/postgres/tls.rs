//! A server's certificate.

use std::fmt;

/// A server's certificate and private key, both in PEM.
#[derive(Clone)]
pub struct Tls {
    /// The certificate, followed by the intermediate certificates.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

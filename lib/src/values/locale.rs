//! The languages of the site and of e-mails.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A language of the site and of e-mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English, the default.
    #[default]
    En,
    /// Spanish.
    Es,
}

impl Locale {
    /// All languages. The first one is the default.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];
}

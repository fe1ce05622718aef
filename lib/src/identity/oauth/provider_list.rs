//! The list of the configured providers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::runtime::config::ProviderConfig;

/// A provider that members can sign in through.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct ProviderView {
    /// The name in the path of the sign-in endpoint.
    name: String,
    /// The name to show to people.
    label: String,
}

/// The list of the configured providers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderList {
    items: Vec<ProviderView>,
}

/// Lists the providers that members can sign in through.
pub fn list(app: &App) -> ProviderList {
    let items = app
        .config()
        .providers
        .values()
        .map(|provider| ProviderView {
            name: provider.name.clone(),
            label: provider.label(),
        });
    ProviderList {
        items: items.collect(),
    }
}

/// Returns the name of a provider to show to people, or the technical name `name` if the
/// provider is no longer configured.
pub(crate) fn label(app: &App, name: &str) -> String {
    let provider = app.config().providers.get(name);
    provider.map_or_else(|| name.to_owned(), ProviderConfig::label)
}

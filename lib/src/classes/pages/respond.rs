//! The choice between JSON and a page, and the cache of both.

use http::StatusCode;
use serde::Serialize;

use super::not_found;
use crate::error::{Error, Result};
use crate::http::{CacheableResponse, Freshness, Representation};
use crate::store::response_cache::ResponseCache;
use crate::values::locale::Locale;
use crate::{App, BoxFuture};

/// Where the representations of a resource are cached, and for how long.
pub(in crate::classes) struct CachedResource<'a> {
    pub cache: &'a ResponseCache,
    /// The kind of the resource. See [`ResponseCache::get_or_load_text`].
    pub kind: &'static str,
    /// Identifies the request, without its representation.
    pub key: String,
    pub freshness: Freshness,
}

/// Responds with JSON or with a page, from the cache or from what `load` returns.
///
/// # Errors
///
/// The errors of `load`. See [`not_found_as_page`] for [`Error::NotFound`].
pub(in crate::classes) async fn respond<'a, T: Serialize + 'a>(
    resource: CachedResource<'a>,
    representation: Representation,
    load: BoxFuture<'a, Result<T>>,
    render: impl FnOnce(&T, Locale) -> Result<String> + Send + 'a,
) -> Result<CacheableResponse> {
    let CachedResource {
        cache,
        kind,
        key,
        freshness,
    } = resource;
    let Representation::Html(locale) = representation else {
        let load = async move { CacheableResponse::to_json(&load.await?) };
        let json = cache.get_or_load_text(kind, key, Box::pin(load)).await?;
        return Ok(CacheableResponse::json(json, freshness));
    };
    let key = format!("{key} page {}", locale.as_str());
    let load = async move { render(&load.await?, locale) };
    let page = cache.get_or_load_text(kind, key, Box::pin(load)).await?;
    Ok(CacheableResponse::html(page, locale, freshness))
}

/// Turns [`Error::NotFound`] into a page with the status 404 if the caller prefers a page.
pub(in crate::classes) fn not_found_as_page(
    app: &App,
    representation: Representation,
    result: Result<CacheableResponse>,
) -> Result<CacheableResponse> {
    match (result, representation) {
        (Err(Error::NotFound), Representation::Html(locale)) => {
            let page = not_found(&app.config().studio, locale)?;
            let response = CacheableResponse::html(page, locale, Freshness::Schedule);
            Ok(response.with_status(StatusCode::NOT_FOUND))
        }
        (result, _) => result,
    }
}

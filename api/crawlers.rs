//! GET /api/crawlers — `robots.txt` and `sitemap.xml`.

use sabor::http::{CacheableResponse, IfNoneMatchParams, Query};
use sabor::studio::crawlers;
use sabor::studio::crawlers::CrawlerFileQuery;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    // Some services add a parameter so that no cache answers.
    routes![get_crawler_file].with_other_query_params()
}

/// Returns `robots.txt` or `sitemap.xml`. The site serves them as `/robots.txt` and
/// `/sitemap.xml`.
#[utoipa::path(get, path = "/api/crawlers", tag = "classes", params(CrawlerFileQuery, IfNoneMatchParams), responses(
    (status = 200, content((String = "text/plain"), (String = "application/xml")), description = "The file, with an `ETag`"),
    (status = 304, description = "The file that the caller has is current"),
))]
async fn get_crawler_file(
    app: App,
    Query(query): Query<CrawlerFileQuery>,
) -> Result<CacheableResponse> {
    crawlers::get(&app, query).await
}

fn main() -> Exit {
    serve(route())
}

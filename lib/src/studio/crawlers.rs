//! `robots.txt` and `sitemap.xml`, which tell search engines what to read.

use askama::Template;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::error::Result;
use crate::http::{CacheableResponse, Freshness};
use crate::models::catalog::LastChange;
use crate::models::{class_type, instructor};
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// The pages of the site that search engines may show, besides those of each class type and
/// each instructor.
const PAGES: [&str; 12] = [
    "/",
    "/timetable",
    "/classes",
    "/instructors",
    "/shop",
    "/contact",
    "/docs",
    "/docs/sign-in",
    "/docs/book-a-class",
    "/docs/payments",
    "/docs/partner-applications",
    "/docs/errors",
];

/// The query for a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CrawlerFileQuery {
    /// The name of the file.
    #[param(required, inline, value_type = CrawlerFile)]
    file: Option<String>,
}

/// A file for search engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub enum CrawlerFile {
    /// Which pages to read (RFC 9309).
    #[serde(rename = "robots.txt")]
    Robots,
    /// The addresses of the public pages (sitemaps.org).
    #[serde(rename = "sitemap.xml")]
    Sitemap,
}

impl CrawlerFileQuery {
    fn parse(&self) -> Result<CrawlerFile> {
        let mut form = Form::default();
        let parsed = match self.file.as_deref() {
            Some("robots.txt") => Ok(CrawlerFile::Robots),
            Some("sitemap.xml") => Ok(CrawlerFile::Sitemap),
            _ => Err("must be robots.txt or sitemap.xml".to_owned()),
        };
        let file = form.check("file", parsed);
        form.finish()?;
        Ok(file.unwrap_or(CrawlerFile::Robots))
    }
}

/// The rules for search engines. They allow the public part of the API, because the pages load
/// it when a search engine renders them.
#[derive(Template)]
#[template(path = "crawlers/robots.txt")]
struct RobotsFile<'a> {
    site: &'a str,
}

#[derive(Template)]
#[template(path = "crawlers/sitemap.xml")]
struct SitemapFile {
    entries: Vec<SitemapEntry>,
}

struct SitemapEntry {
    url: String,
    /// In RFC 3339. `None` if it is not known.
    last_change: Option<String>,
}

/// Returns `robots.txt` or `sitemap.xml`. Their addresses begin with `SITE_URL`.
///
/// # Errors
///
/// [`crate::error::Error::Invalid`] for another file.
pub fn get(app: &App, query: CrawlerFileQuery) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let (content_type, text) = match query.parse()? {
            CrawlerFile::Robots => {
                let site = &app.config().studio.site_url;
                let text = RobotsFile { site }.render()?;
                ("text/plain; charset=utf-8", text)
            }
            CrawlerFile::Sitemap => {
                let text =
                    app.catalog()
                        .get_or_load_text("sitemap", String::new(), load_sitemap(app));
                ("application/xml", text.await?)
            }
        };
        Ok(CacheableResponse::text(
            content_type,
            text,
            Freshness::Catalog,
        ))
    })
}

fn load_sitemap(app: &App) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let (class_types, instructors) = app
            .db()
            .read(async move |client| {
                tokio::try_join!(
                    class_type::list_last_changes(client),
                    instructor::list_last_changes(client),
                )
            })
            .await?;
        let site = &app.config().studio.site_url;
        let mut entries: Vec<SitemapEntry> = PAGES
            .iter()
            .map(|path| SitemapEntry {
                url: format!("{site}{path}"),
                last_change: None,
            })
            .collect();
        for (folder, changes) in [("classes", class_types), ("instructors", instructors)] {
            let entry = |LastChange { id, updated_at }| SitemapEntry {
                url: format!("{site}/{folder}/{id}"),
                last_change: Some(updated_at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            };
            entries.extend(changes.into_iter().map(entry));
        }
        Ok(SitemapFile { entries }.render()?)
    })
}

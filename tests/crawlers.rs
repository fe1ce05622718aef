//! `api/crawlers.rs`: what search engines may read.

use crate::classes::create_class_type;
use crate::harness::{SITE, TestApp, TestResponse};

async fn sitemap(app: &TestApp) -> TestResponse {
    let response = app.visitor().get("/api/crawlers?file=sitemap.xml").await;
    assert_eq!(response.status, 200);
    response
}

#[tokio::test]
async fn the_sitemap_has_the_public_pages_with_their_last_change() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let retired = create_class_type(&app, "Tango").await;
    for table in ["class_types", "instructors"] {
        app.sql(&format!("alter table {table} disable trigger user"))
            .await;
        app.sql(&format!(
            "update {table} set updated_at = '2026-03-08T10:11:12.9Z'"
        ))
        .await;
    }
    for (table, id) in [
        ("class_types", retired.class_type),
        ("instructors", retired.instructor),
    ] {
        app.sql(&format!(
            "update {table} set is_active = false where id = '{id}'"
        ))
        .await;
    }
    let response = sitemap(&app).await;
    assert_eq!(response.header("content-type"), Some("application/xml"));
    let mut expected = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for path in [
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
    ] {
        expected += &format!("<url><loc>{SITE}{path}</loc></url>\n");
    }
    for path in [
        format!("/classes/{}", salsa.class_type),
        format!("/instructors/{}", salsa.instructor),
    ] {
        let last_change = "<lastmod>2026-03-08T10:11:12Z</lastmod>";
        expected += &format!("<url><loc>{SITE}{path}</loc>{last_change}</url>\n");
    }
    expected += "</urlset>";
    assert_eq!(response.text.trim_end(), expected);
}

#[tokio::test]
async fn a_change_of_the_catalog_changes_the_sitemap() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let salsa = create_class_type(&app, "Salsa").await;
    let entry = format!("<loc>{SITE}/classes/{}</loc>", salsa.class_type);
    let before = sitemap(&app).await;
    assert!(before.text.contains(&entry));
    let cached = before.header("cache-control").unwrap();
    assert!(
        cached.starts_with("public, max-age=0, s-maxage=60"),
        "{cached}"
    );
    let path = format!("/api/admin/classes?id={}", salsa.class_type);
    staff.delete(&path).await.expect(200);
    let after = sitemap(&app).await;
    assert!(!after.text.contains(&entry));
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn robots_may_read_what_pages_need_and_nothing_about_members() {
    let app = TestApp::start().await;
    // Some services add a parameter of their own.
    let response = app
        .visitor()
        .get("/api/crawlers?file=robots.txt&now=1")
        .await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let lines: Vec<_> = response.text.lines().collect();
    let sitemap = format!("Sitemap: {SITE}/sitemap.xml");
    assert_eq!(
        lines,
        [
            "User-agent: *",
            "Allow: /api/classes/",
            "Allow: /api/instructors",
            "Allow: /api/studio",
            "Disallow: /api/",
            "Disallow: /account",
            "Disallow: /bookings",
            "Disallow: /staff",
            "Disallow: /admin",
            "",
            sitemap.as_str(),
        ]
    );
    for query in ["", "?file=", "?file=humans.txt"] {
        let response = app.visitor().get(&format!("/api/crawlers{query}")).await;
        let body = response.expect_code(400, "validation_failed");
        assert_eq!(
            body["details"]["file"][0],
            "must be robots.txt or sitemap.xml"
        );
    }
}

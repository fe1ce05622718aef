//! The HTML pages of `api/classes/` and `api/instructors.rs`, for browsers without JavaScript,
//! search engines, and link previews.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ClassTypeAndInstructor, advance_to_next_minute, create_class_at, create_class_type, time,
};
use crate::bookings::{book, join_waitlist};
use crate::harness::{SITE, Settings, TestApp, TestClient, TestResponse};

/// What browsers send when they open an address.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn send_with(
    client: &TestClient,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> TestResponse {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

/// Opens an address as a browser in English.
async fn open(client: &TestClient, path: &str) -> TestResponse {
    let headers = [("accept", BROWSER), ("accept-language", "en-US,en;q=0.9")];
    send_with(client, Method::GET, path, &headers).await
}

/// Opens an address that has a page, and returns the page.
async fn open_page(client: &TestClient, path: &str) -> String {
    let response = open(client, path).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8"),
        "{path}"
    );
    response.text
}

/// Returns the data of a page for search engines, as they stand in it.
fn data_of(page: &str) -> &str {
    let (_, rest) = page
        .split_once("<script type=\"application/ld+json\">")
        .unwrap();
    rest.split_once("</script>").unwrap().0
}

/// Returns the items of a page in the vocabulary of schema.org, without the studio.
fn items_of(page: &str) -> Vec<Value> {
    let data: Value = serde_json::from_str(data_of(page)).unwrap();
    assert_eq!(data["@context"], "https://schema.org");
    data["@graph"].as_array().unwrap()[1..].to_vec()
}

/// Every page that shows a class.
fn paths_of(course: ClassTypeAndInstructor, class: Uuid) -> [String; 6] {
    [
        "/api/classes/schedule?from=2199-01-01".to_owned(),
        "/api/classes/list".to_owned(),
        format!("/api/classes/details?id={}", course.class_type),
        format!("/api/classes/occurrence?id={class}"),
        "/api/instructors".to_owned(),
        format!("/api/instructors/details?id={}", course.instructor),
    ]
}

/// Creates a class on Friday, January 4, 2199 at 7 PM in Denver.
async fn create_class(app: &TestApp) -> (ClassTypeAndInstructor, Uuid) {
    let salsa = create_class_type(app, "Salsa").await;
    let class = create_class_at(app, salsa, time("2199-01-05T02:00:00Z")).await;
    app.sql(
        "update rooms set name = 'Studio A' where id in (select room_id from scheduled_classes)",
    )
    .await;
    (salsa, class)
}

#[tokio::test]
async fn a_browser_gets_pages_and_programs_get_json() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    let visitor = app.visitor();
    for path in paths_of(salsa, class) {
        let page = open(&visitor, &path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-language"), Some("en"));
        let vary: Vec<_> = page.headers.get_all("vary").iter().collect();
        for name in ["accept", "accept-language"] {
            assert!(vary.iter().any(|value| *value == name), "{path}: {vary:?}");
        }
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(page.text.starts_with("<!doctype html>"), "{path}");
        assert!(!page.text.contains("style="), "{path}");
        for accept in ["*/*", "application/json", "application/json, text/html", ""] {
            let headers = [("accept", accept)];
            let response = send_with(&visitor, Method::GET, &path, &headers).await;
            assert!(response.expect(200).is_object(), "{path} {accept}");
            assert_eq!(response.header("content-type"), Some("application/json"));
        }
    }
}

#[tokio::test]
async fn a_page_shows_each_class_with_what_a_visitor_has_to_know() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    let visitor = app.visitor();
    let link = format!("/classes/{}?class={class}", salsa.class_type);
    for (path, has_day_heading) in [
        ("/api/classes/schedule?from=2199-01-01".to_owned(), true),
        (
            format!("/api/classes/details?id={}", salsa.class_type),
            false,
        ),
        (
            format!("/api/instructors/details?id={}", salsa.instructor),
            false,
        ),
    ] {
        let page = open_page(&visitor, &path).await;
        let expected = [
            format!("<h3><a href=\"{link}\">Salsa</a></h3>"),
            "7:00 PM – 8:00 PM</time>".to_owned(),
            "<time datetime=\"2199-01-04T19:00:00-07:00\">".to_owned(),
            format!(
                "<a href=\"/instructors/{}\">Teacher of Salsa</a>",
                salsa.instructor
            ),
            "Studio A · Beginner · 18.00 USD".to_owned(),
            "20 spots left".to_owned(),
        ];
        for text in expected {
            assert!(page.contains(&text), "{path}: {text} is missing in {page}");
        }
        let heading = "<h2>Friday, January 4, 2199</h2>";
        assert_eq!(page.contains(heading), has_day_heading, "{path}");
    }
    let page = open_page(&visitor, &format!("/api/classes/occurrence?id={class}")).await;
    for text in [
        "<h1>Salsa</h1>",
        "Friday, January 4, 2199, 7:00 PM – 8:00 PM",
        "Teacher of Salsa",
        "<dd>Studio A</dd>",
        "<dd>18.00 USD</dd>",
        "20 spots left",
        "All about Salsa.",
        &format!("href=\"{link}\">Book this class</a>"),
    ] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
}

#[tokio::test]
async fn a_page_is_spanish_for_a_browser_that_prefers_it() {
    let app = TestApp::start().await;
    let (_, class) = create_class(&app).await;
    let path = format!("/api/classes/occurrence?id={class}");
    let headers = [
        ("accept", BROWSER),
        ("accept-language", "es-MX,es;q=0.9,en;q=0.8"),
    ];
    let page = send_with(&app.visitor(), Method::GET, &path, &headers).await;
    assert_eq!(page.header("content-language"), Some("es"));
    for text in [
        "<html lang=\"es\"",
        "viernes",
        "de enero de 2199, 19:00 – 20:00",
        "Quedan 20 plazas",
        "Principiantes",
        "<meta property=\"og:locale\" content=\"es_ES\">",
    ] {
        assert!(
            page.text.contains(text),
            "{text} is missing in {}",
            page.text
        );
    }
    // The page in one language is not the cached page in the other.
    assert!(
        open_page(&app.visitor(), &path)
            .await
            .contains("20 spots left")
    );
}

#[tokio::test]
async fn a_page_names_itself_for_search_engines_and_previews() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    app.sql("update class_types set image_url = '/img/classes/salsa.svg'")
        .await;
    let visitor = app.visitor();
    let [schedule, list, details, occurrence, instructors, instructor] = paths_of(salsa, class);
    for (path, title, address) in [
        (schedule, "Timetable", "/timetable".to_owned()),
        (list, "Classes", "/classes".to_owned()),
        (details, "Salsa", format!("/classes/{}", salsa.class_type)),
        (
            occurrence.clone(),
            "Salsa, Friday, January 4, 2199",
            format!("/classes/{}?class={class}", salsa.class_type),
        ),
        (instructors, "Teachers", "/instructors".to_owned()),
        (
            instructor,
            "Teacher of Salsa",
            format!("/instructors/{}", salsa.instructor),
        ),
    ] {
        let page = open_page(&visitor, &path).await;
        for tag in [
            format!("<title>{title} · Sabor con Flow</title>"),
            format!("<link rel=\"canonical\" href=\"{SITE}{address}\">"),
            format!("<meta property=\"og:title\" content=\"{title} · Sabor con Flow\">"),
            format!("<meta property=\"og:url\" content=\"{SITE}{address}\">"),
            // Link previews do not show SVG.
            format!("<meta property=\"og:image\" content=\"{SITE}/preview.png\">"),
            "<meta property=\"og:type\" content=\"website\">".to_owned(),
            "<meta property=\"og:locale\" content=\"en_US\">".to_owned(),
        ] {
            assert!(page.contains(&tag), "{path}: {tag} is missing in {page}");
        }
        let (_, rest) = page
            .split_once("<meta name=\"description\" content=\"")
            .unwrap();
        let (description, _) = rest.split_once('"').unwrap();
        assert!(
            (3..170).contains(&description.chars().count()),
            "{path}: {description}"
        );
        let same = format!("<meta property=\"og:description\" content=\"{description}\">");
        assert!(page.contains(&same), "{path}");
    }
    app.sql("update class_types set image_url = 'https://cdn.example/salsa.jpg'")
        .await;
    app.app.schedule().invalidate().await;
    let page = open_page(&visitor, &occurrence).await;
    let tag = "<meta property=\"og:image\" content=\"https://cdn.example/salsa.jpg\">";
    assert!(page.contains(tag), "{page}");
}

#[tokio::test]
async fn a_class_is_described_as_an_event_of_the_studio() {
    let settings = Settings::default()
        .with("STUDIO_ADDRESS", "410 Larkspur Walk")
        .with("STUDIO_CITY", "Boulder")
        .with("STUDIO_COUNTRY", "US")
        .with("STUDIO_COORDINATES", "40.0176,-105.2797");
    let app = TestApp::start_with(settings).await;
    let (salsa, class) = create_class(&app).await;
    let visitor = app.visitor();
    let page = open_page(&visitor, &format!("/api/classes/occurrence?id={class}")).await;
    let url = format!("{SITE}/classes/{}?class={class}", salsa.class_type);
    let address = json!({
        "@type": "PostalAddress",
        "streetAddress": "410 Larkspur Walk",
        "addressLocality": "Boulder",
        "addressCountry": "US",
    });
    let event = json!({
        "@type": "Event",
        "@id": url,
        "url": url,
        "name": "Salsa",
        "description": "All about Salsa.",
        "startDate": "2199-01-04T19:00:00-07:00",
        "endDate": "2199-01-04T20:00:00-07:00",
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": "Sabor con Flow, Studio A",
            "address": address,
        },
        "performer": {
            "@type": "Person",
            "name": "Teacher of Salsa",
            "url": format!("{SITE}/instructors/{}", salsa.instructor),
        },
        "organizer": { "@id": format!("{SITE}/#studio") },
        "maximumAttendeeCapacity": 20,
        "remainingAttendeeCapacity": 20,
        "offers": {
            "@type": "Offer",
            "url": url,
            "price": "18.00",
            "priceCurrency": "USD",
            "availability": "https://schema.org/InStock",
        },
    });
    assert_eq!(items_of(&page), std::slice::from_ref(&event));
    assert!(page.contains("410 Larkspur Walk, Boulder"), "{page}");
    // The other pages describe the class in the same way.
    for (path, first) in [
        ("/api/classes/schedule?from=2199-01-01".to_owned(), "Event"),
        (
            format!("/api/classes/details?id={}", salsa.class_type),
            "Course",
        ),
        (
            format!("/api/instructors/details?id={}", salsa.instructor),
            "Person",
        ),
    ] {
        let items = items_of(&open_page(&visitor, &path).await);
        assert_eq!(
            (&items[0]["@type"], items.last()),
            (&json!(first), Some(&event))
        );
    }
    let (_, rest) = page.split_once("\"@graph\":[").unwrap();
    let mut studio = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let studio = studio.next().unwrap().unwrap();
    assert_eq!(studio["address"], address);
    assert_eq!(studio["geo"]["latitude"], 40.0176);
}

#[tokio::test]
async fn a_full_class_and_a_cancelled_one_say_so() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let start = app.app.clock().now() + TimeDelta::days(2);
    let class = create_class_at(&app, salsa, start).await;
    app.sql("update scheduled_classes set max_participants = 2")
        .await;
    let visitor = app.visitor();
    let path = format!("/api/classes/details?id={}", salsa.class_type);
    let found = async || {
        let page = open_page(&visitor, &path).await;
        let event = items_of(&page).pop().unwrap();
        let availability = event["offers"]["availability"].as_str().unwrap();
        (page, availability.rsplit('/').next().unwrap().to_owned())
    };
    let (page, availability) = found().await;
    assert!(page.contains("2 spots left") && availability == "InStock");
    for (name, text, expected) in [
        ("ana", "1 spot left", "InStock"),
        ("ben", "\"full\">Full<", "SoldOut"),
    ] {
        book(&app.member(name).await, class).await.expect(201);
        let (page, availability) = found().await;
        assert!(page.contains(text), "{text} is missing in {page}");
        assert_eq!(availability, expected);
    }
    join_waitlist(&app.member("cleo").await, class)
        .await
        .expect(201);
    assert!(found().await.0.contains("\"full\">Full, 1 waiting<"));
    app.mark_cancelled(class).await;
    app.app.schedule().invalidate().await;
    let page = open_page(&visitor, &format!("/api/classes/occurrence?id={class}")).await;
    assert!(page.contains("class=\"cancelled\">Cancelled<"), "{page}");
    assert!(!page.contains("Book this class"), "{page}");
    assert_eq!(
        items_of(&page)[0]["eventStatus"],
        "https://schema.org/EventCancelled"
    );
}

#[tokio::test]
async fn text_of_the_studio_is_never_markup() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    let hostile = "</title></script><script>alert(1)</script><!--<script>&amp;\u{2028}\"'";
    let literal = hostile.replace('\'', "''");
    app.sql(&format!(
        "update class_types set name = '{literal}', description = '{literal}', styles = array['{literal}']"
    ))
    .await;
    app.sql(&format!(
        "update scheduled_classes set own_title = '{literal}'"
    ))
    .await;
    app.sql(&format!(
        "update instructors set name = '{literal}', bio = '{literal}', specialties = array['{literal}']"
    ))
    .await;
    app.sql(&format!(
        "update rooms set name = left('{literal}', 50) where id in (select room_id from scheduled_classes)"
    ))
    .await;
    app.app.schedule().invalidate().await;
    app.app.catalog().invalidate().await;
    let visitor = app.visitor();
    let mut paths = paths_of(salsa, class).to_vec();
    paths.push(format!(
        "/api/classes/preview?id={}&class={class}",
        salsa.class_type
    ));
    for path in paths {
        let page = open_page(&visitor, &path).await;
        let lower = page.to_lowercase();
        assert_eq!(lower.matches("<script").count(), 1, "{path}: {page}");
        assert_eq!(lower.matches("</script").count(), 1, "{path}: {page}");
        assert_eq!(lower.matches("</title").count(), 1, "{path}: {page}");
        assert!(!lower.contains("<!--"), "{path}: {page}");
        assert!(
            !data_of(&page).contains(['<', '>', '&', '\u{2028}']),
            "{path}: {page}"
        );
        // The data contain the text unchanged.
        assert_eq!(items_of(&page)[0]["name"], hostile, "{path}");
    }
}

#[tokio::test]
async fn a_page_is_cached_and_revalidated_like_json() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    let visitor = app.visitor();
    for path in paths_of(salsa, class) {
        // Some cached responses end with the minute.
        advance_to_next_minute(&app);
        let page = open(&visitor, &path).await;
        let json = visitor.get(&path).await;
        let tag = page.header("etag").unwrap();
        assert_ne!(Some(tag), json.header("etag"), "{path}");
        assert_eq!(page.header("cache-control"), json.header("cache-control"));
        let headers = [("accept", BROWSER), ("if-none-match", tag)];
        let same = send_with(&visitor, Method::GET, &path, &headers).await;
        assert_eq!((same.status, same.text.as_str()), (304, ""), "{path}");
        assert_eq!(same.header("etag"), Some(tag));
        let head = send_with(&visitor, Method::HEAD, &path, &headers[..1]).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(
            head.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(head.header("etag"), Some(tag));
        // Redis has the page until something changes.
        app.sql("update class_types set name = name || '!'").await;
        app.sql("update scheduled_classes set own_title = 'Son'")
            .await;
        app.sql("update instructors set name = name || '!'").await;
        assert_eq!(
            open(&visitor, &path).await.header("etag"),
            Some(tag),
            "{path}"
        );
        app.app.schedule().invalidate().await;
        app.app.catalog().invalidate().await;
        assert_ne!(
            open(&visitor, &path).await.header("etag"),
            Some(tag),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_does_not_exist_has_a_page_too() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let unknown = "01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    for path in [
        "/api/classes/details",
        "/api/classes/occurrence",
        "/api/instructors/details",
    ] {
        let path = format!("{path}?id={unknown}");
        let page = open(&visitor, &path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(
            page.text.contains("<h1>Page not found</h1>"),
            "{path}: {}",
            page.text
        );
        visitor.get(&path).await.expect_code(404, "not_found");
        // Programs and people get the same description of a problem.
        let path = path.replace(unknown, "salsa");
        open(&visitor, &path)
            .await
            .expect_code(400, "validation_failed");
    }
}

#[tokio::test]
async fn a_long_timetable_continues_on_the_next_page() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    for hour in [18, 19, 20] {
        create_class_at(&app, salsa, time(&format!("2199-01-05T{hour}:00:00Z"))).await;
    }
    let visitor = app.visitor();
    let mut path = "/api/classes/schedule?from=2199-01-01&style=salsa&limit=2".to_owned();
    let mut starts = Vec::new();
    loop {
        let page = open_page(&visitor, &path).await;
        let times = page.split("<time datetime=\"2199-01-05T").skip(1);
        starts.extend(times.map(|rest| rest[..5].to_owned()));
        let Some((_, rest)) = page.split_once("<a rel=\"next\" href=\"") else {
            break;
        };
        path = rest
            .split_once('"')
            .unwrap()
            .0
            .replace("&#38;", "&")
            .replace("&amp;", "&");
        assert!(path.contains("&style=salsa&"), "{path}");
    }
    assert_eq!(starts, ["11:00", "12:00", "13:00"]);
}

#[tokio::test]
async fn a_link_preview_is_a_page_for_every_program() {
    let app = TestApp::start().await;
    let (salsa, class) = create_class(&app).await;
    let visitor = app.visitor();
    let class_type = salsa.class_type;
    let other = "01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    for (query, title) in [
        (format!("id={class_type}"), "Salsa · Sabor con Flow"),
        (
            format!("id={class_type}&class={class}&fbclid=x&utm_source=y"),
            "Salsa, Friday, January 4, 2199 · Sabor con Flow",
        ),
        (
            format!("id={class_type}&class={other}"),
            "Salsa · Sabor con Flow",
        ),
        (format!("id={class_type}&class=x"), "Salsa · Sabor con Flow"),
    ] {
        let path = format!("/api/classes/preview?{query}");
        // Messengers accept anything.
        let response = send_with(&visitor, Method::GET, &path, &[("accept", "*/*")]).await;
        assert_eq!(response.status, 200, "{path}");
        let tag = format!("<meta property=\"og:title\" content=\"{title}\">");
        assert!(response.text.contains(&tag), "{path}: {}", response.text);
        let vary: Vec<_> = response.headers.get_all("vary").iter().collect();
        assert!(vary.iter().any(|value| *value == "user-agent"), "{vary:?}");
    }
    // A link to a class of a retired type stays valid.
    app.sql("update class_types set is_active = false").await;
    app.app.schedule().invalidate().await;
    let path = format!("/api/classes/preview?id={class_type}");
    assert_eq!(
        visitor.get(&format!("{path}&class={class}")).await.status,
        200
    );
    let response = visitor.get(&path).await;
    assert_eq!(response.status, 404);
    assert!(response.text.contains("Page not found"));
    let response = visitor.get("/api/classes/preview?id=salsa").await;
    response.expect_code(400, "validation_failed");
}

//! How the cookies of a session are set, read and cleared.

use reqwest::Method;
use reqwest::header::{ACCEPT, COOKIE, HeaderValue};
use serde_json::json;

use crate::harness::{Authenticator, PASSWORD, Settings, TestApp, TestResponse};

const SESSION_PATH: &str = "/api/auth/session";
const COUNTER_PATH: &str = "/api/session/test-session";

/// Sends a GET request with only this `Cookie` header.
async fn get_with_cookies(app: &TestApp, path: &str, cookies: &[u8]) -> TestResponse {
    let visitor = app.visitor();
    let request = visitor.request(Method::GET, path);
    let cookies = HeaderValue::from_bytes(cookies).unwrap();
    visitor.send(request.header(COOKIE, cookies)).await
}

/// Returns the `Set-Cookie` header with the cookie of this name.
fn set_cookie<'a>(response: &'a TestResponse, name: &str) -> Option<&'a str> {
    let headers = response.headers.get_all("set-cookie").iter();
    let mut texts = headers.map(|header| header.to_str().unwrap());
    texts.find(|text| text.split('=').next() == Some(name))
}

/// Returns whether the response sets a cookie that ends with the browser.
fn sets_browser_session_cookie(response: &TestResponse, name: &str) -> bool {
    let text = set_cookie(response, name).unwrap();
    !text.contains("Max-Age") && !text.contains("Expires")
}

#[tokio::test]
async fn a_session_that_is_not_remembered_has_a_cookie_that_ends_with_the_browser() {
    const COOKIE_NAME: &str = "__Host-sabor_session";
    let app = TestApp::start().await;
    let ana = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let response = ana.post("/api/auth/register", form.clone()).await;
    assert!(sets_browser_session_cookie(&response, COOKIE_NAME));
    assert!(sets_browser_session_cookie(
        &ana.sign_in_as("ana").await,
        COOKIE_NAME
    ));
    // The server still ends the session after at most seven days.
    let bounded = "select count(*) from user_sessions
        where absolute_expires_at <= now() + interval '7 days'";
    assert_eq!(app.count(bounded).await, 1);

    let mut form = form;
    form["email"] = json!("luis@example.com");
    form["remember"] = json!(true);
    let response = app.visitor().post("/api/auth/register", form).await;
    assert!(
        set_cookie(&response, COOKIE_NAME)
            .unwrap()
            .contains("Max-Age=2592000;")
    );
}

#[tokio::test]
async fn the_second_step_of_a_sign_in_applies_the_remember_option() {
    if !Authenticator::is_available().await {
        return;
    }
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (authenticator, _) = Authenticator::enroll(&app, &ana, Some(PASSWORD)).await;
    for remember in [false, true] {
        let browser = app.visitor();
        let form =
            json!({ "email": "ana@example.com", "password": PASSWORD, "remember": remember });
        let challenge = browser.post("/api/auth/login", form).await.expect(401);
        let form = json!({
            "challenge": challenge["challenge"], "code": authenticator.code(&app).await,
            "remember": remember,
        });
        let response = browser.post("/api/auth/login", form).await;
        response.expect(200);
        let cookie = set_cookie(&response, "__Host-sabor_session").unwrap();
        assert_eq!(cookie.contains("Max-Age"), remember, "{cookie}");
        app.advance_to_next_code();
    }
}

#[tokio::test]
async fn the_cookies_of_a_visitor_end_with_the_browser() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    // The first visit sets a cookie without a session, and the second one that of a session.
    for _ in 0..2 {
        let response = visitor.get(COUNTER_PATH).await;
        assert!(sets_browser_session_cookie(
            &response,
            "__Host-sabor_visitor"
        ));
        assert_eq!(set_cookie(&response, "__Host-sabor_session"), None);
    }
}

#[tokio::test]
async fn a_cookie_of_another_host_with_a_similar_name_is_not_a_session() {
    let app = TestApp::start().await;
    let anas_cookie = app.member("ana").await.cookie().unwrap();
    let evas_cookie = app.member("eva").await.cookie().unwrap();
    for (prefix, suffix) in [
        ("\u{2000}", ""),
        ("\u{a0}", ""),
        ("\u{3000}", ""),
        ("\u{feff}", ""),
        ("x", ""),
        ("\"", ""),
        ("", "\u{2000}"),
    ] {
        let (name, value) = evas_cookie.split_once('=').unwrap();
        let similar_cookie = format!("{prefix}{name}{suffix}={value}");
        let response = get_with_cookies(&app, SESSION_PATH, similar_cookie.as_bytes()).await;
        response.expect_code(401, "not_signed_in");
        // The member's own cookie is not affected.
        for both in [
            format!("{similar_cookie}; {anas_cookie}"),
            format!("{anas_cookie}; {similar_cookie}"),
        ] {
            let response = get_with_cookies(&app, SESSION_PATH, both.as_bytes()).await;
            assert_eq!(response.expect(200)["user"]["email"], "ana@example.com");
        }
    }
    // The names of cookies are case-sensitive.
    let upper_case = evas_cookie.replace("session", "Session");
    let response = get_with_cookies(&app, SESSION_PATH, upper_case.as_bytes()).await;
    response.expect_code(401, "not_signed_in");
    // Another cookie that is not UTF-8 does not hide the session cookie.
    let foreign = [b"bad=\xff\xfe; ", anas_cookie.as_bytes(), b"; \xff=1"].concat();
    get_with_cookies(&app, SESSION_PATH, &foreign)
        .await
        .expect(200);
}

#[tokio::test]
async fn two_cookies_with_the_name_of_the_session_are_refused() {
    let app = TestApp::start().await;
    let anas_cookie = app.member("ana").await.cookie().unwrap();
    let evas_cookie = app.member("eva").await.cookie().unwrap();
    let name = "__Host-sabor_session";
    for other in [
        evas_cookie.as_bytes(),
        format!("{name}=").as_bytes(),
        &[name.as_bytes(), b"=\xff"].concat(),
    ] {
        for (first, second) in [
            (anas_cookie.as_bytes(), other),
            (other, anas_cookie.as_bytes()),
        ] {
            for separator in [&b"; "[..], b";", b" ;\t"] {
                let cookies = [first, second].join(separator);
                for path in [SESSION_PATH, COUNTER_PATH, "/api/auth/me"] {
                    let response = get_with_cookies(&app, path, &cookies).await;
                    let body = response.expect_code(400, "duplicate_cookie");
                    assert!(
                        body["error"]
                            .as_str()
                            .unwrap()
                            .contains("delete the cookies")
                    );
                    assert_eq!(response.header("set-cookie"), None);
                }
            }
        }
    }
    // Functions that need no session still work.
    let cookies = format!("{anas_cookie}; {evas_cookie}");
    let response = get_with_cookies(&app, "/api/classes/list", cookies.as_bytes()).await;
    response.expect(200);
    // The two cookies may also arrive in two headers.
    let visitor = app.visitor();
    let request = visitor.request(Method::GET, SESSION_PATH);
    let request = request
        .header(COOKIE, &anas_cookie)
        .header(COOKIE, &evas_cookie);
    let response = visitor.send(request).await;
    response.expect_code(400, "duplicate_cookie");
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let request = visitor.request(Method::POST, "/api/auth/login").json(&form);
    let response = visitor.send(request.header(COOKIE, &cookies)).await;
    response.expect_code(400, "duplicate_cookie");
}

#[tokio::test]
async fn signing_out_with_two_session_cookies_ends_both_and_clears_all_cookies() {
    let app = TestApp::start().await;
    let (ana, eva) = (app.member("ana").await, app.member("eva").await);
    let cookies = format!("{}; {}", ana.cookie().unwrap(), eva.cookie().unwrap());
    let browser = app.visitor();
    let request = browser.request(Method::POST, "/api/auth/logout");
    let request = request.header(COOKIE, cookies).json(&json!({}));
    let response = browser.send(request).await;
    response.expect(200);
    assert_eq!(response.header("clear-site-data"), Some("\"cookies\""));
    assert!(!ana.is_signed_in().await && !eva.is_signed_in().await);
    // An ordinary sign-out leaves the other cookies of the site alone.
    let luis = app.member("luis").await;
    let response = luis.post("/api/auth/logout", json!({})).await;
    assert_eq!(response.header("clear-site-data"), None);
}

#[tokio::test]
async fn two_cookies_of_a_pending_sign_in_are_refused() {
    let settings = Settings::default()
        .with("OAUTH_GITHUB_CLIENT_ID", "sabor")
        .with("OAUTH_GITHUB_CLIENT_SECRET", "secret");
    let app = TestApp::start_with(settings).await;
    app.member("ana").await;
    let token = "ab".repeat(32);
    let twice = |name: &str| format!("{name}={token}; {name}={token}");
    let visitor = app.visitor();
    for path in ["/api/auth/oauth/github", "/api/auth/oauth/callback/github"] {
        let request = visitor.request(Method::GET, path);
        let request = request.header(COOKIE, twice("__Host-sabor_oauth"));
        let response = visitor.send(request.header(ACCEPT, "text/html")).await;
        assert_eq!(response.status, 303, "{}", response.text);
        assert_eq!(
            response.header("location"),
            Some("/account#oauth=duplicate_cookie")
        );
    }
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let request = visitor.request(Method::POST, "/api/auth/login").json(&form);
    let request = request.header(COOKIE, twice("__Host-sabor_challenge"));
    let response = visitor.send(request).await;
    response.expect_code(400, "duplicate_cookie");
}

#[tokio::test]
async fn two_visitor_cookies_do_not_prevent_a_sign_in() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let visitor = app.visitor();
    visitor.get(COUNTER_PATH).await.expect(200);
    let cookie = format!("__Host-sabor_visitor={}", visitor.visitor_cookie().unwrap());
    let cookies = format!("{cookie}; {cookie}");
    let response = get_with_cookies(&app, COUNTER_PATH, cookies.as_bytes()).await;
    response.expect_code(400, "duplicate_cookie");
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let browser = app.visitor();
    let request = browser.request(Method::POST, "/api/auth/login").json(&form);
    browser
        .send(request.header(COOKIE, cookies))
        .await
        .expect(200);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn two_device_cookies_of_an_account_make_the_device_unknown() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (name, value) = ana.devices().remove(0);
    ana.sign_in_as("ana").await.expect(200);
    assert_eq!(app.mail_count("new_device").await, 0);
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let browser = app.visitor();
    let request = browser.request(Method::POST, "/api/auth/login").json(&form);
    let cookies = format!("{name}={value}; {name}=x");
    browser
        .send(request.header(COOKIE, cookies))
        .await
        .expect(200);
    assert_eq!(app.mail_count("new_device").await, 1);
}

#[tokio::test]
async fn a_quoted_cookie_is_the_same_as_an_unquoted_one() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await.cookie().unwrap();
    let (name, value) = ana.split_once('=').unwrap();
    for quoted in [
        format!("{name}=\"{value}\""),
        format!("{name} =\t\"{value}\" ; a=b"),
    ] {
        let response = get_with_cookies(&app, SESSION_PATH, quoted.as_bytes()).await;
        assert_eq!(response.expect(200)["user"]["email"], "ana@example.com");
    }
    for damaged in [
        format!("{name}=\"{value}"),
        format!("{name}={value}\""),
        format!("{name}=\"\"{value}\"\""),
        format!("{name}=\""),
    ] {
        let response = get_with_cookies(&app, SESSION_PATH, damaged.as_bytes()).await;
        response.expect_code(401, "not_signed_in");
    }
}

#[tokio::test]
async fn a_late_response_to_a_visitor_does_not_sign_the_member_out() {
    let app = TestApp::start().await;
    app.member("ana").await;
    // The first visit of this browser, and a visit with an anonymous session.
    for has_session in [false, true] {
        let ana = app.visitor();
        if has_session {
            ana.visit_twice().await;
        }
        // The request is built before the sign-in and sent after it, like a slow request.
        let late_visit = ana.request(Method::GET, COUNTER_PATH);
        ana.sign_in_as("ana").await.expect(200);
        let cookie = ana.cookie();
        ana.send(late_visit).await.expect(200);
        assert_eq!(ana.cookie(), cookie);
        assert!(ana.is_signed_in().await);
        // The member's session has taken over the count of the anonymous session, if there was
        // one, and continues it.
        let body = ana.get(COUNTER_PATH).await.expect(200);
        assert_eq!(body["visits"], 1 + 2 * i32::from(has_session));
        let session = ana.get(SESSION_PATH).await.expect(200);
        assert_eq!(body["sessionId"], session["session"]["id"]);
    }
}

#[tokio::test]
async fn a_late_401_does_not_clear_the_cookie_of_a_newer_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let late_read = ana.request(Method::GET, SESSION_PATH);
    let change = json!({ "firstName": "Anita" });
    let late_write = ana.request(Method::PATCH, "/api/auth/me").json(&change);
    ana.sign_in_as("ana").await.expect(200);
    for late in [late_read, late_write] {
        let response = ana.send(late).await;
        assert_eq!(response.status, 401, "{}", response.text);
        assert_eq!(response.header("set-cookie"), None);
        assert!(ana.is_signed_in().await);
    }
    // Only a sign-out clears a forged cookie.
    let browser = app.visitor();
    browser.set_cookie(Some("__Host-sabor_session=forged.forged".to_owned()));
    let response = browser.get(SESSION_PATH).await;
    response.expect_code(401, "not_signed_in");
    assert_eq!(response.header("set-cookie"), None);
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    assert_eq!(browser.cookie(), None);
}

#[tokio::test]
async fn a_sign_in_takes_over_the_visitors_data_and_clears_the_visitors_cookie() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let browser = app.visitor();
    browser.visit_twice().await;
    browser.sign_in_as("ana").await.expect(200);
    assert_eq!(browser.visitor_cookie(), None);
    assert_eq!(browser.get(COUNTER_PATH).await.expect(200)["visits"], 3);
    // The data of a member stays with the member.
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    assert_eq!(browser.get(COUNTER_PATH).await.expect(200)["visits"], 1);
    assert_eq!(browser.get(COUNTER_PATH).await.expect(200)["visits"], 2);
    let anonymous = "select count(*) from user_sessions where user_id is null";
    assert_eq!(app.count(anonymous).await, 1);
}

#[tokio::test]
async fn the_cookie_of_an_anonymous_session_cannot_be_used_as_a_session_cookie() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    let value = visitor.visitor_cookie().unwrap();
    let cookie = format!("__Host-sabor_session={value}");
    let response = get_with_cookies(&app, COUNTER_PATH, cookie.as_bytes()).await;
    assert_eq!(response.expect(200)["visits"], 1);
    let ana = app.member("ana").await.cookie().unwrap();
    let cookie = ana.replace("session", "visitor");
    let response = get_with_cookies(&app, SESSION_PATH, cookie.as_bytes()).await;
    response.expect_code(401, "not_signed_in");
    let response = get_with_cookies(&app, COUNTER_PATH, cookie.as_bytes()).await;
    assert_eq!(response.expect(200)["visits"], 1);
}

//! The authorization request, the callback, and their state.

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;

use super::{
    START_PATH, assert_redirects_to, parameter, profile, sign_in, sign_in_via, start_sign_in,
    start_with_provider, start_with_provider_and, with_parameter, without_parameter,
};
use crate::harness::{TestClient, send_from_origin, wait_until};

#[tokio::test]
async fn the_authorization_request_has_pkce_state_nonce_and_a_redirect_uri_of_this_site() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let visitor = app.visitor();
    // A forged host header does not change the redirect URI.
    let request = visitor.request(Method::GET, START_PATH);
    let response = visitor
        .send(request.header("x-forwarded-host", "evil.example"))
        .await;
    let authorize_url = response.header("location").unwrap();
    assert!(
        authorize_url.starts_with(&format!("{}/auth?", oidc.url())),
        "{authorize_url}"
    );
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "sabor"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        (
            "redirect_uri",
            "https://sabor.example/api/auth/oauth/callback/acme",
        ),
    ] {
        assert_eq!(
            parameter(authorize_url, name).as_deref(),
            Some(value),
            "{name}"
        );
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(
            parameter(authorize_url, name).unwrap().len() >= 43,
            "{name}"
        );
    }
    let cookie = response.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-sabor_oauth="));
    assert_eq!(
        attributes,
        "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
    );
    // The table contains neither the state nor the value of the cookie.
    let rows = app
        .sql("select row_to_json(oauth_states)::text from oauth_states")
        .await;
    let row: String = rows[0].get(0);
    let state = parameter(authorize_url, "state").unwrap();
    let cookie_value = pair.split_once('=').unwrap().1;
    assert!(
        !row.contains(&state) && !row.contains(cookie_value),
        "{row}"
    );
}

#[tokio::test]
async fn the_provider_can_respond_with_form_post() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let authorize_url = start_sign_in(&ana, START_PATH).await;
    let form = oidc
        .complete_sign_in(&format!("{authorize_url}&response_mode=form_post"), "ana-1")
        .await;
    // Browsers that do not support `SameSite` also send the session cookie.
    let request = app
        .member("nadia")
        .await
        .request(Method::POST, "/api/auth/oauth/callback/acme")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let response = send_from_origin(request, oidc.url()).await;
    assert_eq!(response.status, 303, "{}", response.text);
    assert!(response.header("set-cookie").is_none());
    let callback = response.header("location").unwrap();
    assert!(callback.starts_with("/api/auth/oauth/callback/acme?code="));
    assert_redirects_to(&ana.get(callback).await, "/");
    assert_eq!(profile(&ana).await["email"], "ana@example.com");
    let json_response = ana.post("/api/auth/oauth/callback/acme", json!({})).await;
    json_response.expect_code(400, "malformed_request");
}

#[tokio::test]
async fn a_declined_sign_in_is_reported_as_json_or_by_redirect() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    // The subject `nobody` declines at the provider.
    let response = sign_in(&oidc, &app.visitor(), "nobody").await;
    response.expect_code(403, "access_denied");
    let visitor = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&visitor, START_PATH).await, "nobody")
        .await;
    let request = visitor.request(Method::GET, &callback);
    let response = visitor
        .send(request.header(ACCEPT, "text/html,*/*;q=0.8"))
        .await;
    assert_redirects_to(&response, "/account#oauth=access_denied");
    wait_until(async || {
        app.count(
            "select count(*) from security_events where kind = 'provider_sign_in_failed'
            and detail = '{\"provider\": \"acme\", \"code\": \"access_denied\"}'",
        )
        .await
            == 2
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_sign_in_is_reported_even_without_a_state() {
    let Some((_oidc, app)) = start_with_provider().await else {
        return;
    };
    let visitor = app.visitor();
    start_sign_in(&visitor, START_PATH).await;
    for error in [
        "access_denied",
        "user_cancelled_authorize",
        "user_cancelled_login",
    ] {
        let path = format!("/api/auth/oauth/callback/acme?error={error}");
        let response = visitor.get(&path).await;
        response.expect_code(403, "access_denied");
        let request = visitor.request(Method::GET, &path);
        let response = visitor.send(request.header(ACCEPT, "text/html")).await;
        assert_redirects_to(&response, "/account#oauth=access_denied");
    }
    // Any other error still needs the state, and so does a code.
    for query in ["error=server_error", "code=1", ""] {
        let path = format!("/api/auth/oauth/callback/acme?{query}");
        let response = visitor.get(&path).await;
        response.expect_code(400, "oauth_state");
    }
}

#[tokio::test]
async fn a_state_works_once_and_only_for_its_provider_and_browser() {
    let Some((oidc, app)) = start_with_provider_and(|settings| {
        settings
            .with("OAUTH_GITHUB_CLIENT_ID", "sabor")
            .with("OAUTH_GITHUB_CLIENT_SECRET", "secret")
    })
    .await
    else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let assert_rejected = async |person: &TestClient, path: &str| {
        let response = person.get(path).await;
        response.expect_code(400, "oauth_state");
    };
    // An attacker sends a victim the callback link of the attacker's own sign-in.
    assert_rejected(&app.visitor(), &callback).await;
    let other_browser = app.visitor();
    start_sign_in(&other_browser, START_PATH).await;
    assert_rejected(&other_browser, &callback).await;
    assert_rejected(&ana, &with_parameter(&callback, "state", &"ab".repeat(32))).await;
    assert_rejected(&ana, &without_parameter(&callback, "state")).await;
    assert_rejected(&ana, &callback.replace("/acme?", "/github?")).await;
    // None of these requests consumed the state.
    assert_redirects_to(&ana.get(&callback).await, "/");
    assert_rejected(&ana, &callback).await;
    assert_eq!(app.count("select count(*) from oauth_states").await, 1);
}

#[tokio::test]
async fn two_tabs_can_sign_in_in_parallel() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let first_url = start_sign_in(&ana, START_PATH).await;
    let second_url = start_sign_in(&ana, &format!("{START_PATH}?returnTo=/classes")).await;
    assert_redirects_to(
        &ana.get(&oidc.complete_sign_in(&first_url, "ana-1").await)
            .await,
        "/",
    );
    // The second tab signs in. It does not link the provider to the account that is signed in
    // now.
    let response = ana
        .get(&oidc.complete_sign_in(&second_url, "ana-1").await)
        .await;
    assert_redirects_to(&response, "/classes");
}

#[tokio::test]
async fn a_state_expires_after_ten_minutes() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let ten_minute_states = "select count(*) from oauth_states
        where expires_at between now() + interval '9 minutes' and now() + interval '10 minutes'";
    assert_eq!(app.count(ten_minute_states).await, 1);
    app.sql("update oauth_states set expires_at = now() - interval '1 second'")
        .await;
    ana.get(&callback).await.expect_code(400, "oauth_state");
}

#[tokio::test]
async fn a_sign_in_that_was_started_under_a_retired_key_must_be_started_again() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let new_key = oidc.settings().with("ENCRYPTION_KEY", "5a".repeat(32));
    let rotated_app = app.start_another_with(new_key).await;
    let response = ana.connected_to(&rotated_app).get(&callback).await;
    response.expect_code(400, "oauth_state");
}

#[tokio::test]
async fn an_authorization_code_works_once_and_only_for_its_own_sign_in() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let code = parameter(&callback, "code").unwrap();
    assert_redirects_to(&ana.get(&callback).await, "/");
    let thief = app.visitor();
    let assert_code_rejected = async |code: &str| {
        let own_callback = oidc
            .complete_sign_in(&start_sign_in(&thief, START_PATH).await, "ana-1")
            .await;
        let response = thief
            .get(&with_parameter(&own_callback, "code", code))
            .await;
        response.expect_code(400, "oauth_refused");
    };
    assert_code_rejected(&code).await;
    // An unused code does not match the verifier of another sign-in.
    let other_browser = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&other_browser, START_PATH).await, "ana-1")
        .await;
    assert_code_rejected(&parameter(&callback, "code").unwrap()).await;
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn a_callback_with_a_wrong_or_missing_issuer_is_rejected() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let foreign_issuer = with_parameter(&callback, "iss", "https://other.example");
    ana.get(&foreign_issuer)
        .await
        .expect_code(400, "oauth_refused");
    // This provider declares that it always sends its issuer.
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    let without_issuer = without_parameter(&callback, "iss");
    ana.get(&without_issuer)
        .await
        .expect_code(400, "oauth_refused");
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    // A parameter must not be repeated.
    let repeated_code = format!("{callback}&code=another");
    ana.get(&repeated_code)
        .await
        .expect_code(400, "malformed_request");
}

#[tokio::test]
async fn return_paths_lead_only_to_this_site() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let path = format!("{START_PATH}?returnTo=%2Fclasses%3Fstyle%3Dsalsa%23week&remember=true");
    let response = sign_in_via(&oidc, &ana, &path, "ana-1").await;
    assert_redirects_to(&response, "/classes?style=salsa#week");
    let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
    let session_cookie = cookies[0].to_str().unwrap();
    assert!(
        session_cookie.contains("Max-Age=2592000"),
        "{session_cookie}"
    );
    for foreign_path in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "/%0d%0aset-cookie:a=b",
        "javascript:alert(1)",
        "evil.example",
    ] {
        let path = format!("{START_PATH}?returnTo={foreign_path}");
        let response = app.visitor().get(&path).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"]["returnTo"].is_array(), "{foreign_path}");
    }
    let response = app.visitor().get("/api/auth/oauth/nobody").await;
    response.expect_code(404, "not_found");
}

#[tokio::test]
async fn the_executables_accept_rewritten_paths() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let start = app
        .start_function(env!("CARGO_BIN_EXE_auth-oauth-provider"))
        .await;
    let callback = app.start_function(env!("CARGO_BIN_EXE_auth-oauth-callback-provider"));
    let callback = callback.await;
    let ana = app.visitor().connected_to_url(&start.url);
    let authorize_url = start_sign_in(&ana, "/api/auth/oauth/[provider]?provider=acme").await;
    let path = oidc.complete_sign_in(&authorize_url, "ana-1").await;
    let path = path.replace("/acme?", "/[provider]?provider=acme&");
    let ana = ana.connected_to_url(&callback.url);
    assert_redirects_to(&ana.get(&path).await, "/");
    assert!(ana.connected_to(&app).is_signed_in().await);
}

#[tokio::test]
async fn sign_in_starts_and_failed_callbacks_are_rate_limited_by_ip_address() {
    let Some((_oidc, app)) = start_with_provider().await else {
        return;
    };
    let visitor = app.visitor();
    // Each round uses up two of the thirty attempts.
    for _ in 0..15 {
        start_sign_in(&visitor, START_PATH).await;
        let response = visitor.get("/api/auth/oauth/callback/acme").await;
        response.expect_code(400, "oauth_state");
    }
    visitor
        .get(START_PATH)
        .await
        .expect_code(429, "too_many_requests");
    let response = visitor.get("/api/auth/oauth/callback/acme").await;
    response.expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn completed_sign_ins_do_not_count_against_the_rate_limit() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let client_at_studio = app.visitor();
    // The limit is thirty attempts.
    for _ in 0..32 {
        let tablet = client_at_studio.copy();
        assert_redirects_to(&sign_in(&oidc, &tablet, "ana-1").await, "/");
    }
}

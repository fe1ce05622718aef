//! The way there and back: what goes out, what comes back, and to whom.

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;

use super::{
    START, acme, acme_with, assert_leads_to, begin, query_of, sign_in, travel, who, with, without,
};
use crate::harness::{Answer, Person, until};

#[tokio::test]
async fn what_goes_out_is_a_code_request_with_pkce_state_and_nonce_for_our_own_address() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let visitor = app.visitor();
    // Whatever host the caller names.
    let request = visitor.request(Method::GET, START);
    let answer = visitor
        .send(request.header("x-forwarded-host", "evil.example"))
        .await;
    let there = answer.header("location").unwrap();
    assert!(there.starts_with(&format!("{}/auth?", oidc.url)), "{there}");
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
        assert_eq!(query_of(there, name).as_deref(), Some(value), "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(query_of(there, name).unwrap().len() >= 43, "{name}");
    }
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-sabor_oauth="));
    assert_eq!(
        attributes,
        "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
    );
    // Neither of the two that hold it together is in the table, nor the verifier.
    let rows = app
        .sql("select row_to_json(oauth_states)::text from oauth_states")
        .await;
    let row: String = rows[0].get(0);
    let state = query_of(there, "state").unwrap();
    let held = pair.split_once('=').unwrap().1;
    assert!(!row.contains(&state) && !row.contains(held), "{row}");
}

#[tokio::test]
async fn a_provider_may_answer_by_a_form_from_its_own_page() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let there = begin(&ana, START).await;
    let form = oidc
        .visit(&format!("{there}&response_mode=form_post"), "ana-1")
        .await;
    // With a session's cookie: old browsers send it along.
    let request = app
        .member("nadia")
        .await
        .request(Method::POST, "/api/auth/oauth/callback/acme")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    let origin = oidc.url.parse().unwrap();
    request.headers_mut().insert("origin", origin);
    let answer = Answer::read(client.execute(request).await.unwrap()).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.header("set-cookie").is_none());
    let back = answer.header("location").unwrap();
    assert!(back.starts_with("/api/auth/oauth/callback/acme?code="));
    assert_leads_to(&ana.get(back).await, "/");
    assert_eq!(who(&ana).await["email"], "ana@example.com");
    let json = ana.post("/api/auth/oauth/callback/acme", json!({})).await;
    json.expect_code(400, "malformed_request");
}

#[tokio::test]
async fn who_declines_is_told_so_in_words_or_on_the_page() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let answer = sign_in(&oidc, &app.visitor(), "nobody").await;
    answer.expect_code(403, "access_denied");
    let visitor = app.visitor();
    let back = oidc.visit(&begin(&visitor, START).await, "nobody").await;
    let request = visitor.request(Method::GET, &back);
    let answer = visitor
        .send(request.header(ACCEPT, "text/html,*/*;q=0.8"))
        .await;
    assert_leads_to(&answer, "/#oauth=access_denied");
    until(async || {
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
async fn a_state_is_good_once_for_its_provider_in_the_browser_that_began() {
    let Some((oidc, app)) = acme_with(|settings| {
        settings
            .with("OAUTH_GITHUB_CLIENT_ID", "sabor")
            .with("OAUTH_GITHUB_CLIENT_SECRET", "secret")
    })
    .await
    else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let refused = async |person: &Person, path: &str| {
        let answer = person.get(path).await;
        answer.expect_code(400, "oauth_state");
    };
    // Somebody is sent a link to what another has begun.
    refused(&app.visitor(), &back).await;
    let other = app.visitor();
    begin(&other, START).await;
    refused(&other, &back).await;
    refused(&ana, &with(&back, "state", &"ab".repeat(32))).await;
    refused(&ana, &without(&back, "state")).await;
    refused(&ana, &back.replace("/acme?", "/github?")).await;
    // None of these has used it up.
    assert_leads_to(&ana.get(&back).await, "/");
    refused(&ana, &back).await;
    assert_eq!(app.count("select count(*) from oauth_states").await, 1);
}

#[tokio::test]
async fn two_tabs_may_begin_at_once() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let one = begin(&ana, START).await;
    let two = begin(&ana, &format!("{START}?returnTo=/classes")).await;
    assert_leads_to(&ana.get(&oidc.visit(&one, "ana-1").await).await, "/");
    // Signing in in the first tab is no reason to link in the second.
    let answer = ana.get(&oidc.visit(&two, "ana-1").await).await;
    assert_leads_to(&answer, "/classes");
}

#[tokio::test]
async fn a_state_lasts_ten_minutes() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let lasts = "select count(*) from oauth_states
        where expires_at between now() + interval '9 minutes' and now() + interval '10 minutes'";
    assert_eq!(app.count(lasts).await, 1);
    app.sql("update oauth_states set expires_at = now() - interval '1 second'")
        .await;
    ana.get(&back).await.expect_code(400, "oauth_state");
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_sign_in() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let code = query_of(&back, "code").unwrap();
    assert_leads_to(&ana.get(&back).await, "/");
    let thief = app.visitor();
    let put_in = async |code: &str| {
        let own = oidc.visit(&begin(&thief, START).await, "ana-1").await;
        let answer = thief.get(&with(&own, "code", code)).await;
        answer.expect_code(400, "oauth_refused");
    };
    put_in(&code).await;
    // One that has not been used does not fit another sign-in's verifier.
    let fresh = app.visitor();
    let back = oidc.visit(&begin(&fresh, START).await, "ana-1").await;
    put_in(&query_of(&back, "code").unwrap()).await;
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn an_answer_in_another_providers_name_is_refused() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let foreign = with(&back, "iss", "https://other.example");
    ana.get(&foreign).await.expect_code(400, "oauth_refused");
    // This one says that it always names itself.
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let nameless = without(&back, "iss");
    ana.get(&nameless).await.expect_code(400, "oauth_refused");
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let twice = format!("{back}&code=another");
    ana.get(&twice).await.expect_code(400, "malformed_request");
}

#[tokio::test]
async fn it_leads_back_to_a_path_of_this_site_and_nowhere_else() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let path = format!("{START}?returnTo=%2Fclasses%3Fstyle%3Dsalsa%23week&remember=true");
    let answer = travel(&oidc, &ana, &path, "ana-1").await;
    assert_leads_to(&answer, "/classes?style=salsa#week");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let session = cookies[0].to_str().unwrap();
    assert!(session.contains("Max-Age=2592000"), "{session}");
    for foreign in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "/%0d%0aset-cookie:a=b",
        "javascript:alert(1)",
        "evil.example",
    ] {
        let path = format!("{START}?returnTo={foreign}");
        let answer = app.visitor().get(&path).await;
        let body = answer.expect_code(400, "validation_failed");
        assert!(body["details"]["returnTo"].is_array(), "{foreign}");
    }
    let answer = app.visitor().get("/api/auth/oauth/nobody").await;
    answer.expect_code(404, "not_found");
}

#[tokio::test]
async fn the_executables_do_as_much_whatever_address_they_are_called_by() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let start = app
        .function(env!("CARGO_BIN_EXE_auth-oauth-provider"))
        .await;
    let back = app.function(env!("CARGO_BIN_EXE_auth-oauth-callback-provider"));
    let back = back.await;
    let ana = app.visitor().at_url(&start.url);
    let there = begin(&ana, "/api/auth/oauth/[provider]?provider=acme").await;
    let path = oidc.visit(&there, "ana-1").await;
    let path = path.replace("/acme?", "/[provider]?provider=acme&");
    let ana = ana.at_url(&back.url);
    assert_leads_to(&ana.get(&path).await, "/");
    assert!(ana.at(&app).is_signed_in().await);
}

#[tokio::test]
async fn beginnings_and_failures_are_limited_by_address() {
    let Some((_oidc, app)) = acme().await else {
        return;
    };
    let visitor = app.visitor();
    for _ in 0..15 {
        begin(&visitor, START).await;
        let answer = visitor.get("/api/auth/oauth/callback/acme").await;
        answer.expect_code(400, "oauth_state");
    }
    visitor
        .get(START)
        .await
        .expect_code(429, "too_many_requests");
    let answer = visitor.get("/api/auth/oauth/callback/acme").await;
    answer.expect_code(429, "too_many_requests");
}

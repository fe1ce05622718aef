//! A complete sign-in to a partner application that runs at its own origin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{COOKIE, HeaderMap, SET_COOKIE};
use axum::response::IntoResponse;
use axum::routing::get;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::{TOKEN_PATH, VALIDATE_PATH};
use crate::harness::{LocalServer, TestApp};

/// The state of the ticket shop's server.
struct TicketShop {
    studio_url: String,
    secret: Mutex<String>,
    /// The signed-in guests, by the cookie of the shop.
    guests: Mutex<BTreeMap<String, Value>>,
}

/// Validates the token in the query, and signs the guest in with a cookie of the
/// shop.
async fn welcome(
    State(shop): State<Arc<TicketShop>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> impl IntoResponse {
    let secret = shop.secret.lock().unwrap().clone();
    let response = reqwest::Client::new()
        .post(format!("{}{VALIDATE_PATH}", shop.studio_url))
        .basic_auth("ticket-shop", Some(secret))
        .json(&json!({ "token": query["token"] }))
        .send()
        .await
        .unwrap();
    if response.status() != 200 {
        return (
            StatusCode::FORBIDDEN,
            HeaderMap::new(),
            "invalid token".to_owned(),
        );
    }
    let guest: Value = response.json().await.unwrap();
    let name = guest["user"]["firstName"].as_str().unwrap().to_owned();
    // The id is random. An id from the studio's response could be known to others, because the
    // response contains nothing secret.
    let session_id = sabor::crypto::random::hex::<32>();
    let mut headers = HeaderMap::new();
    let cookie = format!("shop={session_id}; HttpOnly");
    headers.insert(SET_COOKIE, cookie.parse().unwrap());
    shop.guests
        .lock()
        .unwrap()
        .insert(format!("shop={session_id}"), guest);
    (StatusCode::OK, headers, format!("Hello {name}"))
}

/// Returns the account slug of the guest with this cookie.
async fn tickets(State(shop): State<Arc<TicketShop>>, headers: HeaderMap) -> impl IntoResponse {
    let cookie = headers
        .get(COOKIE)
        .map(|value| value.to_str().unwrap().to_owned());
    let guests = shop.guests.lock().unwrap();
    match cookie.and_then(|cookie| guests.get(&cookie).cloned()) {
        Some(guest) => (StatusCode::OK, guest["account"]["slug"].to_string()),
        None => (StatusCode::UNAUTHORIZED, String::new()),
    }
}

#[tokio::test]
async fn a_member_signs_in_to_the_ticket_shop() {
    let app = TestApp::start().await;
    let (listener, origin) = LocalServer::bind().await;
    let admin = app.admin("admin").await;
    let form = json!({ "name": "ticket-shop", "allowedOrigins": [origin] });
    let registered = admin.post("/api/admin/apps", form).await.expect(201);
    let secret = registered["secret"].as_str().unwrap().to_owned();
    let shop = Arc::new(TicketShop {
        studio_url: app.url().to_owned(),
        secret: Mutex::new(secret),
        guests: Mutex::default(),
    });
    let routes = Router::new()
        .route("/welcome", get(welcome))
        .route("/tickets", get(tickets))
        .with_state(shop.clone());
    let _server = LocalServer::serve(listener, origin.clone(), routes);

    let ana = app.member("ana").await;
    let account = super::create_account(&app, "casa", &[("ana", "owner")]).await;
    // A separate client, since the studio's cookies are not sent to the shop.
    let browser = reqwest::Client::builder().redirect(Policy::none());
    let browser = browser.build().unwrap();
    let tickets_url = format!("{origin}/tickets");
    assert_eq!(
        browser.get(&tickets_url).send().await.unwrap().status(),
        401
    );

    let payload = json!({
        "targetApp": "ticket-shop",
        "accountId": account,
        "returnTo": format!("{origin}/welcome"),
    });
    let issued = ana.post(TOKEN_PATH, payload.clone()).await.expect(200);
    let welcome_url = format!(
        "{origin}/welcome?token={}",
        issued["token"].as_str().unwrap()
    );
    let welcomed = browser.get(&welcome_url).send().await.unwrap();
    assert_eq!(welcomed.status(), 200);
    let cookie = welcomed.headers()[SET_COOKIE.as_str()].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(welcomed.text().await.unwrap(), "Hello ana");
    let request = browser.get(&tickets_url).header("cookie", &cookie);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "\"casa\"");
    // The URL in the browser's history no longer works.
    let second_visit = browser.get(&welcome_url).send().await.unwrap();
    assert_eq!(second_visit.status(), 403);

    // After a rotation both the old secret and the new one work.
    let patch = json!({ "id": registered["id"], "rotateSecret": true });
    let rotated = admin.patch("/api/admin/apps", patch).await.expect(200);
    for secret in [None, rotated["secret"].as_str()] {
        if let Some(secret) = secret {
            *shop.secret.lock().unwrap() = secret.to_owned();
        }
        let issued = ana.post(TOKEN_PATH, payload.clone()).await.expect(200);
        let welcome_url = format!(
            "{origin}/welcome?token={}",
            issued["token"].as_str().unwrap()
        );
        assert_eq!(
            browser.get(&welcome_url).send().await.unwrap().status(),
            200
        );
    }
    // After a sign-out the token is rejected.
    let issued = ana.post(TOKEN_PATH, payload).await.expect(200);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    let welcome_url = format!(
        "{origin}/welcome?token={}",
        issued["token"].as_str().unwrap()
    );
    assert_eq!(
        browser.get(&welcome_url).send().await.unwrap().status(),
        403
    );
}

//! Linking and unlinking the providers of a member.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::json;

use super::{
    START_PATH, ana_claims, assert_redirects_to, identity_count, profile, sign_in, start_sign_in,
    start_with_provider, user_count,
};
use crate::harness::{PASSWORD, ProviderFault, wait_until};

#[tokio::test]
async fn a_member_links_and_unlinks_a_provider() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    // The member's email differs and is unverified. That does not matter, since
    // the member is signed in.
    let nadia = app.unconfirmed_member("nadia").await;
    let old_cookie = nadia.cookie();
    let response = sign_in(&oidc, &nadia, "ana-1").await;
    assert_redirects_to(&response, "/");
    assert_eq!(nadia.cookie(), old_cookie);
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 1));
    let phone = app.visitor();
    sign_in(&oidc, &phone, "ana-1").await;
    assert_eq!(profile(&phone).await["email"], "nadia@example.com");
    let sign_in_methods = nadia.get("/api/auth/identities").await.expect(200);
    assert_eq!(sign_in_methods["hasPassword"], true);
    assert_eq!(sign_in_methods["items"][0]["provider"], "acme");
    assert_eq!(sign_in_methods["items"][0]["email"], "ana@example.com");
    let id = sign_in_methods["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/auth/identities?id={id}");
    // Another member cannot unlink the provider.
    let eva = app.member("eva").await;
    eva.delete(&path).await.expect_code(404, "not_found");
    nadia.delete(&path).await.expect(200);
    nadia.delete(&path).await.expect_code(404, "not_found");
    assert_eq!(identity_count(&app).await, 0);
    let mails = "select count(*) from mail_outbox where recipient = 'nadia@example.com'
        and kind in ('identity_linked', 'identity_unlinked')";
    assert_eq!(app.count(mails).await, 2);
}

#[tokio::test]
async fn an_old_session_cannot_link_a_provider() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let response = sign_in(&oidc, &nadia, "ana-1").await;
    response.expect_code(403, "sign_in_again");
    assert_eq!(identity_count(&app).await, 0);
}

#[tokio::test]
async fn the_last_sign_in_method_cannot_be_removed() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    oidc.add_account("ana-2", ana_claims()).await;
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let ids = async || -> Vec<String> {
        let sign_in_methods = ana.get("/api/auth/identities").await.expect(200);
        let items = sign_in_methods["items"].as_array().unwrap();
        items
            .iter()
            .map(|identity| identity["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let unlink = async |id: &String| {
        let path = format!("/api/auth/identities?id={id}");
        ana.copy().delete(&path).await
    };
    let response = unlink(&ids().await[0]).await;
    response.expect_code(409, "last_way_in");
    sign_in(&oidc, &ana, "ana-2").await;
    let both_ids = ids().await;
    assert_eq!(both_ids.len(), 2);
    // Of two concurrent requests, the second waits and sees the effect of the first.
    let locks = app.hold_locks("select id from users for update").await;
    let release_locks = async {
        wait_until(async || app.blocked_statements().await == 2).await;
        locks.release().await;
    };
    let (responses, ()) = join(join_all(both_ids.iter().map(unlink)), release_locks).await;
    let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    // An identity of a provider that is no longer configured is no sign-in method.
    sign_in(&oidc, &ana, "ana-1").await;
    sign_in(&oidc, &ana, "ana-2").await;
    app.sql("update user_identities set provider = 'gone' where subject = 'ana-2'")
        .await;
    let rows = app
        .sql("select id::text from user_identities where provider = 'acme'")
        .await;
    let response = unlink(&rows[0].get(0)).await;
    response.expect_code(409, "last_way_in");
}

#[tokio::test]
async fn an_identity_of_another_member_cannot_be_linked() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    let nadia = app.member("nadia").await;
    let response = sign_in(&oidc, &nadia, "ana-1").await;
    response.expect_code(409, "identity_taken");
    assert_eq!(profile(&nadia).await["email"], "nadia@example.com");
    assert_eq!(identity_count(&app).await, 1);
}

#[tokio::test]
async fn other_sites_cannot_start_linking() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    oidc.add_account(
        "mallory",
        json!({ "email": "mallory@example.com", "email_verified": true }),
    )
    .await;
    for site in ["cross-site", "same-site"] {
        let nadia = app.member(site).await;
        let request = nadia.request(Method::GET, START_PATH);
        let response = nadia.send(request.header("sec-fetch-site", site)).await;
        let authorize_url = response.header("location").unwrap();
        let response = nadia
            .get(&oidc.complete_sign_in(authorize_url, "mallory").await)
            .await;
        assert_redirects_to(&response, "/");
        // This is an ordinary sign-in, which links nothing to the member.
        assert_eq!(profile(&nadia).await["email"], "mallory@example.com");
    }
    assert_eq!(identity_count(&app).await, 1);
}

#[tokio::test]
async fn linking_fails_after_the_session_ends_or_the_password_changes() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    let callback = oidc
        .complete_sign_in(&start_sign_in(&nadia, START_PATH).await, "ana-1")
        .await;
    nadia.post("/api/auth/logout", json!({})).await.expect(200);
    nadia.get(&callback).await.expect_code(400, "oauth_state");
    let sign_in_again = async || {
        let response = nadia.sign_in_as("nadia").await;
        response.expect(200);
    };
    sign_in_again().await;
    // The session ends during the request to the provider.
    let callback = oidc
        .complete_sign_in(&start_sign_in(&nadia, START_PATH).await, "ana-1")
        .await;
    let release = Arc::new(tokio::sync::Notify::new());
    oidc.set_fault(ProviderFault::HoldTokenRequest(release.clone()));
    let end_session = async {
        wait_until(async || oidc.request_count("/token") == 1).await;
        app.sql("delete from user_sessions").await;
        release.notify_one();
    };
    let (response, ()) = join(nadia.get(&callback), end_session).await;
    response.expect_code(401, "session_gone");
    oidc.set_fault(ProviderFault::None);
    sign_in_again().await;
    let callback = oidc
        .complete_sign_in(&start_sign_in(&nadia, START_PATH).await, "ana-1")
        .await;
    // A password change keeps the current session and ends all others.
    let form = json!({ "currentPassword": PASSWORD, "newPassword": "otra contraseña larga" });
    nadia
        .post("/api/auth/change-password", form)
        .await
        .expect(200);
    nadia.get(&callback).await.expect_code(400, "oauth_state");
    assert!(nadia.is_signed_in().await);
    assert_eq!(identity_count(&app).await, 0);
}

#[tokio::test]
async fn a_member_without_a_password_reauthenticates_with_their_provider() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let response = ana.post("/api/auth/two-factor", json!({})).await;
    response.expect_code(403, "sign_in_again");
    let old_client = ana.copy();
    assert_redirects_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_ne!(ana.cookie(), old_client.cookie());
    assert!(!old_client.is_signed_in().await);
    ana.post("/api/auth/two-factor", json!({}))
        .await
        .expect(200);
}

//! Ways in of a member: one more, one less, never none.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::json;

use super::{START, accounts, acme, ana, assert_leads_to, begin, links, sign_in, who};
use crate::harness::{Mischief, PASSWORD, until};

#[tokio::test]
async fn a_member_links_a_provider_and_unlinks_it_again() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    // Under another address, which nobody has confirmed: its owner is here.
    let nadia = app.member("nadia").await;
    let before = nadia.cookie();
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    assert_leads_to(&answer, "/");
    assert_eq!(nadia.cookie(), before);
    assert_eq!((accounts(&app).await, links(&app).await), (1, 1));
    let phone = app.visitor();
    sign_in(&oidc, &phone, "ana-1").await;
    assert_eq!(who(&phone).await["email"], "nadia@example.com");
    let ways = nadia.get("/api/auth/identities").await.expect(200);
    assert_eq!(ways["hasPassword"], true);
    assert_eq!(ways["items"][0]["provider"], "acme");
    assert_eq!(ways["items"][0]["email"], "ana@example.com");
    let id = ways["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/auth/identities?id={id}");
    // Another member cannot.
    let other = app.member("eva").await;
    other.delete(&path).await.expect_code(404, "not_found");
    nadia.delete(&path).await.expect(200);
    nadia.delete(&path).await.expect_code(404, "not_found");
    assert_eq!(links(&app).await, 0);
    let mails = "select count(*) from mail_outbox where recipient = 'nadia@example.com'
        and kind in ('identity_linked', 'identity_unlinked')";
    assert_eq!(app.count(mails).await, 2);
}

#[tokio::test]
async fn whoever_holds_a_session_of_old_links_no_way_in_of_their_own() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    answer.expect_code(403, "sign_in_again");
    assert_eq!(links(&app).await, 0);
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    oidc.account("ana-2", ana()).await;
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let ids = async || -> Vec<String> {
        let ways = ana.get("/api/auth/identities").await.expect(200);
        let items = ways["items"].as_array().unwrap();
        items
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let unlink = async |id: &String| {
        let path = format!("/api/auth/identities?id={id}");
        ana.copy().delete(&path).await
    };
    let answer = unlink(&ids().await[0]).await;
    answer.expect_code(409, "last_way_in");
    sign_in(&oidc, &ana, "ana-2").await;
    let both = ids().await;
    assert_eq!(both.len(), 2);
    // Of two at once, one waits for the other and sees what it has done.
    let held = app.hold("select id from users for update").await;
    let released = async {
        until(async || app.waiting().await == 2).await;
        held.release().await;
    };
    let (answers, ()) = join(join_all(both.iter().map(unlink)), released).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    // A link to a provider that is not offered any more lets nobody in.
    sign_in(&oidc, &ana, "ana-1").await;
    sign_in(&oidc, &ana, "ana-2").await;
    app.sql("update user_identities set provider = 'gone' where subject = 'ana-2'")
        .await;
    let rows = app
        .sql("select id::text from user_identities where provider = 'acme'")
        .await;
    let answer = unlink(&rows[0].get(0)).await;
    answer.expect_code(409, "last_way_in");
}

#[tokio::test]
async fn another_members_account_at_the_provider_cannot_be_linked() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    let nadia = app.member("nadia").await;
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    answer.expect_code(409, "identity_taken");
    assert_eq!(who(&nadia).await["email"], "nadia@example.com");
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn no_other_site_begins_a_linking() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    oidc.account(
        "mallory",
        json!({ "email": "mallory@example.com", "email_verified": true }),
    )
    .await;
    for site in ["cross-site", "same-site"] {
        let nadia = app.member(site).await;
        let request = nadia.request(Method::GET, START);
        let answer = nadia.send(request.header("sec-fetch-site", site)).await;
        let there = answer.header("location").unwrap();
        let answer = nadia.get(&oidc.visit(there, "mallory").await).await;
        assert_leads_to(&answer, "/");
        // It was an ordinary sign-in, and the member's account has no new door.
        assert_eq!(who(&nadia).await["email"], "mallory@example.com");
    }
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn a_linking_ends_with_the_session_or_the_epoch_that_it_began_under() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    nadia.post("/api/auth/logout", json!({})).await.expect(200);
    nadia.get(&back).await.expect_code(400, "oauth_state");
    let sign_in = async || {
        let answer = nadia.sign_in_as("nadia").await;
        answer.expect(200);
    };
    sign_in().await;
    // Also when it ends while the provider is asked.
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    let release = Arc::new(tokio::sync::Notify::new());
    oidc.misbehave(Mischief::Held(release.clone()));
    let ended = async {
        until(async || oidc.calls("/token") == 1).await;
        app.sql("delete from user_sessions").await;
        release.notify_one();
    };
    let (answer, ()) = join(nadia.get(&back), ended).await;
    answer.expect_code(401, "session_gone");
    oidc.misbehave(Mischief::None);
    sign_in().await;
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    // It ends all other sessions, and keeps this one.
    let form = json!({ "currentPassword": PASSWORD, "newPassword": "otra contraseña larga" });
    nadia
        .post("/api/auth/change-password", form)
        .await
        .expect(200);
    nadia.get(&back).await.expect_code(400, "oauth_state");
    assert!(nadia.is_signed_in().await);
    assert_eq!(links(&app).await, 0);
}

#[tokio::test]
async fn a_member_without_a_password_shows_anew_who_they_are_by_their_provider() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let answer = ana.post("/api/auth/two-factor", json!({})).await;
    answer.expect_code(403, "sign_in_again");
    let before = ana.copy();
    assert_leads_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_ne!(ana.cookie(), before.cookie());
    assert!(!before.is_signed_in().await);
    ana.post("/api/auth/two-factor", json!({}))
        .await
        .expect(200);
}

//! `api/cross-app/`: signing in to partner applications.

mod archive;
mod backup;
mod partner_application;
mod tokens;
mod validate;

use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestClient, TestResponse};

const TOKEN_PATH: &str = "/api/cross-app/token";
const VALIDATE_PATH: &str = "/api/cross-app/validate";
const REVOKE_PATH: &str = "/api/cross-app/revoke";

/// The server of a partner application.
#[derive(Clone)]
struct PartnerServer {
    studio_url: String,
    name: String,
    secret: String,
}

impl PartnerServer {
    async fn register(app: &TestApp, name: &str) -> Self {
        Self {
            studio_url: app.url().to_owned(),
            name: name.to_owned(),
            secret: app.register_partner_app(name).await,
        }
    }

    async fn post(&self, path: &str, body: Value) -> TestResponse {
        let request = Client::new().post(format!("{}{path}", self.studio_url));
        let request = request.basic_auth(&self.name, Some(&self.secret));
        TestResponse::read(request.json(&body).send().await.unwrap()).await
    }

    async fn validate(&self, token: &str) -> TestResponse {
        self.post(VALIDATE_PATH, json!({ "token": token })).await
    }

    /// Returns the same server, connected to another process of the studio.
    fn connected_to(&self, other: &TestApp) -> Self {
        Self {
            studio_url: other.url().to_owned(),
            ..self.clone()
        }
    }
}

/// Issues a token for an application.
async fn issue_token(person: &TestClient, target_app: &str) -> String {
    let issued = person
        .post(TOKEN_PATH, json!({ "targetApp": target_app }))
        .await;
    issued.expect(200)["token"].as_str().unwrap().to_owned()
}

/// Registers an administrator who creates an organization (an `account`) with these members
/// and roles; returns its id.
async fn create_account(app: &TestApp, slug: &str, members: &[(&str, &str)]) -> String {
    let admin = app.admin(&format!("admin-of-{slug}")).await;
    let mut memberships = Vec::new();
    for (name, role) in members {
        let email = format!("{name}@example.com");
        let id_query = format!("select id::text from users where email = '{email}'");
        let id: String = app.sql(&id_query).await[0].get(0);
        memberships.push(json!({ "userId": id, "role": role }));
    }
    let form = json!({ "name": "Casa Latina", "slug": slug, "members": memberships });
    let account = admin.post("/api/admin/accounts", form).await.expect(201);
    account["id"].as_str().unwrap().to_owned()
}

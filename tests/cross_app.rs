//! From here to partner applications: `api/cross-app/`.

mod archive;
mod backup;
mod partner;
mod redeeming;
mod tokens;

use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::{Answer, Person, TestApp};

const TOKEN: &str = "/api/cross-app/token";
const VALIDATE: &str = "/api/cross-app/validate";
const REVOKE: &str = "/api/cross-app/revoke";

/// The server of a partner application, which is no browser.
#[derive(Clone)]
struct Shop {
    studio: String,
    name: String,
    secret: String,
}

impl Shop {
    async fn open(app: &TestApp, name: &str) -> Self {
        Self {
            studio: app.url().to_owned(),
            name: name.to_owned(),
            secret: app.partner(name).await,
        }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Client::new().post(format!("{}{path}", self.studio));
        let request = request.basic_auth(&self.name, Some(&self.secret));
        Answer::read(request.json(&body).send().await.unwrap()).await
    }

    async fn redeem(&self, token: &str) -> Answer {
        self.post(VALIDATE, json!({ "token": token })).await
    }

    /// The same, in front of another process.
    fn at(&self, other: &TestApp) -> Self {
        Self {
            studio: other.url().to_owned(),
            ..self.clone()
        }
    }
}

/// A token for an application, as the site asks for it.
async fn token_for(person: &Person, app: &str) -> String {
    let issued = person.post(TOKEN, json!({ "targetApp": app })).await;
    issued.expect(200)["token"].as_str().unwrap().to_owned()
}

/// Makes an account to which these belong.
async fn account(app: &TestApp, slug: &str, members: &[(&str, &str)]) -> String {
    let admin = app.admin(&format!("admin-of-{slug}")).await;
    let mut seats = Vec::new();
    for (name, role) in members {
        let email = format!("{name}@example.com");
        let find = format!("select id::text from users where email = '{email}'");
        let id: String = app.sql(&find).await[0].get(0);
        seats.push(json!({ "userId": id, "role": role }));
    }
    let form = json!({ "name": "Casa Latina", "slug": slug, "members": seats });
    let made = admin.post("/api/admin/accounts", form).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

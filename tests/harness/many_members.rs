//! Very many members at once, made past the application: two thousand
//! passwords to hash would be another story.

use sabor::crypto::secret::{Secret, Signer};
use sabor::models::user::Proof;
use sabor::session::{self, Admission, Credential, Token};
use uuid::Uuid;

use super::{SESSION_SECRET, TestApp, TestClient};

impl TestApp {
    /// So many members, signed in.
    pub async fn members(&self, count: usize) -> Vec<TestClient> {
        let client = self.app.db().client().await.unwrap();
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        client
            .execute(
                "insert into users (id, email, first_name, last_name)
                select id, id || '@example.com', 'Crowd', '' from unnest($1::uuid[]) id",
                &[&ids],
            )
            .await
            .unwrap();
        let signer = Signer::derive(&[Secret::new(SESSION_SECRET.to_owned())], "session cookie");
        let first = self.visitor();
        let mut crowd = Vec::with_capacity(count);
        for id in ids {
            let token = Token::generate();
            let credential = Credential::Cookie {
                token: token.clone(),
                remembered: false,
            };
            let admission = Admission::new(Proof::of_new(id, "password"), credential);
            assert!(session::insert(&client, &admission).await.unwrap());
            let person = first.copy();
            let cookie = format!("__Host-sabor_session={}", token.signed(&signer));
            *person.cookie.lock().unwrap() = Some(cookie);
            crowd.push(person);
        }
        crowd
    }
}

//! Creates many members by SQL, since hashing thousands of passwords is slow.

use sabor::crypto::secret::{Secret, Signer};
use sabor::models::user::AuthenticationProof;
use sabor::session::{self, Credential, NewSession, Token};
use uuid::Uuid;

use super::{SESSION_SECRET, TestApp, TestClient};

impl TestApp {
    /// Creates `count` members; returns their signed-in clients.
    pub async fn members(&self, count: usize) -> Vec<TestClient> {
        let database = self.app.db().client().await.unwrap();
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        database
            .execute(
                "insert into users (id, email, first_name, last_name, email_verified_at)
                select id, id || '@example.com', 'Member', '', now() from unnest($1::uuid[]) id",
                &[&ids],
            )
            .await
            .unwrap();
        let signer = Signer::derive(&[Secret::new(SESSION_SECRET.to_owned())], "session cookie");
        let visitor = self.visitor();
        let mut members = Vec::with_capacity(count);
        for id in ids {
            let token = Token::generate();
            let credential = Credential::Cookie {
                token: token.clone(),
                remembered: false,
            };
            let proof = AuthenticationProof::for_new_member(id, "password");
            let new_session = NewSession::new(proof, credential);
            assert!(
                session::create_session(&database, &new_session)
                    .await
                    .unwrap()
            );
            let client = visitor.copy();
            let cookie = format!("__Host-sabor_session={}", token.to_signed_cookie(&signer));
            client.set_cookie(Some(cookie));
            members.push(client);
        }
        members
    }
}

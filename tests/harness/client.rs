//! Those who call: a browser's habits, as far as the functions can see them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use reqwest::header::{COOKIE, HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{PASSWORD, SITE};

/// Somebody with a browser: keeps the cookie, sends the page's origin.
pub struct TestClient {
    http: Client,
    url: String,
    address: IpAddr,
    /// The session's: `name=value`, as it is sent.
    pub cookie: Mutex<Option<String>>,
    /// All others, by name.
    pub jar: Mutex<BTreeMap<String, String>>,
}

impl TestClient {
    pub fn new(url: &str, address: IpAddr) -> Self {
        Self {
            // Where an answer leads is part of the story.
            http: Client::builder().redirect(Policy::none()).build().unwrap(),
            url: url.to_owned(),
            address,
            cookie: Mutex::default(),
            jar: Mutex::default(),
        }
    }

    /// The same browser, in front of another process.
    pub fn connected_to(&self, other: &super::TestApp) -> Self {
        self.connected_to_url(&other.url)
    }

    /// The same browser, at another address of the site.
    pub fn connected_to_url(&self, url: &str) -> Self {
        Self {
            http: self.http.clone(),
            url: url.to_owned(),
            address: self.address,
            cookie: Mutex::new(self.cookie()),
            jar: Mutex::new(self.jar.lock().unwrap().clone()),
        }
    }

    /// The same browser, with the cookie as it is now.
    pub fn copy(&self) -> Self {
        Self {
            http: self.http.clone(),
            url: self.url.clone(),
            address: self.address,
            cookie: Mutex::new(self.cookie()),
            jar: Mutex::new(self.jar.lock().unwrap().clone()),
        }
    }

    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    /// By what the accounts that are used here know this browser: name and value.
    pub fn devices(&self) -> Vec<(String, String)> {
        let jar = self.jar.lock().unwrap();
        let devices = jar
            .iter()
            .filter(|(name, _)| name.starts_with("__Host-sabor_device_"));
        devices
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// A request as this browser would send it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url))
            .header("x-real-ip", self.address.to_string());
        if method != Method::GET {
            request = request.header(ORIGIN, SITE);
        }
        let jar = self.jar.lock().unwrap();
        let others = jar.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<_> = self.cookie().into_iter().chain(others).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        request
    }

    /// Sends a request, and keeps the cookies of its answer.
    pub async fn send(&self, request: RequestBuilder) -> TestResponse {
        let answer = TestResponse::read(request.send().await.unwrap()).await;
        for set in answer.headers.get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let kept = (!value.is_empty()).then(|| value.to_owned());
            if name.ends_with("sabor_session") {
                *self.cookie.lock().unwrap() = kept.map(|_| pair.to_owned());
            } else if let Some(kept) = kept {
                self.jar.lock().unwrap().insert(name.to_owned(), kept);
            } else {
                self.jar.lock().unwrap().remove(name);
            }
        }
        answer
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> TestResponse {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Signs in as the member of this name, with the password that all have.
    pub async fn sign_in_as(&self, name: &str) -> TestResponse {
        self.sign_in(&format!("{name}@example.com"), PASSWORD).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> TestResponse {
        let form = json!({ "email": email, "password": password });
        self.post("/api/auth/login", form).await
    }

    /// Whether the functions hold this person for signed in.
    ///
    /// # Panics
    ///
    /// When they say neither yes nor no.
    pub async fn is_signed_in(&self) -> bool {
        // Without keeping what the answer does to the cookie: this only asks.
        let request = self.request(Method::GET, "/api/auth/session");
        match TestResponse::read(request.send().await.unwrap()).await {
            TestResponse { status: 200, .. } => true,
            TestResponse { status: 401, .. } => false,
            other => panic!("{other:?}"),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct TestResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestResponse {
    pub async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// The body, when the status is the one that is due.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The code of a failure, when the status is the one that is due.
    #[track_caller]
    pub fn expect_code(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{}", self.text);
        body
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

//! A client that behaves like a browser: it keeps cookies and sends an origin.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use reqwest::header::{COOKIE, HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{PASSWORD, SITE};

/// A browser with its own IP address and cookies.
pub struct TestClient {
    http: Client,
    url: String,
    address: IpAddr,
    /// The session cookie, as `name=value`.
    cookie: Mutex<Option<String>>,
    /// All other cookies, by name.
    pub jar: Mutex<BTreeMap<String, String>>,
}

impl TestClient {
    pub fn new(url: &str, address: IpAddr) -> Self {
        Self {
            // Redirects are not followed, because the tests check them.
            http: Client::builder().redirect(Policy::none()).build().unwrap(),
            url: url.to_owned(),
            address,
            cookie: Mutex::default(),
            jar: Mutex::default(),
        }
    }

    /// Returns a copy of this browser, connected to another process.
    pub fn connected_to(&self, other: &super::TestApp) -> Self {
        self.connected_to_url(other.url())
    }

    /// Returns a copy of this browser, connected to another URL.
    pub fn connected_to_url(&self, url: &str) -> Self {
        Self {
            http: self.http.clone(),
            url: url.to_owned(),
            address: self.address,
            cookie: Mutex::new(self.cookie()),
            jar: Mutex::new(self.jar.lock().unwrap().clone()),
        }
    }

    /// Returns a copy of this browser with its current cookies.
    pub fn copy(&self) -> Self {
        self.connected_to_url(&self.url)
    }

    /// Returns the session cookie, as `name=value`.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    /// Sets or deletes the session cookie.
    pub fn set_cookie(&self, cookie: Option<String>) {
        *self.cookie.lock().unwrap() = cookie;
    }

    /// Returns the value of the cookie of an anonymous session.
    pub fn visitor_cookie(&self) -> Option<String> {
        let jar = self.jar.lock().unwrap();
        jar.get("__Host-sabor_visitor").cloned()
    }

    /// Returns the name and value of each device cookie.
    pub fn devices(&self) -> Vec<(String, String)> {
        let jar = self.jar.lock().unwrap();
        let devices = jar
            .iter()
            .filter(|(name, _)| name.starts_with("__Host-sabor_device_"));
        devices
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Returns a request with the headers and cookies of this browser.
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

    /// Sends a request; stores the cookies of the response.
    pub async fn send(&self, request: RequestBuilder) -> TestResponse {
        let response = TestResponse::read(request.send().await.unwrap()).await;
        for header in response.headers.get_all(SET_COOKIE) {
            let pair = header.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let stored = (!value.is_empty()).then(|| value.to_owned());
            if name.ends_with("sabor_session") {
                *self.cookie.lock().unwrap() = stored.map(|_| pair.to_owned());
            } else if let Some(stored) = stored {
                self.jar.lock().unwrap().insert(name.to_owned(), stored);
            } else {
                self.jar.lock().unwrap().remove(name);
            }
        }
        response
    }

    /// Closes the account of this person.
    pub async fn close_account(&self) {
        let request = self.request(Method::DELETE, "/api/auth/me");
        let request = request.json(&json!({ "currentPassword": PASSWORD }));
        self.send(request).await.expect(200);
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

    /// Sends GET requests until the last page of a list; returns all items. The path
    /// must contain a `?`.
    pub async fn get_all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut page = self.get(path).await.expect(200);
        loop {
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["nextCursor"].as_str() else {
                return items;
            };
            let next = format!("{path}&cursor={cursor}");
            page = self.get(&next).await.expect(200);
        }
    }

    /// Visits twice, because only the second visit creates an anonymous session.
    pub async fn visit_twice(&self) {
        for _ in 0..2 {
            self.get("/api/session/test-session").await.expect(200);
        }
    }

    /// Returns the id of the signed-in member.
    pub async fn user_id(&self) -> Value {
        self.get("/api/auth/me").await.expect(200)["id"].clone()
    }

    /// Signs in as `<name>@example.com` with [`PASSWORD`].
    pub async fn sign_in_as(&self, name: &str) -> TestResponse {
        self.sign_in(&format!("{name}@example.com"), PASSWORD).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> TestResponse {
        let form = json!({ "email": email, "password": password });
        self.post("/api/auth/login", form).await
    }

    /// Returns whether this browser is signed in.
    ///
    /// # Panics
    ///
    /// If the response is neither 200 nor 401.
    pub async fn is_signed_in(&self) -> bool {
        // Does not store cookies, so that the check has no effect.
        let request = self.request(Method::GET, "/api/auth/session");
        match TestResponse::read(request.send().await.unwrap()).await {
            TestResponse { status: 200, .. } => true,
            TestResponse { status: 401, .. } => false,
            other => panic!("{other:?}"),
        }
    }
}

/// Sends a request from a page of another origin; stores no cookies.
pub async fn send_from_origin(request: RequestBuilder, origin: &str) -> TestResponse {
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    // Replaces the `Origin` header that `TestClient::request` has set.
    request
        .headers_mut()
        .insert(ORIGIN, origin.parse().unwrap());
    TestResponse::read(client.execute(request).await.unwrap()).await
}

/// A response, with its body read to the end.
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

    /// Asserts the status; returns the JSON body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Asserts the status and the error code; returns the JSON body.
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

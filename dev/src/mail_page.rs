//! The page `/dev/mail`, which shows the e-mails that the local stack wrote to a folder.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use mailparse::{MailHeaderMap, ParsedMail, parse_headers, parse_mail};
use sabor_testing::environment;
use serde::Serialize;

/// How many e-mails the page lists.
const MAX_LISTED: usize = 200;

const PAGE: &str = include_str!("mail_page/page.html");
const SCRIPT: &str = include_str!("mail_page/page.js");
const STYLE: &str = include_str!("mail_page/page.css");

/// The site's colors and typeface.
const TOKENS: &str = include_str!("../../site/src/styles/tokens.css");

/// The typeface, in the site's packages.
const TYPEFACE: &str = "@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2";

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    font-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

/// An e-mail may contain what visitors wrote. It runs no script and loads nothing, and its
/// links open in a new tab.
const MESSAGE_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; \
    default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// Where the e-mails are. `None` if they are sent by a mail server.
type Folder = Arc<Option<PathBuf>>;

/// What the page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mailbox {
    is_sent_by_server: bool,
    /// The newest first.
    messages: Vec<Summary>,
}

/// An e-mail in the list.
#[derive(Serialize)]
struct Summary {
    /// The name of the file.
    id: String,
    time: DateTime<Utc>,
    kind: String,
    to: String,
    subject: String,
}

/// Returns the routes of the page. `folder` is `None` if a mail server sends the e-mails.
pub(crate) fn router(folder: Option<PathBuf>) -> Router {
    Router::new()
        .route(
            "/dev/mail",
            get(async || with_policy(PAGE_POLICY, "text/html", PAGE)),
        )
        .route(
            "/dev/mail/page.js",
            get(async || asset("text/javascript", SCRIPT)),
        )
        .route(
            "/dev/mail/page.css",
            get(async || asset("text/css", style())),
        )
        .route("/dev/mail/typeface.woff2", get(typeface))
        .route("/dev/mail/messages", get(list))
        .route("/dev/mail/messages/{id}/html", get(show_html))
        .route("/dev/mail/messages/{id}/text", get(show_text))
        .with_state(Arc::new(folder))
}

fn asset(content_type: &'static str, content: impl IntoResponse) -> Response {
    with_policy("default-src 'none'", content_type, content)
}

fn with_policy(
    policy: &'static str,
    content_type: &'static str,
    content: impl IntoResponse,
) -> Response {
    let mut response = content.into_response();
    let content_type = match content_type.strip_prefix("text/") {
        Some(kind) => HeaderValue::try_from(format!("text/{kind}; charset=utf-8")),
        None => HeaderValue::try_from(content_type),
    };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // The links in e-mails carry tokens.
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    response.headers_mut().extend(headers);
    if let Ok(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

fn style() -> String {
    TOKENS.replace(TYPEFACE, "/dev/mail/typeface.woff2") + STYLE
}

/// Serves the typeface. Without the site's packages the page uses the system's.
async fn typeface() -> Response {
    let path = environment::repository()
        .join("site/node_modules")
        .join(TYPEFACE);
    match fs::read(path) {
        Ok(content) => asset("font/woff2", content),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn list(State(folder): State<Folder>) -> Response {
    let read = folder
        .as_ref()
        .as_deref()
        .map_or(Ok(Vec::new()), read_folder);
    match read {
        Ok(messages) => Json(Mailbox {
            is_sent_by_server: folder.is_none(),
            messages,
        })
        .into_response(),
        Err(error) => failure(&error),
    }
}

async fn show_html(
    State(folder): State<Folder>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    show(&folder, &id, &headers, "text/html")
}

async fn show_text(
    State(folder): State<Folder>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    show(&folder, &id, &headers, "text/plain")
}

fn show(folder: &Folder, id: &str, headers: &HeaderMap, content_type: &'static str) -> Response {
    let Some(folder) = folder.as_ref().as_deref() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match read_part(folder, id, content_type) {
        Ok(Some(part)) => {
            let mut part = to_this_site(&part, host.unwrap_or_default());
            if content_type == "text/html" {
                part = part.replacen("<head>", "<head><base target=\"_blank\">", 1);
            }
            with_policy(MESSAGE_POLICY, content_type, part)
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failure(&error),
    }
}

fn failure(error: &anyhow::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
}

/// Returns the newest e-mails of the folder, which does not exist before the first one.
fn read_folder(folder: &FilePath) -> Result<Vec<Summary>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let name = entry.with_context(cannot_read)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if let Some((time, kind)) = parse_name(&name) {
            found.push((time, kind.to_owned(), name));
        }
    }
    found.sort_by(|one, other| other.cmp(one));
    found.truncate(MAX_LISTED);
    let summaries = found.into_iter().map(|(time, kind, id)| {
        let content = fs::read(folder.join(&id)).with_context(cannot_read)?;
        let (headers, _) = parse_headers(&content)?;
        let header = |name| headers.get_first_value(name).unwrap_or_default();
        let (to, subject) = (header("To"), header("Subject"));
        Ok(Summary {
            id,
            time,
            kind,
            to,
            subject,
        })
    });
    summaries.collect()
}

/// Parses the name of an e-mail's file: the time in milliseconds, the kind and the id.
fn parse_name(name: &str) -> Option<(DateTime<Utc>, &str)> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let stem = name.strip_suffix(".eml")?;
    if !stem.bytes().all(is_plain) {
        return None;
    }
    let (time, rest) = stem.split_once('-')?;
    let (kind, _) = rest.split_once('-')?;
    Some((DateTime::from_timestamp_millis(time.parse().ok()?)?, kind))
}

/// Returns the part of an e-mail that has this type.
fn read_part(folder: &FilePath, id: &str, content_type: &str) -> Result<Option<String>> {
    let path = folder.join(id);
    if parse_name(id).is_none() || !path.is_file() {
        return Ok(None);
    }
    let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    find_part(&parse_mail(&content)?, content_type)
        .map(|part| Ok(part.get_body()?))
        .transpose()
}

fn find_part<'a, 'b>(mail: &'a ParsedMail<'b>, content_type: &str) -> Option<&'a ParsedMail<'b>> {
    if mail.ctype.mimetype == content_type {
        return Some(mail);
    }
    mail.subparts
        .iter()
        .find_map(|part| find_part(part, content_type))
}

/// Changes links to this machine so that they lead to `host`: an e-mail may be older than
/// the port that the site has now.
fn to_this_site(text: &str, host: &str) -> String {
    const LOCAL: &str = "http://localhost:";
    let mut parts = text.split(LOCAL);
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        changed.push_str("http://");
        changed.push_str(host);
        changed.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    changed
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    const MAIL: &str = "From: \"Sabor con Flow\" <hello@sabor.dev>\r\nTo: ana@sabor.dev\r\n\
        Subject: =?utf-8?b?wqFIb2xhIQ==?=\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=\"cut\"\r\n\r\n\
        --cut\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        Open http://localhost:3007/reset-password#token=3D=\r\n12 ma=C3=B1ana.\r\n\
        --cut\r\nContent-Type: text/html; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        <html><head></head><a href=3D\"http://localhost:3007/x\">x</a></html>\r\n--cut--\r\n";

    async fn get(folder: Option<PathBuf>, path: &str) -> (Response, String) {
        let request = Request::builder().uri(path).header(HOST, "localhost:3000");
        let request = request.body(Body::empty()).unwrap();
        let response = router(folder).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        (Response::from_parts(parts, Body::empty()), body)
    }

    fn mailbox() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "1775000000000-password_reset-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a.eml",
            "1775000001000-welcome-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3b.eml",
            // A file that is still being written.
            ".1775000002000-welcome-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3c.eml",
            "notes.txt",
        ] {
            fs::write(folder.path().join(name), MAIL).unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn the_newest_mail_is_listed_first() {
        let folder = mailbox();
        let (_, body) = get(Some(folder.path().to_owned()), "/dev/mail/messages").await;
        let mailbox: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(mailbox["isSentByServer"], json!(false));
        let messages = mailbox["messages"].as_array().unwrap();
        let kinds: Vec<_> = messages
            .iter()
            .map(|message| message["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["welcome", "password_reset"]);
        let oldest = &mailbox["messages"][1];
        assert_eq!(oldest["to"], "ana@sabor.dev");
        assert_eq!(oldest["subject"], "¡Hola!");
        assert_eq!(oldest["time"], "2026-03-31T23:33:20Z");
    }

    #[tokio::test]
    async fn no_folder_is_an_empty_mailbox_and_a_mail_server_is_stated() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("mail");
        for (folder, is_sent_by_server) in [(Some(missing), false), (None, true)] {
            let (response, body) = get(folder, "/dev/mail/messages").await;
            assert_eq!(response.status(), 200);
            let mailbox: Value = serde_json::from_str(&body).unwrap();
            let expected = json!({ "isSentByServer": is_sent_by_server, "messages": [] });
            assert_eq!(mailbox, expected);
        }
    }

    #[tokio::test]
    async fn a_mail_is_shown_in_a_sandbox_and_its_links_lead_to_this_site() {
        let folder = mailbox();
        let path = "/dev/mail/messages/\
            1775000000000-password_reset-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a.eml";
        let show =
            async |part: &str| get(Some(folder.path().to_owned()), &format!("{path}/{part}")).await;
        let (response, html) = show("html").await;
        assert!(html.contains("<base target=\"_blank\">"), "{html}");
        assert!(html.contains("href=\"http://localhost:3000/x\""), "{html}");
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("sandbox allow-popups "), "{policy}");
        assert!(!policy.contains("script"), "{policy}");
        let (response, text) = show("text").await;
        assert!(
            text.contains("http://localhost:3000/reset-password#token=12 mañana."),
            "{text}"
        );
        let content_type = &response.headers()[CONTENT_TYPE];
        assert_eq!(content_type, "text/plain; charset=utf-8");
    }

    #[tokio::test]
    async fn only_files_of_mails_are_shown() {
        let folder = mailbox();
        let outside = folder.path().join("mail");
        fs::create_dir(&outside).unwrap();
        for id in [
            "notes.txt",
            "..%2F1775000001000-welcome-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3b.eml",
            ".1775000002000-welcome-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3c.eml",
            "1775000003000-welcome-0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3d.eml",
        ] {
            for folder in [folder.path().to_owned(), outside.clone()] {
                let (response, _) =
                    get(Some(folder), &format!("/dev/mail/messages/{id}/text")).await;
                assert_eq!(response.status(), 404, "{id}");
            }
        }
    }

    #[tokio::test]
    async fn the_page_uses_the_sites_colors() {
        let (response, page) = get(None, "/dev/mail").await;
        assert!(page.contains("/dev/mail/page.js") && page.contains("/dev/mail/page.css"));
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("script-src 'self'; style-src 'self'"),
            "{policy}"
        );
        let (_, style) = get(None, "/dev/mail/page.css").await;
        assert!(
            style.contains("--accent:") && !style.contains("@fontsource"),
            "{style}"
        );
    }
}

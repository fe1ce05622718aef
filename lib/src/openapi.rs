//! The OpenAPI description, collected from the descriptions of the handlers.
//!
//! Common failures, headers, examples and links are added here, so that handlers need
//! not repeat them. Only the local server contains the description (feature `openapi`);
//! deployed functions do not.

mod examples;
mod links;
mod schemas;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{
    Components, ContentBuilder, Header, HttpMethod, Info, License, ObjectBuilder, OpenApi, Paths,
    Ref, RefOr, Response, ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

use crate::http::{ErrorResponse, Routes};

/// Returns the description of all functions.
pub fn document(routes: Vec<Routes>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let mut schemas = vec![(ErrorResponse::name().into_owned(), ErrorResponse::schema())];
    ErrorResponse::schemas(&mut schemas);
    for mut described in routes.into_iter().flat_map(|routes| routes.operations) {
        name_operation(&mut described.operation);
        summarize(&mut described.operation);
        complete_operation(&mut described.operation, &described.methods);
        schemas.append(&mut described.schemas);
        paths.add_path_operation(described.path, described.methods, described.operation);
    }
    components.schemas.extend(schemas);
    add_security_schemes(&mut components);
    add_failures(&mut components);
    let mut document = OpenApi::new(info(), paths);
    document.components = Some(components);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(tags());
    schemas::name_lists(&mut document);
    schemas::require_nullable_fields(&mut document);
    sort(&mut document);
    links::add(&mut document);
    examples::add(&mut document);
    document
}

fn info() -> Info {
    let mut info = Info::new("Sabor", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "The back end of a dance studio: accounts, sessions, the timetable, bookings, payments, \
         and partner applications.\n\n\
         Requests and responses are JSON in UTF-8. A request body may have up to 1 MiB. Times are \
         in UTC (RFC 3339); dates and times of day are in the studio's time zone. Amounts of money \
         are strings such as `\"25.00\"`. Unknown fields and unknown query parameters are \
         rejected. An empty query parameter counts as absent.\n\n\
         Every failure has the body `ErrorResponse`: `error` is a message for people, `code` is for \
         programs. A later version can add codes. The local server (`cargo dev`) rejects requests to \
         another host with `foreign_host` (403). `not_found` (404), `method_not_allowed` (405) and \
         `too_many_requests` (429) can occur everywhere and are not listed for each operation. A \
         request of the demo account that would change something fails with `demo_account` (403). \
         Every response has the header `x-request-id`, which identifies it in the log. Requests \
         that fail with 429 or 503 can be retried after `Retry-After` seconds.\n\n\
         Browsers are signed in with a cookie. Other clients sign in with `mode: \"token\"`, which \
         returns an access token for 15 minutes and a refresh token that works once. A request \
         that changes something and is authorized by a cookie must come from an allowed `Origin`."
            .to_owned(),
    );
    let mut license = License::new("MIT or Apache 2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    info.license = Some(license);
    info
}

fn tags() -> Vec<Tag> {
    let tags = [
        ("auth", "Accounts, sign-in and second factor"),
        ("sessions", "The sessions of a member"),
        (
            "classes",
            "Class types and the timetable, open to everybody",
        ),
        ("bookings", "Bookings of classes, and their payments"),
        ("shop", "Products, and the passes of a member"),
        ("payments", "Events from the payment provider"),
        ("calendar", "A member's classes as a calendar feed"),
        ("events", "A member's events, as a list or a stream"),
        (
            "cross-app",
            "Tokens that sign members in at partner applications",
        ),
        ("contact", "Messages to the studio"),
        (
            "teaching",
            "For instructors who are members: their own classes",
        ),
        ("administration", "For staff and administrators"),
        ("operations", "For operators of the service"),
    ];
    let to_tag = |(name, description)| {
        let mut tag = Tag::new(name);
        tag.description = Some(str::to_owned(description));
        tag
    };
    tags.into_iter().map(to_tag).collect()
}

fn add_security_schemes(components: &mut Components) {
    let cookie = ApiKeyValue::with_description(
        "__Host-sabor_session",
        "Set when a member signs in. Its name is `sabor_session` over plain HTTP on localhost. A \
         request that changes something must come from an allowed `Origin`.",
    );
    let http_scheme = |scheme, description: &str| {
        let scheme = Http::builder().scheme(scheme);
        SecurityScheme::Http(scheme.description(Some(description)).build())
    };
    for (name, scheme) in [
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        (
            "accessToken",
            http_scheme(
                HttpAuthScheme::Bearer,
                "The `accessToken` from signing in with `mode: \"token\"` or from `/api/auth/refresh`.",
            ),
        ),
        (
            "partner",
            http_scheme(
                HttpAuthScheme::Basic,
                "The name and secret of a partner application.",
            ),
        ),
        (
            "cron",
            http_scheme(
                HttpAuthScheme::Bearer,
                "The `CRON_SECRET`, as Vercel Cron sends it.",
            ),
        ),
    ] {
        components.add_security_scheme(name, scheme);
    }
}

/// Converts the operation's id, which is the handler's name such as `create_booking`, to
/// `createBooking`. Generated clients name their methods after the id.
fn name_operation(operation: &mut Operation) {
    let handler = operation.operation_id.take().unwrap_or_default();
    let mut words = handler.split('_');
    let mut id = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
    }
    operation.operation_id = Some(id);
}

/// Splits a handler's documentation: the first sentence becomes the summary, and the
/// rest becomes the description.
fn summarize(operation: &mut Operation) {
    let paragraph = operation.summary.take().unwrap_or_default();
    let paragraph = paragraph.replace('\n', " ");
    let other_paragraphs = operation.description.take().unwrap_or_default();
    let (summary, rest) = paragraph.split_once(". ").unwrap_or((&paragraph, ""));
    let description = [rest, &other_paragraphs].join("\n\n");
    operation.summary = Some(summary.trim_end_matches('.').to_owned());
    operation.description = Some(description.trim().to_owned()).filter(|text| !text.is_empty());
}

/// Adds what handlers need not describe: access tokens as a credential, common failures
/// and headers.
fn complete_operation(operation: &mut Operation, methods: &[HttpMethod]) {
    let by_session = SecurityRequirement::new("session", [] as [&str; 0]);
    // An empty list says that the operation is public. Without it, linters report an omission.
    let schemes = operation.security.get_or_insert_default();
    if let Some(index) = schemes.iter().position(|scheme| *scheme == by_session) {
        let by_access_token = SecurityRequirement::new("accessToken", [] as [&str; 0]);
        schemes.insert(index + 1, by_access_token);
    }
    let is_safe = methods == [HttpMethod::Get];
    for failure in failures(operation, is_safe) {
        let responses = &mut operation.responses.responses;
        match responses.get_mut(failure.status) {
            // The description from the handler comes first.
            Some(RefOr::T(response)) if response.content.is_empty() => {
                response.description = format!("{}. {}", response.description, failure.description);
            }
            Some(_) => {}
            None => {
                let shared = RefOr::Ref(Ref::from_response_name(failure.name));
                responses.insert(failure.status.to_owned(), shared);
            }
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            complete_response(status, response);
        }
    }
}

/// A failure that handlers need not describe.
struct Failure {
    name: &'static str,
    status: &'static str,
    description: &'static str,
}

const INVALID: Failure = Failure {
    name: "Invalid",
    status: "400",
    description: "`validation_failed`: a field or a query parameter is invalid or unknown; see `details`. `malformed_request`: the request cannot be read. `duplicate_cookie`: the request has two cookies with the same name",
};
const NOT_SIGNED_IN: Failure = Failure {
    name: "NotSignedIn",
    status: "401",
    description: "`not_signed_in`: the request has no valid credential. `session_gone`: the session has ended",
};
const FORBIDDEN: Failure = Failure {
    name: "Forbidden",
    status: "403",
    description: "`forbidden`: the caller may not do this. `two_factor_setup_required`: staff must set up a second factor first. `foreign_origin`: the request came from a page of another site",
};
const TIMEOUT: Failure = Failure {
    name: "Timeout",
    status: "408",
    description: "`request_timeout`: the body did not arrive in time",
};
const TOO_LARGE: Failure = Failure {
    name: "TooLarge",
    status: "413",
    description: "`body_too_large`: the body is larger than 1 MiB",
};
const NOT_JSON: Failure = Failure {
    name: "NotJson",
    status: "415",
    description: "`not_json`: the `Content-Type` is not `application/json`",
};
const INTERNAL: Failure = Failure {
    name: "Internal",
    status: "500",
    description: "`internal`: an error in the service",
};
const UNAVAILABLE: Failure = Failure {
    name: "Unavailable",
    status: "503",
    description: "`unavailable`: a service that Sabor depends on does not answer",
};

/// Returns the failures that an operation can have because of its body, parameters and
/// security.
fn failures(operation: &Operation, is_safe: bool) -> Vec<Failure> {
    let mut failures = vec![INTERNAL, UNAVAILABLE, INVALID];
    let security = operation.security.as_ref();
    let is_authorized = security.is_some_and(|schemes| !schemes.is_empty());
    if let Some(RefOr::T(body)) = &operation.request_body {
        failures.extend([TIMEOUT, TOO_LARGE]);
        if body.content.contains_key("application/json") {
            failures.push(NOT_JSON);
        }
    }
    if is_authorized {
        failures.push(NOT_SIGNED_IN);
    }
    if is_authorized || !is_safe {
        failures.push(FORBIDDEN);
    }
    failures
}

fn add_failures(components: &mut Components) {
    for failure in [
        INVALID,
        NOT_SIGNED_IN,
        FORBIDDEN,
        TIMEOUT,
        TOO_LARGE,
        NOT_JSON,
        INTERNAL,
        UNAVAILABLE,
    ] {
        let response = ResponseBuilder::new().description(failure.description);
        let mut response = response.build();
        complete_response(failure.status, &mut response);
        let name = failure.name.to_owned();
        components.responses.insert(name, RefOr::T(response));
    }
}

/// Adds the body and headers that every response of this status has.
fn complete_response(status: &str, response: &mut Response) {
    if status.starts_with(['4', '5']) && response.content.is_empty() {
        let schema = Ref::from_schema_name(ErrorResponse::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let content = ("application/json".to_owned(), RefOr::T(content));
        response.content.extend([content]);
    }
    add_headers(status, response);
}

fn add_headers(status: &str, response: &mut Response) {
    let mut headers = vec![("x-request-id", "Identifies the request in the log.")];
    match status {
        "401" => headers.push((
            "WWW-Authenticate",
            "The authentication scheme to use (RFC 9110, section 11.6.1).",
        )),
        "429" | "503" => headers.push((
            "Retry-After",
            "The number of seconds to wait before a retry.",
        )),
        "303" => headers.push(("Location", "The address of the redirect.")),
        "304" => headers.push(("ETag", "The tag of the response that the caller has.")),
        _ => {}
    }
    for (name, description) in headers {
        let schema_type = match name {
            "Retry-After" => Type::Integer,
            _ => Type::String,
        };
        let schema = ObjectBuilder::new().schema_type(SchemaType::Type(schema_type));
        let mut header = Header::new(schema);
        header.description = Some(description.to_owned());
        let headers = &mut response.headers;
        headers.entry(name.to_owned()).or_insert(RefOr::T(header));
    }
}

/// Sorts the paths. The functions are found by listing directories, which has no fixed order,
/// but a test compares the description with the stored one.
fn sort(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    let mut sorted: Vec<(String, PathItem)> = paths.into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    document.paths.paths = sorted.into_iter().collect();
}

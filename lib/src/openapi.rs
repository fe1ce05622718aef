//! The API description, collected from what every handler says of itself.
//!
//! Only the local server is built with this (`openapi` feature): a deployed
//! function carries none of it.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, Info, License, OpenApi, Paths, Ref, RefOr, Response,
    ResponseBuilder,
};
use utoipa::{PartialSchema, Path, ToSchema};

use crate::http::{Problem, Routes};

/// One operation and the schemas that it speaks of.
pub struct Described {
    path: String,
    methods: Vec<HttpMethod>,
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Routes {
    /// Adds what a handler says of itself.
    #[must_use]
    pub fn described<P: Path + utoipa::__dev::SchemaReferences>(mut self) -> Self {
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        self.operations.push(Described {
            path: P::path(),
            methods: P::methods(),
            operation: P::operation(),
            schemas,
        });
        self
    }
}

/// The whole description, of all functions.
pub fn document(routes: Vec<Routes>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    for mut described in routes.into_iter().flat_map(|routes| routes.operations) {
        name(&mut described.operation, &described.path);
        complete(&mut described.operation);
        schemas.append(&mut described.schemas);
        paths.add_path_operation(described.path, described.methods, described.operation);
    }
    components.schemas.extend(schemas);
    add_security_schemes(&mut components);
    let mut document = OpenApi::new(info(), paths);
    document.components = Some(components);
    sort(&mut document);
    document
}

fn info() -> Info {
    let mut info = Info::new("Sabor", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "The back end of a dance studio. JSON in and out. A failure is always a `Problem`; \
         every answer carries `x-request-id`."
            .to_owned(),
    );
    info.license = Some(License::new("MIT OR Apache-2.0"));
    info
}

fn add_security_schemes(components: &mut Components) {
    let cookie = ApiKeyValue::with_description(
        "__Host-sabor_session",
        "Set by signing in; `sabor_session` over plain http on localhost. An unsafe request \
         with it must come from an allowed `Origin`.",
    );
    let cron = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`CRON_SECRET`, as Vercel Cron presents it."))
        .build();
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let partner = Http::builder()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("A partner application's name and secret."))
        .build();
    components.add_security_scheme("partner", SecurityScheme::Http(partner));
    components.add_security_scheme("cron", SecurityScheme::Http(cron));
}

/// A handler's name is its own only within its file: `auth.me.change`.
fn name(operation: &mut Operation, path: &str) {
    let file = path.trim_start_matches("/api/").replace('/', ".");
    let file = file.replace(['{', '}'], "");
    let handler = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{file}.{handler}"));
}

/// Adds the failures that follow from how an operation is called, which no
/// handler has to say again.
fn complete(operation: &mut Operation) {
    let mut failures = vec![
        ("500", "A fault on our side"),
        (
            "503",
            "A backing service does not answer; see `Retry-After`",
        ),
    ];
    if operation.request_body.is_some() {
        failures.extend([
            ("400", "Not JSON, or a field was refused: see `details`"),
            ("408", "The body did not arrive in time"),
            ("413", "The body is larger than 1 MiB"),
            ("415", "The body is not announced as JSON"),
        ]);
    }
    if operation.security.is_some() {
        failures.push(("401", "Nobody is signed in"));
    }
    let changes = operation.request_body.is_some() || operation.security.is_some();
    if changes {
        failures.push(("403", "Not allowed, or sent from a foreign page"));
    }
    for (status, description) in failures {
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(failure(description)));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content = failure("").content;
        }
    }
}

fn failure(description: &str) -> Response {
    let problem = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(problem)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content)
        .build()
}

/// Files come from a directory in any order; a description that is compared
/// has one.
fn sort(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    let mut sorted: Vec<(String, PathItem)> = paths.into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    document.paths.paths = sorted.into_iter().collect();
}

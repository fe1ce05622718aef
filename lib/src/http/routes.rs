//! The routes of a function, built from the `#[utoipa::path(…)]` attributes of its
//! handlers.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
#[cfg(feature = "openapi")]
use utoipa::__dev::{SchemaReferences, Tags};
#[cfg(feature = "openapi")]
use utoipa::Path;
use utoipa::openapi::HttpMethod;
#[cfg(feature = "openapi")]
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;
#[cfg(feature = "openapi")]
use utoipa::openapi::schema::Schema;

use super::query::{KnownParams, KnownParamsLayer};
use crate::App;

/// The path of a function and its methods. Built by [`routes!`](crate::routes).
#[derive(Default)]
pub struct Routes {
    path: String,
    methods: MethodRouter<App>,
    /// The query parameters of each method.
    params: KnownParams,
    accepts_any_origin: bool,
    /// The operations for the API description.
    #[cfg(feature = "openapi")]
    pub operations: Vec<DescribedOperation>,
}

impl Routes {
    /// Creates an empty set of routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the path, such as `/api/sessions/{id}`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Adds a handler for a path and its methods. A request with a query parameter that
    /// `operation` does not describe is rejected.
    ///
    /// # Panics
    ///
    /// Panics if an earlier handler has another path, because a function has one path.
    pub fn add<H, T>(
        mut self,
        path: String,
        methods: &[HttpMethod],
        operation: &Operation,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        assert!(
            self.path.is_empty() || self.path == path,
            "the handlers of a function must have the same path"
        );
        self.path = path;
        self.params.add(methods, operation);
        for method in methods {
            self.methods = self.methods.on(method_filter(method), handler.clone());
        }
        self
    }

    /// Accepts query parameters that are not described. For URLs to which other services or
    /// people add parameters, and whose described parameters do not filter anything.
    #[must_use]
    pub fn with_other_query_params(mut self) -> Self {
        self.params.accept_others();
        self
    }

    /// Accepts requests from pages of every origin. Use this only for functions that do not act for
    /// the signed-in member.
    #[must_use]
    pub fn with_any_origin(mut self) -> Self {
        self.accepts_any_origin = true;
        self
    }

    pub(super) fn accepts_any_origin(&self) -> bool {
        self.accepts_any_origin
    }

    pub(super) fn add_to(self, router: Router<App>) -> Router<App> {
        let known_params = KnownParamsLayer::new(self.params);
        router.route(&self.path, self.methods.route_layer(known_params))
    }
}

/// An operation of the API description and the schemas that it refers to.
#[cfg(feature = "openapi")]
pub struct DescribedOperation {
    pub(crate) path: String,
    pub(crate) methods: Vec<HttpMethod>,
    pub(crate) operation: Operation,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

#[cfg(feature = "openapi")]
impl Routes {
    /// Adds a handler's operation and schemas to the API description.
    #[must_use]
    pub fn described<P: Path + SchemaReferences + Tags<'static>>(mut self) -> Self {
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        let mut operation = P::operation();
        operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
        self.operations.push(DescribedOperation {
            path: P::path(),
            methods: P::methods(),
            operation,
            schemas,
        });
        self
    }
}

fn method_filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Trace => MethodFilter::TRACE,
        #[expect(
            unreachable_patterns,
            reason = "a later version of utoipa may have more methods"
        )]
        _ => panic!("unsupported HTTP method"),
    }
}

/// Builds the routes of a function from its handlers, such as
/// `routes![list_sessions, end_sessions]`.
///
/// The path and methods are those in the `#[utoipa::path(…)]` attribute of each handler.
#[macro_export]
macro_rules! routes {
    ($($handler:ident),+ $(,)?) => {{
        let routes = $crate::Routes::new();
        $(let routes = $crate::reexported::paste! {
            $crate::describe!(
                routes.add(
                    <[<__path_ $handler>] as $crate::reexported::Path>::path(),
                    &<[<__path_ $handler>] as $crate::reexported::Path>::methods(),
                    &<[<__path_ $handler>] as $crate::reexported::Path>::operation(),
                    $handler,
                ),
                [<__path_ $handler>]
            )
        };)+
        routes
    }};
}

/// Adds the description of a handler to its routes.
#[cfg(feature = "openapi")]
#[macro_export]
#[doc(hidden)]
macro_rules! describe {
    ($routes:expr, $path:ident) => {
        $routes.described::<$path>()
    };
}

/// Returns the routes unchanged: deployed functions do not contain the API description.
#[cfg(not(feature = "openapi"))]
#[macro_export]
#[doc(hidden)]
macro_rules! describe {
    ($routes:expr, $path:ident) => {
        $routes
    };
}

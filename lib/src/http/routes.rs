//! The routes of one function, made of their descriptions.

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
#[cfg(feature = "openapi")]
use utoipa::openapi::path::Operation;
#[cfg(feature = "openapi")]
use utoipa::openapi::schema::Schema;

use crate::App;

/// What a function answers: one path, and its methods. Made by [`routes!`](crate::routes).
#[derive(Default)]
pub struct Routes {
    path: String,
    methods: MethodRouter<App>,
    /// The described operations; for the API description alone.
    #[cfg(feature = "openapi")]
    pub operations: Vec<DescribedOperation>,
}

impl Routes {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The path, such as `/api/sessions/{id}`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Adds a handler under the path and the methods that its description names.
    ///
    /// # Panics
    ///
    /// When it describes another path than the handlers before: a file is a
    /// function, and a function has one path.
    pub fn add<H, T>(mut self, path: String, methods: &[HttpMethod], handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        assert!(
            self.path.is_empty() || self.path == path,
            "one file, one path"
        );
        self.path = path;
        for method in methods {
            self.methods = self.methods.on(filter(method), handler.clone());
        }
        self
    }

    pub(super) fn add_to(self, router: Router<App>) -> Router<App> {
        router.route(&self.path, self.methods)
    }
}

/// One operation and the schemas that it speaks of.
#[cfg(feature = "openapi")]
pub struct DescribedOperation {
    pub(crate) path: String,
    pub(crate) methods: Vec<HttpMethod>,
    pub(crate) operation: Operation,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

#[cfg(feature = "openapi")]
impl Routes {
    /// Adds what a handler says of itself.
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

fn filter(method: &HttpMethod) -> MethodFilter {
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
            reason = "a later version of OpenAPI knows more methods"
        )]
        _ => panic!("no method of this API"),
    }
}

/// The routes of a function, from its handlers: `routes![list, end_others]`.
///
/// Path and method stand once, in a handler's `#[utoipa::path(…)]`, and are
/// read from there.
#[macro_export]
macro_rules! routes {
    ($($handler:ident),+ $(,)?) => {{
        let routes = $crate::Routes::new();
        $(let routes = $crate::reexported::paste! {
            $crate::describe!(
                routes.add(
                    <[<__path_ $handler>] as $crate::reexported::Path>::path(),
                    &<[<__path_ $handler>] as $crate::reexported::Path>::methods(),
                    $handler,
                ),
                [<__path_ $handler>]
            )
        };)+
        routes
    }};
}

/// Adds the description of an operation, where anybody asks for it.
#[cfg(feature = "openapi")]
#[macro_export]
#[doc(hidden)]
macro_rules! describe {
    ($routes:expr, $path:ident) => {
        $routes.described::<$path>()
    };
}

/// Adds the description of an operation, where anybody asks for it.
#[cfg(not(feature = "openapi"))]
#[macro_export]
#[doc(hidden)]
macro_rules! describe {
    ($routes:expr, $path:ident) => {
        $routes
    };
}

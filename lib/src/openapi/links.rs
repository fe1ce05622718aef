//! What one does next with an answer: links from operation to operation.

use serde_json::{Value, json};
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// Where a value of an answer goes.
enum To {
    /// A parameter of the path or the query.
    Parameter(&'static str),
    /// A field of the body.
    Field(&'static str),
}
use To::{Field, Parameter};

/// An answer of an operation, the operation that follows, the place in the
/// answer, and where it goes there.
const LINKS: [(&str, &str, &str, &str, To); 41] = [
    (
        "auth.register.register",
        "201",
        "auth.refresh.renew",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "auth.login.login",
        "200",
        "auth.refresh.renew",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "auth.login.login",
        "200",
        "auth.logout.logout",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "auth.login.login",
        "401",
        "auth.login.login",
        "/challenge",
        Field("challenge"),
    ),
    (
        "auth.refresh.renew",
        "200",
        "auth.refresh.renew",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "sessions.list",
        "200",
        "sessions.id.end",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "sessions.list",
        "200",
        "sessions.list",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "auth.providers.list",
        "200",
        "auth.oauth.provider.begin",
        "/items/0/name",
        Parameter("provider"),
    ),
    (
        "auth.identities.list",
        "200",
        "auth.identities.unlink",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "classes.list.list",
        "200",
        "classes.details.show",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "classes.list.list",
        "200",
        "classes.list.list",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "classes.schedule.show",
        "200",
        "classes.availability.show",
        "/items/0/id",
        Parameter("ids"),
    ),
    (
        "classes.schedule.show",
        "200",
        "bookings.create.create",
        "/items/0/id",
        Field("scheduledClassId"),
    ),
    (
        "classes.schedule.show",
        "200",
        "admin.bookings.roster",
        "/items/0/id",
        Parameter("scheduledClassId"),
    ),
    (
        "classes.schedule.show",
        "200",
        "admin.bookings.book",
        "/items/0/id",
        Field("scheduledClassId"),
    ),
    (
        "classes.schedule.show",
        "200",
        "admin.schedule.remove",
        "/items/0/id",
        Parameter("occurrenceId"),
    ),
    (
        "bookings.create.create",
        "201",
        "bookings.cancel.cancel",
        "/id",
        Field("bookingId"),
    ),
    (
        "bookings.create.create",
        "201",
        "bookings.payment.start",
        "/id",
        Field("bookingId"),
    ),
    (
        "bookings.create.create",
        "201",
        "bookings.payment.show",
        "/id",
        Parameter("bookingId"),
    ),
    (
        "bookings.create.create",
        "201",
        "admin.bookings.change",
        "/id",
        Field("bookingId"),
    ),
    (
        "bookings.list.list",
        "200",
        "bookings.cancel.cancel",
        "/items/0/id",
        Field("bookingId"),
    ),
    (
        "bookings.list.list",
        "200",
        "bookings.payment.show",
        "/items/0/id",
        Parameter("bookingId"),
    ),
    (
        "calendar.token.make",
        "201",
        "calendar.read",
        "/token",
        Parameter("token"),
    ),
    (
        "cross-app.token.issue",
        "200",
        "cross-app.validate.validate",
        "/token",
        Field("token"),
    ),
    (
        "cross-app.token.issue",
        "200",
        "cross-app.revoke.revoke",
        "/token",
        Field("token"),
    ),
    (
        "admin.classes.enter",
        "201",
        "admin.classes.change",
        "/id",
        Field("id"),
    ),
    (
        "admin.classes.enter",
        "201",
        "admin.classes.retire",
        "/id",
        Parameter("id"),
    ),
    (
        "admin.classes.enter",
        "201",
        "classes.details.show",
        "/id",
        Parameter("id"),
    ),
    (
        "admin.instructors.enter",
        "201",
        "admin.instructors.change",
        "/id",
        Field("id"),
    ),
    (
        "admin.instructors.enter",
        "201",
        "admin.instructors.retire",
        "/id",
        Parameter("id"),
    ),
    (
        "admin.schedule.list",
        "200",
        "admin.schedule.remove",
        "/items/0/id",
        Parameter("patternId"),
    ),
    (
        "admin.bookings.roster",
        "200",
        "admin.bookings.change",
        "/items/0/bookingId",
        Field("bookingId"),
    ),
    (
        "admin.bookings.book",
        "201",
        "admin.bookings.change",
        "/id",
        Field("bookingId"),
    ),
    (
        "admin.users.list",
        "200",
        "admin.users.change",
        "/items/0/id",
        Field("id"),
    ),
    (
        "admin.users.list",
        "200",
        "admin.security-events.list",
        "/items/0/id",
        Parameter("userId"),
    ),
    (
        "admin.users.list",
        "200",
        "admin.users.list",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "admin.apps.enter",
        "201",
        "admin.apps.change",
        "/id",
        Field("id"),
    ),
    (
        "admin.apps.enter",
        "201",
        "cross-app.token.issue",
        "/name",
        Field("targetApp"),
    ),
    (
        "admin.accounts.make",
        "201",
        "admin.accounts.change",
        "/id",
        Field("id"),
    ),
    (
        "admin.accounts.make",
        "201",
        "cross-app.token.issue",
        "/id",
        Field("accountId"),
    ),
    (
        "admin.contacts.list",
        "200",
        "admin.contacts.process",
        "/items/0/id",
        Field("id"),
    ),
];

/// Adds every link to the answer that it begins with.
///
/// # Panics
///
/// When one names an operation or an answer that there is not.
pub(super) fn add(document: &mut OpenApi) {
    for (from, status, to, pointer, place) in LINKS {
        let known = operations(document).any(|operation| is(operation, to));
        assert!(known, "a link leads to {to}, which does not exist");
        let from_operation = operations(document).find(|operation| is(operation, from));
        let response =
            from_operation.and_then(|operation| operation.responses.responses.get_mut(status));
        let Some(RefOr::T(response)) = response else {
            panic!("a link begins with {status} of {from}, which does not exist");
        };
        let name = format!("{to}.{}", place.name());
        response
            .links
            .insert(name, RefOr::T(link(to, pointer, &place)));
    }
}

fn link(to: &str, pointer: &str, place: &To) -> Link {
    let value = format!("$response.body#{pointer}");
    let link = Link::builder().operation_id(to);
    match place {
        Parameter(name) => link.parameter(*name, value),
        Field(name) => link.request_body(Some(json!({ *name: Value::String(value) }))),
    }
    .build()
}

impl To {
    fn name(&self) -> &'static str {
        match self {
            Parameter(name) | Field(name) => name,
        }
    }
}

fn is(operation: &Operation, id: &str) -> bool {
    operation.operation_id.as_deref() == Some(id)
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(of_path)
}

/// The operations of a path.
pub(super) fn of_path(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}

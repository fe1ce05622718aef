//! Links from a response to the operations that use its values.

use serde_json::{Value, json};
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// Where the target operation takes the value.
enum Target {
    /// A parameter of the path or the query.
    Parameter(&'static str),
    /// A field of the body.
    Field(&'static str),
}
use Target::{Field, Parameter};

/// The links. Each has the source operation, the status of its response, the target
/// operation, a JSON pointer into the response body, and where the target takes the
/// value.
const LINKS: [(&str, &str, &str, &str, Target); 45] = [
    (
        "registerMember",
        "201",
        "refreshTokens",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "signIn",
        "200",
        "refreshTokens",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "signIn",
        "200",
        "signOut",
        "/refreshToken",
        Field("refreshToken"),
    ),
    ("signIn", "401", "signIn", "/challenge", Field("challenge")),
    (
        "refreshTokens",
        "200",
        "refreshTokens",
        "/refreshToken",
        Field("refreshToken"),
    ),
    (
        "listSessions",
        "200",
        "endSession",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "listSessions",
        "200",
        "listSessions",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "listProviders",
        "200",
        "startProviderSignIn",
        "/items/0/name",
        Parameter("provider"),
    ),
    (
        "listSignInMethods",
        "200",
        "unlinkProvider",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "listClassTypes",
        "200",
        "getClassType",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "listClassTypes",
        "200",
        "listClassTypes",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "listInstructors",
        "200",
        "getInstructor",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "listInstructors",
        "200",
        "listInstructors",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "listInstructors",
        "200",
        "listSchedule",
        "/items/0/id",
        Parameter("instructor"),
    ),
    (
        "listSchedule",
        "200",
        "getOccurrence",
        "/items/0/id",
        Parameter("id"),
    ),
    (
        "listSchedule",
        "200",
        "listAvailability",
        "/items/0/id",
        Parameter("ids"),
    ),
    (
        "listSchedule",
        "200",
        "createBooking",
        "/items/0/id",
        Field("scheduledClassId"),
    ),
    (
        "listSchedule",
        "200",
        "listRoster",
        "/items/0/id",
        Parameter("scheduledClassId"),
    ),
    (
        "listSchedule",
        "200",
        "createBookingForMember",
        "/items/0/id",
        Field("scheduledClassId"),
    ),
    (
        "listSchedule",
        "200",
        "removeTimetableEntry",
        "/items/0/id",
        Parameter("occurrenceId"),
    ),
    (
        "createBooking",
        "201",
        "cancelBooking",
        "/id",
        Field("bookingId"),
    ),
    (
        "createBooking",
        "201",
        "startBookingPayment",
        "/id",
        Field("bookingId"),
    ),
    (
        "createBooking",
        "201",
        "getBookingPayment",
        "/id",
        Parameter("bookingId"),
    ),
    (
        "createBooking",
        "201",
        "updateBooking",
        "/id",
        Field("bookingId"),
    ),
    (
        "listBookings",
        "200",
        "cancelBooking",
        "/items/0/id",
        Field("bookingId"),
    ),
    (
        "listBookings",
        "200",
        "getBookingPayment",
        "/items/0/id",
        Parameter("bookingId"),
    ),
    (
        "createCalendarToken",
        "201",
        "getCalendar",
        "/token",
        Parameter("token"),
    ),
    (
        "createCrossAppToken",
        "200",
        "validateCrossAppToken",
        "/token",
        Field("token"),
    ),
    (
        "createCrossAppToken",
        "200",
        "revokeCrossAppToken",
        "/token",
        Field("token"),
    ),
    (
        "createClassType",
        "201",
        "updateClassType",
        "/id",
        Field("id"),
    ),
    (
        "createClassType",
        "201",
        "retireClassType",
        "/id",
        Parameter("id"),
    ),
    (
        "createClassType",
        "201",
        "getClassType",
        "/id",
        Parameter("id"),
    ),
    (
        "createInstructor",
        "201",
        "updateInstructor",
        "/id",
        Field("id"),
    ),
    (
        "createInstructor",
        "201",
        "retireInstructor",
        "/id",
        Parameter("id"),
    ),
    (
        "listWeeklyClasses",
        "200",
        "removeTimetableEntry",
        "/items/0/id",
        Parameter("patternId"),
    ),
    (
        "listRoster",
        "200",
        "updateBooking",
        "/items/0/bookingId",
        Field("bookingId"),
    ),
    (
        "createBookingForMember",
        "201",
        "updateBooking",
        "/id",
        Field("bookingId"),
    ),
    ("listUsers", "200", "updateUser", "/items/0/id", Field("id")),
    (
        "listUsers",
        "200",
        "listSecurityEvents",
        "/items/0/id",
        Parameter("userId"),
    ),
    (
        "listUsers",
        "200",
        "listUsers",
        "/nextCursor",
        Parameter("cursor"),
    ),
    (
        "createPartnerApp",
        "201",
        "updatePartnerApp",
        "/id",
        Field("id"),
    ),
    (
        "createPartnerApp",
        "201",
        "createCrossAppToken",
        "/name",
        Field("targetApp"),
    ),
    (
        "createOrganization",
        "201",
        "updateOrganization",
        "/id",
        Field("id"),
    ),
    (
        "createOrganization",
        "201",
        "createCrossAppToken",
        "/id",
        Field("accountId"),
    ),
    (
        "listContactSubmissions",
        "200",
        "updateContactSubmission",
        "/items/0/id",
        Field("id"),
    ),
];

/// Adds the links to the responses of their source operations.
///
/// # Panics
///
/// Panics when a link names an operation or a response that does not exist.
pub(super) fn add(document: &mut OpenApi) {
    for (source_id, status, target_id, pointer, target) in LINKS {
        let target_exists = operations(document).any(|operation| has_id(operation, target_id));
        assert!(
            target_exists,
            "a link leads to {target_id}, which does not exist"
        );
        let source = operations(document).find(|operation| has_id(operation, source_id));
        let response = source.and_then(|operation| operation.responses.responses.get_mut(status));
        let Some(RefOr::T(response)) = response else {
            panic!("a link starts at {status} of {source_id}, which does not exist");
        };
        let name = format!("{target_id}.{}", target.name());
        response
            .links
            .insert(name, RefOr::T(link(target_id, pointer, &target)));
    }
}

fn link(target_id: &str, pointer: &str, target: &Target) -> Link {
    let value = format!("$response.body#{pointer}");
    let link = Link::builder().operation_id(target_id);
    match target {
        Parameter(name) => link.parameter(*name, value),
        Field(name) => link.request_body(Some(json!({ *name: Value::String(value) }))),
    }
    .build()
}

impl Target {
    fn name(&self) -> &'static str {
        match self {
            Parameter(name) | Field(name) => name,
        }
    }
}

fn has_id(operation: &Operation, id: &str) -> bool {
    operation.operation_id.as_deref() == Some(id)
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(operations_of)
}

/// Returns the operations of a path.
pub(super) fn operations_of(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
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

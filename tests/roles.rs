//! The roles that may call each operation.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Map, json};

use crate::conventions::{api_description, example, operations};
use crate::harness::{CRON_SECRET, TestApp, TestClient};

/// The access rule of each operation, for a request with the body `{}`. New operations must be
/// added here.
const PERMISSIONS: &[(&str, &str, Access)] = &[
    ("DELETE", "/api/admin/classes", Access::Staff),
    ("DELETE", "/api/admin/closures", Access::Staff),
    ("DELETE", "/api/admin/instructors", Access::Staff),
    ("DELETE", "/api/admin/rooms", Access::Staff),
    ("DELETE", "/api/admin/schedule", Access::Staff),
    ("DELETE", "/api/auth/identities", Access::Member),
    ("DELETE", "/api/auth/me", Access::Member),
    ("DELETE", "/api/auth/two-factor", Access::Member),
    ("DELETE", "/api/calendar/token", Access::Member),
    ("DELETE", "/api/session/sessions", Access::Admin),
    ("DELETE", "/api/sessions", Access::Member),
    ("DELETE", "/api/sessions/{id}", Access::Member),
    ("GET", "/api/admin/accounts", Access::Admin),
    ("GET", "/api/admin/analytics", Access::Staff),
    ("GET", "/api/admin/apps", Access::Admin),
    ("GET", "/api/admin/bookings", Access::Staff),
    ("GET", "/api/admin/classes", Access::Staff),
    ("GET", "/api/admin/cleanup-sessions", Access::Cron),
    ("GET", "/api/admin/closures", Access::Staff),
    ("GET", "/api/admin/contacts", Access::Staff),
    ("GET", "/api/admin/course-classes", Access::Staff),
    ("GET", "/api/admin/course-members", Access::Staff),
    ("GET", "/api/admin/credit", Access::Staff),
    ("GET", "/api/admin/dashboard", Access::Staff),
    ("GET", "/api/admin/events", Access::Staff),
    ("GET", "/api/admin/failed-refunds", Access::Staff),
    ("GET", "/api/admin/fees", Access::Staff),
    ("GET", "/api/admin/instructors", Access::Staff),
    ("GET", "/api/admin/member-bookings", Access::Staff),
    ("GET", "/api/admin/members", Access::Staff),
    ("GET", "/api/admin/memberships", Access::Staff),
    ("GET", "/api/admin/orders", Access::Staff),
    ("GET", "/api/admin/pass-changes", Access::Staff),
    ("GET", "/api/admin/passes", Access::Staff),
    ("GET", "/api/admin/payments", Access::Staff),
    ("GET", "/api/admin/products", Access::Staff),
    ("GET", "/api/admin/promo-codes", Access::Staff),
    ("GET", "/api/admin/reports", Access::Staff),
    ("GET", "/api/admin/rooms", Access::Staff),
    ("GET", "/api/admin/schedule", Access::Staff),
    ("GET", "/api/admin/security-events", Access::Admin),
    ("GET", "/api/admin/users", Access::Admin),
    ("GET", "/api/auth/identities", Access::Member),
    ("GET", "/api/auth/mail-preferences", Access::Member),
    ("GET", "/api/auth/me", Access::Member),
    (
        "GET",
        "/api/auth/oauth/callback/{provider}",
        Access::Everyone,
    ),
    ("GET", "/api/auth/oauth/{provider}", Access::Everyone),
    ("GET", "/api/auth/providers", Access::Everyone),
    ("GET", "/api/auth/session", Access::Member),
    ("GET", "/api/auth/two-factor", Access::Member),
    ("GET", "/api/auth/unsubscribe", Access::Everyone),
    ("GET", "/api/bookings/list", Access::Member),
    ("GET", "/api/bookings/payment", Access::Member),
    ("GET", "/api/calendar", Access::Everyone),
    ("GET", "/api/classes/availability", Access::Everyone),
    ("GET", "/api/classes/details", Access::Everyone),
    ("GET", "/api/classes/list", Access::Everyone),
    ("GET", "/api/classes/occurrence", Access::Everyone),
    ("GET", "/api/classes/preview", Access::Everyone),
    ("GET", "/api/classes/schedule", Access::Everyone),
    ("GET", "/api/crawlers", Access::Everyone),
    ("GET", "/api/events", Access::Member),
    ("GET", "/api/health", Access::Everyone),
    ("GET", "/api/instructors", Access::Everyone),
    ("GET", "/api/instructors/details", Access::Everyone),
    ("GET", "/api/session/sessions", Access::Admin),
    ("GET", "/api/session/test-session", Access::Everyone),
    ("GET", "/api/sessions", Access::Member),
    ("GET", "/api/shop/courses", Access::Everyone),
    ("GET", "/api/shop/cover", Access::Member),
    ("GET", "/api/shop/credit", Access::Member),
    ("GET", "/api/shop/membership", Access::Member),
    ("GET", "/api/shop/order", Access::Member),
    ("GET", "/api/shop/passes", Access::Member),
    ("GET", "/api/shop/products", Access::Everyone),
    ("GET", "/api/shop/receipts", Access::Member),
    ("GET", "/api/studio", Access::Everyone),
    ("GET", "/api/teaching/classes", Access::Instructor),
    ("GET", "/api/teaching/roster", Access::Instructor),
    ("PATCH", "/api/admin/accounts", Access::Admin),
    ("PATCH", "/api/admin/apps", Access::Admin),
    ("PATCH", "/api/admin/bookings", Access::Staff),
    ("PATCH", "/api/admin/classes", Access::Staff),
    ("PATCH", "/api/admin/closures", Access::Staff),
    ("PATCH", "/api/admin/contacts", Access::Staff),
    ("PATCH", "/api/admin/failed-refunds", Access::Staff),
    ("PATCH", "/api/admin/instructors", Access::Staff),
    ("PATCH", "/api/admin/memberships", Access::Staff),
    ("PATCH", "/api/admin/orders", Access::Staff),
    ("PATCH", "/api/admin/passes", Access::Staff),
    ("PATCH", "/api/admin/products", Access::Staff),
    ("PATCH", "/api/admin/promo-codes", Access::Staff),
    ("PATCH", "/api/admin/rooms", Access::Staff),
    ("PATCH", "/api/admin/schedule", Access::Staff),
    ("PATCH", "/api/admin/users", Access::Admin),
    ("PATCH", "/api/auth/mail-preferences", Access::Member),
    ("PATCH", "/api/auth/me", Access::Member),
    ("PATCH", "/api/shop/membership", Access::Member),
    ("POST", "/api/admin/accounts", Access::Admin),
    ("POST", "/api/admin/apps", Access::Admin),
    ("POST", "/api/admin/bookings", Access::Staff),
    ("POST", "/api/admin/check-ins", Access::Staff),
    ("POST", "/api/admin/classes", Access::Staff),
    ("POST", "/api/admin/cleanup-sessions", Access::CronOrAdmin),
    ("POST", "/api/admin/closures", Access::Staff),
    ("POST", "/api/admin/credit", Access::Staff),
    ("POST", "/api/admin/init-db", Access::CronOrAdmin),
    ("POST", "/api/admin/instructors", Access::Staff),
    ("POST", "/api/admin/medical-notes", Access::Staff),
    ("POST", "/api/admin/members", Access::Staff),
    ("POST", "/api/admin/orders", Access::Staff),
    ("POST", "/api/admin/products", Access::Staff),
    ("POST", "/api/admin/promo-codes", Access::Staff),
    ("POST", "/api/admin/rooms", Access::Staff),
    ("POST", "/api/admin/schedule", Access::Staff),
    ("POST", "/api/auth/change-email", Access::Member),
    ("POST", "/api/auth/change-password", Access::Member),
    ("POST", "/api/auth/forgot-password", Access::Everyone),
    ("POST", "/api/auth/login", Access::Everyone),
    ("POST", "/api/auth/logout", Access::Everyone),
    (
        "POST",
        "/api/auth/oauth/callback/{provider}",
        Access::Everyone,
    ),
    ("POST", "/api/auth/refresh", Access::Everyone),
    ("POST", "/api/auth/register", Access::Everyone),
    ("POST", "/api/auth/reset-password", Access::Everyone),
    ("POST", "/api/auth/two-factor", Access::ConfirmedMember),
    ("POST", "/api/auth/unsubscribe", Access::Everyone),
    ("POST", "/api/auth/verify-email", Access::Member),
    ("POST", "/api/bookings/cancel", Access::Member),
    ("POST", "/api/bookings/create", Access::ConfirmedMember),
    ("POST", "/api/bookings/payment", Access::Member),
    ("POST", "/api/calendar/token", Access::ConfirmedMember),
    ("POST", "/api/contact/submit", Access::Everyone),
    ("POST", "/api/cross-app/revoke", Access::MemberOrPartner),
    ("POST", "/api/cross-app/token", Access::ConfirmedMember),
    ("POST", "/api/cross-app/validate", Access::Partner),
    ("POST", "/api/payments/webhook", Access::Everyone),
    ("POST", "/api/shop/gift-card", Access::Everyone),
    ("POST", "/api/shop/membership", Access::ConfirmedMember),
    ("POST", "/api/shop/membership-portal", Access::Member),
    ("POST", "/api/shop/order", Access::ConfirmedMember),
    ("POST", "/api/shop/price", Access::ConfirmedMember),
    ("POST", "/api/teaching/check-ins", Access::Instructor),
    ("PUT", "/api/admin/course-classes", Access::Staff),
    ("PUT", "/api/auth/two-factor", Access::ConfirmedMember),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Access {
    Everyone,
    Member,
    /// A member who has confirmed their e-mail address.
    ConfirmedMember,
    /// A member who is linked to an active instructor.
    Instructor,
    Staff,
    Admin,
    /// A partner application, which sends its name and secret.
    Partner,
    MemberOrPartner,
    CronOrAdmin,
    /// Only cron. The operation is a GET that changes data, and any site can make a
    /// browser send a GET.
    Cron,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Visitor,
    /// A visitor with an anonymous session.
    Anonymous,
    UnconfirmedMember,
    Member,
    Instructor,
    RetiredInstructor,
    Staff,
    Admin,
    Partner,
    Cron,
}

fn is_allowed(access: Access, role: Role) -> bool {
    match access {
        Access::Everyone => true,
        Access::Member => {
            role == Role::UnconfirmedMember || is_allowed(Access::ConfirmedMember, role)
        }
        Access::ConfirmedMember => matches!(
            role,
            Role::Member | Role::Instructor | Role::RetiredInstructor | Role::Staff | Role::Admin
        ),
        Access::Instructor => role == Role::Instructor,
        Access::Staff => matches!(role, Role::Staff | Role::Admin),
        Access::Admin => role == Role::Admin,
        Access::Partner => role == Role::Partner,
        Access::MemberOrPartner => role == Role::Partner || is_allowed(Access::Member, role),
        Access::CronOrAdmin => matches!(role, Role::Admin | Role::Cron),
        Access::Cron => role == Role::Cron,
    }
}

async fn client_with_role(app: &TestApp, role: Role) -> TestClient {
    match role {
        Role::Visitor | Role::Partner | Role::Cron => app.visitor(),
        Role::Anonymous => {
            let visitor = app.visitor();
            visitor.visit_twice().await;
            visitor
        }
        Role::UnconfirmedMember => app.unconfirmed_member("ana").await,
        Role::Member => app.member("ana").await,
        Role::Instructor => app.instructor("marisol").await.0,
        Role::RetiredInstructor => {
            let (person, _) = app.instructor("marisol").await;
            app.sql("update instructors set is_active = false").await;
            person
        }
        Role::Staff => app.staff("sofia").await,
        Role::Admin => app.admin("admin").await,
    }
}

#[tokio::test]
async fn every_operation_is_allowed_for_exactly_the_listed_roles() {
    let mut described = operations();
    described.sort_by_key(|(method, path)| (method.to_string(), path.clone()));
    let listed: Vec<_> = PERMISSIONS
        .iter()
        .map(|(method, path, _)| (method.parse::<Method>().unwrap(), (*path).to_owned()))
        .collect();
    assert_eq!(
        listed, described,
        "the table and the API description list different operations"
    );

    let roles = [
        Role::Visitor,
        Role::Anonymous,
        Role::UnconfirmedMember,
        Role::Member,
        Role::Instructor,
        Role::RetiredInstructor,
        Role::Staff,
        Role::Admin,
        Role::Partner,
        Role::Cron,
    ];
    join_all(roles.map(check_every_operation)).await;
}

#[test]
fn the_api_description_states_the_access_of_every_operation() {
    let document = api_description();
    let session = ["session", "accessToken"];
    for (method, path, access) in PERMISSIONS {
        let security = &document["paths"][*path][method.to_lowercase()]["security"];
        let mut expected = match access {
            Access::Everyone => vec![],
            Access::Partner => vec!["partner"],
            Access::Cron => vec!["cron"],
            Access::CronOrAdmin => [&["cron"], &session[..]].concat(),
            Access::MemberOrPartner => [&session[..], &["partner"]].concat(),
            _ => session.to_vec(),
        };
        let schemes = security.as_array().unwrap();
        let schemes = schemes.iter().map(|scheme| scheme.as_object().unwrap());
        // A token in the body of the request takes the place of the session.
        let is_optional = *path == "/api/auth/verify-email";
        assert_eq!(schemes.clone().any(Map::is_empty), is_optional, "{path}");
        let mut schemes: Vec<_> = schemes.flat_map(Map::keys).collect();
        schemes.sort_unstable();
        expected.sort_unstable();
        assert_eq!(schemes, expected, "{method} {path}");
    }
}

async fn check_every_operation(role: Role) {
    let mut caller = Caller::new(role).await;
    for (method, path, access) in PERMISSIONS {
        let method: Method = method.parse().unwrap();
        let mut request = caller.client.request(method.clone(), &example(path));
        match role {
            Role::Cron => request = request.bearer_auth(CRON_SECRET),
            Role::Partner => request = request.basic_auth("ticket-shop", Some(&caller.secret)),
            _ => {}
        }
        if method != Method::GET {
            request = request.json(&json!({}));
        }
        let response = caller.client.send(request).await;
        let rejected = matches!(response.status, 401 | 403);
        assert_eq!(
            !rejected,
            is_allowed(*access, role),
            "{role:?} {method} {path}: {}",
            response.text
        );
        // The request may have ended the session.
        if method != Method::GET && response.status < 300 {
            caller = Caller::new(role).await;
        }
    }
}

/// A client with a role, and its own application.
struct Caller {
    client: TestClient,
    secret: String,
    _app: TestApp,
}

impl Caller {
    async fn new(role: Role) -> Self {
        let app = TestApp::start().await;
        Self {
            client: client_with_role(&app, role).await,
            secret: app.register_partner_app("ticket-shop").await,
            _app: app,
        }
    }
}

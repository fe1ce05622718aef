//! Every function for every role: the table of the specification, nothing more.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::conventions::{example, operations};
use crate::harness::{CRON_SECRET, Person, TestApp};

/// Who may call what. A new function has to be added here to pass.
const TABLE: &[(&str, &str, Who)] = &[
    ("DELETE", "/api/admin/classes", Who::Staff),
    ("DELETE", "/api/admin/instructors", Who::Staff),
    ("DELETE", "/api/admin/schedule", Who::Staff),
    ("DELETE", "/api/auth/identities", Who::Member),
    ("DELETE", "/api/auth/me", Who::Member),
    ("DELETE", "/api/auth/two-factor", Who::Member),
    ("DELETE", "/api/calendar/token", Who::Member),
    ("DELETE", "/api/session/sessions", Who::Admin),
    ("DELETE", "/api/sessions", Who::Member),
    ("DELETE", "/api/sessions/{id}", Who::Member),
    ("GET", "/api/admin/accounts", Who::Admin),
    ("GET", "/api/admin/analytics", Who::Staff),
    ("GET", "/api/admin/apps", Who::Admin),
    ("GET", "/api/admin/bookings", Who::Staff),
    ("GET", "/api/admin/classes", Who::Staff),
    ("GET", "/api/admin/cleanup-sessions", Who::CronAlone),
    ("GET", "/api/admin/contacts", Who::Staff),
    ("GET", "/api/admin/dashboard", Who::Staff),
    ("GET", "/api/admin/instructors", Who::Staff),
    ("GET", "/api/admin/schedule", Who::Staff),
    ("GET", "/api/admin/security-events", Who::Admin),
    ("GET", "/api/admin/users", Who::Admin),
    ("GET", "/api/auth/identities", Who::Member),
    ("GET", "/api/auth/me", Who::Member),
    ("GET", "/api/auth/oauth/callback/{provider}", Who::Visitor),
    ("GET", "/api/auth/oauth/{provider}", Who::Visitor),
    ("GET", "/api/auth/providers", Who::Visitor),
    ("GET", "/api/auth/session", Who::Member),
    ("GET", "/api/auth/two-factor", Who::Member),
    ("GET", "/api/bookings/list", Who::Member),
    ("GET", "/api/bookings/payment", Who::Member),
    ("GET", "/api/calendar", Who::Visitor),
    ("GET", "/api/classes/availability", Who::Visitor),
    ("GET", "/api/classes/details", Who::Visitor),
    ("GET", "/api/classes/list", Who::Visitor),
    ("GET", "/api/classes/schedule", Who::Visitor),
    ("GET", "/api/events", Who::Member),
    ("GET", "/api/health", Who::Visitor),
    ("GET", "/api/session/sessions", Who::Admin),
    ("GET", "/api/session/test-session", Who::Visitor),
    ("GET", "/api/sessions", Who::Member),
    ("PATCH", "/api/admin/accounts", Who::Admin),
    ("PATCH", "/api/admin/apps", Who::Admin),
    ("PATCH", "/api/admin/bookings", Who::Staff),
    ("PATCH", "/api/admin/classes", Who::Staff),
    ("PATCH", "/api/admin/contacts", Who::Staff),
    ("PATCH", "/api/admin/instructors", Who::Staff),
    ("PATCH", "/api/admin/schedule", Who::Staff),
    ("PATCH", "/api/admin/users", Who::Admin),
    ("PATCH", "/api/auth/me", Who::Member),
    ("POST", "/api/admin/accounts", Who::Admin),
    ("POST", "/api/admin/apps", Who::Admin),
    ("POST", "/api/admin/bookings", Who::Staff),
    ("POST", "/api/admin/classes", Who::Staff),
    ("POST", "/api/admin/cleanup-sessions", Who::CronOrAdmin),
    ("POST", "/api/admin/init-db", Who::CronOrAdmin),
    ("POST", "/api/admin/instructors", Who::Staff),
    ("POST", "/api/admin/schedule", Who::Staff),
    ("POST", "/api/auth/change-email", Who::Member),
    ("POST", "/api/auth/change-password", Who::Member),
    ("POST", "/api/auth/forgot-password", Who::Visitor),
    ("POST", "/api/auth/login", Who::Visitor),
    ("POST", "/api/auth/logout", Who::Visitor),
    ("POST", "/api/auth/oauth/callback/{provider}", Who::Visitor),
    ("POST", "/api/auth/refresh", Who::Visitor),
    ("POST", "/api/auth/register", Who::Visitor),
    ("POST", "/api/auth/reset-password", Who::Visitor),
    ("POST", "/api/auth/two-factor", Who::Member),
    ("POST", "/api/auth/verify-email", Who::Member),
    ("POST", "/api/bookings/cancel", Who::Member),
    ("POST", "/api/bookings/create", Who::Member),
    ("POST", "/api/bookings/payment", Who::Member),
    ("POST", "/api/calendar/token", Who::Member),
    ("POST", "/api/contact/submit", Who::Visitor),
    ("POST", "/api/cross-app/revoke", Who::MemberOrPartner),
    ("POST", "/api/cross-app/token", Who::Member),
    ("POST", "/api/cross-app/validate", Who::Partner),
    ("POST", "/api/payments/webhook", Who::Visitor),
    ("PUT", "/api/auth/two-factor", Who::Member),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Visitor,
    Member,
    Staff,
    Admin,
    /// An application, by name and secret.
    Partner,
    MemberOrPartner,
    CronOrAdmin,
    /// A GET that changes something is no page's to make.
    CronAlone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Visitor,
    Anonymous,
    Member,
    Staff,
    Admin,
    Partner,
    Cron,
}

fn allowed(who: Who, role: Role) -> bool {
    match who {
        Who::Visitor => true,
        Who::Member => matches!(role, Role::Member | Role::Staff | Role::Admin),
        Who::Staff => matches!(role, Role::Staff | Role::Admin),
        Who::Admin => role == Role::Admin,
        Who::Partner => role == Role::Partner,
        Who::MemberOrPartner => role == Role::Partner || allowed(Who::Member, role),
        Who::CronOrAdmin => matches!(role, Role::Admin | Role::Cron),
        Who::CronAlone => role == Role::Cron,
    }
}

async fn somebody(app: &TestApp, role: Role) -> Person {
    match role {
        Role::Visitor | Role::Partner | Role::Cron => app.visitor(),
        Role::Anonymous => {
            let visitor = app.visitor();
            visitor.get("/api/session/test-session").await.expect(200);
            visitor
        }
        Role::Member => app.member("ana").await,
        Role::Staff => app.staff("sofia").await,
        Role::Admin => app.admin("admin").await,
    }
}

#[tokio::test]
async fn every_function_for_every_role() {
    let mut described: Vec<_> = operations();
    described.sort_by_key(|(method, path)| (method.to_string(), path.clone()));
    let listed: Vec<_> = TABLE
        .iter()
        .map(|(method, path, _)| (method.parse::<Method>().unwrap(), (*path).to_owned()))
        .collect();
    assert_eq!(listed, described, "the table and the functions differ");

    let roles = [
        Role::Visitor,
        Role::Anonymous,
        Role::Member,
        Role::Staff,
        Role::Admin,
        Role::Partner,
        Role::Cron,
    ];
    join_all(roles.map(every_function_for)).await;
}

async fn every_function_for(role: Role) {
    let mut scene = Scene::new(role).await;
    for (method, path, who) in TABLE {
        let method: Method = method.parse().unwrap();
        let mut request = scene.person.request(method.clone(), &example(path));
        match role {
            Role::Cron => request = request.bearer_auth(CRON_SECRET),
            Role::Partner => request = request.basic_auth("ticket-shop", Some(&scene.secret)),
            _ => {}
        }
        if method != Method::GET {
            request = request.json(&json!({}));
        }
        let answer = scene.person.send(request).await;
        let refused = matches!(answer.status, 401 | 403);
        assert_eq!(
            !refused,
            allowed(*who, role),
            "{role:?} {method} {path}: {}",
            answer.text
        );
        // What was done may have ended the session.
        if method != Method::GET && answer.status < 300 {
            scene = Scene::new(role).await;
        }
    }
}

/// A studio, and somebody of a role in it.
struct Scene {
    person: Person,
    secret: String,
    _app: TestApp,
}

impl Scene {
    async fn new(role: Role) -> Self {
        let app = TestApp::start().await;
        Self {
            person: somebody(&app, role).await,
            secret: app.partner("ticket-shop").await,
            _app: app,
        }
    }
}

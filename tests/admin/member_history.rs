//! What staff see of one member: `api/admin/members.rs`, `member-bookings.rs`, `payments.rs`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use crate::bookings::{book, cancel};
use crate::harness::TestApp;

fn ids(items: &[Value]) -> Vec<Value> {
    items.iter().map(|item| item["id"].clone()).collect()
}

#[tokio::test]
async fn staff_read_the_bookings_and_payments_of_one_member_page_by_page() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let mut bookings = Vec::new();
    for _ in 0..3 {
        let class = app.create_class(2).await;
        let booking = book(&ana, class).await.expect(201);
        perform_action(&staff, &booking, "markPaid")
            .await
            .expect(200);
        bookings.push(booking["id"].clone());
        let other = book(&ben, class).await.expect(201);
        perform_action(&staff, &other, "markPaid").await.expect(200);
    }
    cancel(&ana, &json!({ "id": bookings[0] }))
        .await
        .expect(200);
    let id = ana.user_id().await;
    let id = id.as_str().unwrap();

    let path = format!("/api/admin/member-bookings?memberId={id}&limit=2");
    assert_eq!(ids(&staff.get_all(&path).await), bookings);
    let cancelled = staff.get_all(&format!("{path}&status=cancelled")).await;
    assert_eq!(ids(&cancelled), bookings[..1]);
    let past = staff.get_all(&format!("{path}&when=past")).await;
    assert_eq!(past, [] as [Value; 0]);

    let path = format!("/api/admin/payments?memberId={id}&limit=2");
    let payments = staff.get_all(&path).await;
    let mut of_bookings: Vec<_> = payments
        .iter()
        .map(|item| item["bookingId"].clone())
        .collect();
    of_bookings.reverse();
    assert_eq!(of_bookings, bookings);
    let due = staff.get_all(&format!("{path}&status=refund_due")).await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0]["bookingId"], bookings[0]);
    let paid = staff.get_all(&format!("{path}&status=paid")).await;
    assert_eq!(paid.len(), 2);

    let found = staff.get_all(&format!("/api/admin/members?id={id}")).await;
    assert_eq!(ids(&found), [json!(id)]);
    assert_eq!(found[0]["email"], "ana@example.com");
}

#[tokio::test]
async fn an_unknown_member_has_no_history_and_an_invalid_id_is_rejected() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let id = Uuid::now_v7();
    for path in [
        "members?id=",
        "member-bookings?memberId=",
        "payments?memberId=",
    ] {
        let found = staff.get_all(&format!("/api/admin/{path}{id}")).await;
        assert_eq!(found, [] as [Value; 0], "{path}");
        let name = path.split(['?', '=']).nth(1).unwrap();
        let rejected = staff.get(&format!("/api/admin/{path}x")).await;
        super::assert_rejects_only(&rejected, name);
    }
    let missing = staff.get("/api/admin/member-bookings").await;
    super::assert_rejects_only(&missing, "memberId");
}

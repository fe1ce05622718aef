//! `api/bookings/list.rs`

use chrono::TimeDelta;

use super::book;
use crate::harness::{NewClass, TestApp};

#[tokio::test]
async fn upcoming_bookings_are_ascending_and_past_bookings_descending() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for starts_in in [30.0, 10.0, 20.0] {
        let class = app
            .create_class_with(NewClass {
                starts_in,
                ..NewClass::default()
            })
            .await;
        book(&ana, class).await.expect(201);
    }
    let start_times = async |query: &str| {
        let path = format!("/api/bookings/list?limit=1{query}");
        let bookings = ana.get_all(&path).await;
        let starts = bookings
            .iter()
            .map(|booking| &booking["class"]["startTime"]);
        starts
            .map(|start| start.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let upcoming = start_times("").await;
    assert_eq!(upcoming.len(), 3);
    assert!(upcoming.is_sorted());
    app.app.clock().advance(TimeDelta::seconds(25 * 3_600));
    let past = start_times("&when=past").await;
    assert_eq!(past, [upcoming[1].clone(), upcoming[0].clone()]);
    assert_eq!(start_times("&when=upcoming").await, [upcoming[2].clone()]);
    ana.get("/api/bookings/list?when=never")
        .await
        .expect_code(400, "validation_failed");
    let ben = app.member("ben").await;
    let empty_list = ben.get("/api/bookings/list").await.expect(200);
    assert_eq!(empty_list["items"].as_array().unwrap().len(), 0);
}

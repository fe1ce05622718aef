//! `api/bookings/list.rs`

use chrono::TimeDelta;
use serde_json::Value;

use super::book;
use crate::harness::{NewClass, TestApp};

#[tokio::test]
async fn upcoming_bookings_are_ascending_and_past_bookings_descending() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for starts_in in [30.0, 10.0, 20.0] {
        let class = app
            .create_class_with(NewClass {
                starts_in: Some(starts_in),
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

#[tokio::test]
async fn a_booking_whose_class_moves_before_the_cursor_is_returned_on_the_next_page() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut bookings = Vec::new();
    for starts_in in [10.0, 20.0, 30.0] {
        let class = NewClass {
            starts_in: Some(starts_in),
            ..NewClass::default()
        };
        let class = app.create_class_with(class).await;
        bookings.push(book(&ana, class).await.expect(201));
    }
    // Reads the first page, moves a class, and reads the other pages.
    let read_while_moving = async |period: &str, moved: usize, hours: u32| {
        let path = format!("/api/bookings/list?when={period}&limit=1");
        let first_page = ana.get(&path).await.expect(200);
        let class = bookings[moved]["scheduledClassId"].as_str().unwrap();
        app.sql(&format!(
            "update scheduled_classes set start_time = now() + interval '{hours} hours',
                end_time = now() + interval '{hours} hours 30 minutes'
            where id = '{class}'"
        ))
        .await;
        let cursor = first_page["nextCursor"].as_str().unwrap();
        let mut read = vec![first_page["items"][0].clone()];
        read.extend(ana.get_all(&format!("{path}&cursor={cursor}")).await);
        for booking in &bookings {
            let is_same = |item: &Value| item["id"] == booking["id"];
            assert!(read.iter().any(is_same), "{period}: {read:?}");
        }
    };
    read_while_moving("upcoming", 2, 5).await;
    app.app.clock().advance(TimeDelta::hours(60));
    // Past bookings start with the latest class, which is now the one at 20 hours.
    read_while_moving("past", 0, 50).await;
}

//! Inserts rows with chosen times, to check reports against.

use uuid::Uuid;

use crate::harness::TestApp;

/// Inserts a class of this type, with its own instructor and room.
pub async fn insert_class(app: &TestApp, class_type: &str, starts: &str, spots: i32) -> Uuid {
    let id = Uuid::now_v7();
    let class_type = class_type.replace('\'', "''");
    app.sql(&format!(
        "with instructor as (
            insert into instructors (id, name) values (gen_random_uuid(), 'Marisol Vega') returning id
        ), type as (
            insert into class_types (id, name, price_per_class) values (gen_random_uuid(), '{class_type}', 25)
            on conflict (name) do update set price_per_class = 25 returning id
        )
        insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time, end_time,
            max_participants, room)
        select '{id}', type.id, instructor.id, '{class_type}', t, t + interval '1 hour', {spots}, 'Room {id}'
        from instructor, type, (select timestamptz '{starts}' as t) start"
    ))
    .await;
    id
}

/// Inserts a booking of a long-standing member.
pub async fn insert_booking(app: &TestApp, class: Uuid, status: &str, made: &str) -> Uuid {
    let id = Uuid::now_v7();
    app.sql(&format!(
        "with member as (
            insert into users (id, email, first_name, last_name, created_at)
            values (gen_random_uuid(), '{id}@example.net', 'Some', 'Body', '2001-01-01') returning id
        )
        insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position, price,
            currency, created_at)
        select '{id}', member.id, '{class}', '{status}',
            case '{status}' when 'waitlisted' then nextval('waitlist_tickets') end, 25, 'USD', '{made}'
        from member"
    ))
    .await;
    id
}

/// Cancels a booking.
pub async fn cancel_booking(app: &TestApp, booking: Uuid, at: &str, late: bool) {
    app.sql(&format!(
        "update bookings set status = 'cancelled', waitlist_position = null, cancelled_at = '{at}', late_cancellation = {late}
        where id = '{booking}'"
    ))
    .await;
}

/// Inserts a payment; it is refunded if `refunded` is a time.
pub async fn insert_payment(
    app: &TestApp,
    booking: Uuid,
    amount: &str,
    paid: &str,
    refunded: Option<&str>,
) {
    let (status, refunded) = match refunded {
        None => ("paid", "null".to_owned()),
        Some(at) => ("refunded", format!("'{at}'")),
    };
    let (amount, currency) = amount.split_once(' ').unwrap();
    app.sql(&format!(
        "insert into payments (id, booking_id, user_id, amount, currency, method, status, paid_at, refunded_at)
        select gen_random_uuid(), id, user_id, {amount}, '{currency}', 'desk', '{status}', '{paid}', {refunded}
        from bookings where id = '{booking}'"
    ))
    .await;
}

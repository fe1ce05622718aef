//! Inserts rows with chosen times, for the tests of the reports.

use uuid::Uuid;

use crate::harness::TestApp;

/// Inserts a class of one hour, with its own instructor and room. Creates the class type if
/// it does not exist.
pub async fn insert_class(app: &TestApp, class_type: &str, start: &str, spots: i32) -> Uuid {
    let id = Uuid::now_v7();
    let class_type = class_type.replace('\'', "''");
    app.sql(&format!(
        "with instructor as (
            insert into instructors (id, name) values (gen_random_uuid(), 'Marisol Vega') returning id
        ), type as (
            insert into class_types (id, name, price_per_class) values (gen_random_uuid(), '{class_type}', 25)
            on conflict (name_key(name)) do update set price_per_class = 25 returning id
        )
        insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time, end_time,
            max_participants, room)
        select '{id}', type.id, instructor.id, '{class_type}', t, t + interval '1 hour', {spots}, 'Room {id}'
        from instructor, type, (select timestamptz '{start}' as t) start"
    ))
    .await;
    id
}

/// Inserts a booking and its member, who registered in 2001.
pub async fn insert_booking(app: &TestApp, class: Uuid, status: &str, created_at: &str) -> Uuid {
    let id = Uuid::now_v7();
    app.sql(&format!(
        "with member as (
            insert into users (id, email, first_name, last_name, created_at)
            values (gen_random_uuid(), '{id}@example.net', 'Some', 'Body', '2001-01-01') returning id
        )
        insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position, price,
            currency, created_at)
        select '{id}', member.id, '{class}', '{status}',
            case '{status}' when 'waitlisted' then nextval('waitlist_tickets') end, 25, 'USD', '{created_at}'
        from member"
    ))
    .await;
    id
}

pub async fn cancel_booking(app: &TestApp, booking: Uuid, cancelled_at: &str, late: bool) {
    app.sql(&format!(
        "update bookings set status = 'cancelled', waitlist_position = null, cancelled_at = '{cancelled_at}', late_cancellation = {late}
        where id = '{booking}'"
    ))
    .await;
}

/// Inserts a payment at the desk, which is refunded if `refunded_at` is set.
pub async fn insert_payment(
    app: &TestApp,
    booking: Uuid,
    amount: &str,
    paid_at: &str,
    refunded_at: Option<&str>,
) {
    let (status, refunded_at) = match refunded_at {
        None => ("paid", "null".to_owned()),
        Some(time) => ("refunded", format!("'{time}'")),
    };
    let (amount, currency) = amount.split_once(' ').unwrap();
    app.sql(&format!(
        "insert into payments (id, booking_id, user_id, amount, currency, method, status, paid_at, refunded_at)
        select gen_random_uuid(), id, user_id, {amount}, '{currency}', 'desk', '{status}', '{paid_at}', {refunded_at}
        from bookings where id = '{booking}'"
    ))
    .await;
}

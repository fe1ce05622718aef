drop function book_class(
    uuid, uuid, uuid, boolean, timestamptz, interval, interval, interval, integer, text
);
drop function count_upcoming_bookings(uuid, scheduled_classes, timestamptz);
drop function find_reusable_payment(uuid, uuid, boolean);

drop index bookings_cancelled_member_idx;
drop trigger bookings_free_until on bookings;
alter table bookings drop column free_until;
drop function keep_free_until();
drop function default_cancellation_window();

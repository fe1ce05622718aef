//! E-mails that remind members: of booked classes, and of passes that end soon.
//!
//! Each statement queues a batch of at most `$1` e-mails, with a row for each. The row is unique,
//! so concurrent runs queue each e-mail once, and a run that fails queues none of its batch. Each
//! statement returns the number of queued e-mails.

use crate::store::statement::Statement;

/// Queues reminders of classes that start 2 to 24 hours after the time `$2`. Members who got their
/// spot less than 24 hours before the start are skipped, because an e-mail has just told them. A
/// class that moves gets a reminder for its new time.
// A promotion from the waitlist leaves no time in the booking, but it has queued an e-mail.
pub static QUEUE_CLASS_REMINDERS: Statement = Statement::new(
    "reminder.classes",
    "with due as materialized (
        select b.id, c.start_time, u.email
        from scheduled_classes c
        join bookings b on b.scheduled_class_id = c.id
        join users u on u.id = b.user_id
        where c.start_time between $2::timestamptz + interval '2 hours' and $2 + interval '24 hours'
          and not c.is_cancelled and b.status = 'booked'
          and u.is_active and not 'reminders' = any (u.muted_categories)
          and coalesce(b.entered_at, b.booked_at) <= c.start_time - interval '24 hours'
          and not exists (
            select from class_reminders r where r.booking_id = b.id and r.start_time = c.start_time)
          and not exists (
            select from mail_outbox m
            where m.recipient = u.email and m.created_at > c.start_time - interval '24 hours'
              and m.kind = 'booking_promoted' and m.payload ->> 'bookingId' = b.id::text
              and m.dropped is null and not 'waitlist' = any (u.muted_categories))
        order by c.start_time, b.id limit $1
    ), recorded as (
        insert into class_reminders (booking_id, start_time) select id, start_time from due
        on conflict on constraint class_reminders_key do nothing
        returning booking_id, start_time
    ), queued as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), due.email, 'class_reminder',
            jsonb_build_object('bookingId', due.id, 'startTime', due.start_time)
        from recorded join due on due.id = recorded.booking_id
    )
    select count(*) from recorded",
);

/// Queues e-mails about passes that have classes left and end within seven days after the day `$2`.
/// A pass of at most eight days is skipped, because its end was told when it was bought. The passes
/// of memberships are skipped, because the next period follows, or the end of the membership has an
/// e-mail of its own. If the last day changes, there is an e-mail about the new one.
pub static QUEUE_PASS_REMINDERS: Statement = Statement::new(
    "reminder.passes",
    "with due as materialized (
        select p.id, p.last_day, u.id as user_id, u.email
        from passes p join users u on u.id = p.user_id
        where p.status = 'live' and p.membership_id is null
          and p.last_day > $2 and p.last_day <= $2 + 7
          and p.first_day < p.last_day - 7
          and (p.credits is null or p.credits_used < p.credits)
          and u.is_active and not 'passes' = any (u.muted_categories)
          and not exists (
            select from pass_reminders r where r.pass_id = p.id and r.last_day = p.last_day)
        order by p.last_day, p.id limit $1
    ), recorded as (
        insert into pass_reminders (pass_id, last_day) select id, last_day from due
        on conflict on constraint pass_reminders_key do nothing
        returning pass_id
    ), queued as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), due.email, 'pass_ending',
            jsonb_build_object('userId', due.user_id, 'passId', due.id, 'lastDay', due.last_day)
        from recorded join due on due.id = recorded.pass_id
    )
    select count(*) from recorded",
);

//! A year of a busy studio for measurements: `cargo dev seed --year`.

use anyhow::{Result, bail};
use chrono::TimeDelta;
use sabor::crypto::password::{Hasher, Password};
use sabor::runtime::config::StudioConfig;
use sabor_testing::progress::status;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::PASSWORD;
use super::local_starts::{self, LocalStarts};

/// The statements in order, with progress messages. They read the studio's current date,
/// its currency and a password hash from settings.
const STEPS: [(&str, &str); 12] = [
    ("5 000 members", MEMBERS),
    ("8 class types", CLASS_TYPES),
    ("8 instructors", INSTRUCTORS),
    ("48 weekly classes", WEEKLY_CLASSES),
    ("2 900 occurrences", OCCURRENCES),
    ("100 000 bookings", BOOKINGS),
    ("the payments", PAYMENTS),
    ("8 000 sessions", SESSIONS),
    ("800 contact submissions", CONTACT_SUBMISSIONS),
    ("60 000 security events", SECURITY_EVENTS),
    ("a year of counters", COUNTERS),
    ("member events", MEMBER_EVENTS),
];

/// Adds the year in one transaction.
///
/// # Errors
///
/// Fails if the database already has the year, or if the generated rows are
/// inconsistent.
pub(crate) async fn add(client: &mut Client, studio: &StudioConfig) -> Result<()> {
    let exists = "select exists (select from users where email = 'year1@example.com')";
    if client.query_one(exists, &[]).await?.get(0) {
        bail!("this database already has a year of data. `cargo dev reset` deletes it");
    }
    let (zone, today) = local_starts::today(studio)?;
    let hash = Hasher::new(1).hash(Password::submitted(PASSWORD)).await?;
    let transaction = client.transaction().await?;
    // Settings instead of parameters: not every statement uses all three, and Postgres
    // cannot infer the type of an unused parameter.
    let settings =
        "select set_config('seed.today', $1, true), set_config('seed.currency', $2, true),
        set_config('seed.hash', $3, true)";
    let values: [&(dyn ToSql + Sync); 3] = [&today.to_string(), &studio.currency, &hash];
    transaction.execute(settings, &values).await?;
    for (what, statement) in STEPS {
        status(&format!("  writing {what} …"));
        if statement == OCCURRENCES {
            let first = today - TimeDelta::days(365);
            let local = LocalStarts::read(&transaction, &zone, first, today).await?;
            transaction
                .execute(statement, &[&local.dates, &local.times, &local.starts])
                .await?;
        } else {
            transaction.batch_execute(statement).await?;
        }
    }
    transaction.commit().await?;
    client.batch_execute("vacuum analyze").await?;
    match client.query_opt(INCONSISTENCIES, &[]).await? {
        None => Ok(()),
        Some(row) => bail!(
            "the generated data is inconsistent: {}",
            row.get::<_, String>(0)
        ),
    }
}

const MEMBERS: &str = "
    insert into users (id, email, password_hash, first_name, last_name, phone, is_active,
        email_verified_at, created_at)
    select md5('year member ' || n)::uuid, 'year' || n || '@example.com', current_setting('seed.hash'),
        (array['Alma', 'Bruno', 'Carla', 'Dario', 'Eva', 'Félix', 'Gloria', 'Héctor', 'Inés', 'Juan',
            'Katia', 'Lorenzo', 'Mónica', 'Nico', 'Olga', 'Pedro', 'Quique'])[1 + n % 17],
        (array['Abad', 'Bravo', 'Cano', 'Durán', 'Esteban', 'Franco', 'Gil', 'Haro', 'Iglesias', 'Jurado',
            'León', 'Marín', 'Nieto', 'Ochoa', 'Prado', 'Quintana', 'Rey', 'Salas', 'Toro'])[1 + n % 19],
        '+1 303 555 ' || lpad((n % 10000)::text, 4, '0'), n % 50 > 0, created, created
    from generate_series(1, 5000) n
    cross join lateral (
        -- Half of them registered before the year, the others during it.
        select now() - make_interval(mins => case when n % 2 = 0 then 525600 + n else n * 105 end)
    ) t (created)";

const CLASS_TYPES: &str = "
    insert into class_types (id, name, styles, duration_minutes, max_participants, price_per_class)
    select md5('year class type ' || n)::uuid, name || ' (year)', array[lower(name)], 60, 40, 16 + n
    from unnest(array['Salsa', 'Bachata', 'Merengue', 'Cumbia', 'Rumba', 'Mambo', 'Kizomba', 'Zouk'])
        with ordinality as t (name, n)";

const INSTRUCTORS: &str = "
    insert into instructors (id, name, hourly_rate)
    select md5('year instructor ' || n)::uuid, 'Instructor ' || n, 40 + n from generate_series(1, 8) n";

// Monday to Saturday, four rooms, two classes an evening in each. An instructor stays
// in one room for the evening. The classes have the numbers 8 to 55.
const WEEKLY_CLASSES: &str = "
    insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room, effective_from)
    select md5('year pattern ' || n)::uuid, md5('year class type ' || 1 + n % 8)::uuid,
        md5('year instructor ' || 1 + room + 4 * (day % 2))::uuid, day,
        time '18:00' + make_interval(mins => 75 * slot), 60, 36, 'Hall ' || 1 + room,
        current_setting('seed.today')::date - 365
    from generate_series(1, 6) day, generate_series(0, 1) slot, generate_series(0, 3) room,
        lateral (select day * 8 + slot * 4 + room) t (n)";

// Every fifth future occurrence has fewer spots than there are requests.
const OCCURRENCES: &str = "
    insert into scheduled_classes (id, class_type_id, instructor_id, class_schedule_id,
        occurrence_date, title, start_time, end_time, max_participants, room, is_cancelled)
    select md5('year occurrence ' || s.id || ' ' || date)::uuid, s.class_type_id,
        s.instructor_id, s.id, date, c.name, starts, starts + interval '1 hour',
        case when starts > now() and row_number() over (order by starts, s.id) % 5 = 0 then 24 else 36 end,
        s.room, false
    from class_schedules s
    join class_types c on c.id = s.class_type_id
    join unnest($1::date[], $2::time[], $3::timestamptz[]) as local (date, time, starts)
        on local.time = s.start_time and extract(dow from date) = s.day_of_week
    where s.id in (select md5('year pattern ' || n)::uuid from generate_series(8, 55) n)";

// 100 000 requests, distributed over the occurrences in turn. 131 and 5 000 are
// coprime, so no member gets the same occurrence twice.
const BOOKINGS: &str = "
    with classes as (
        select id, start_time, max_participants,
            row_number() over (order by start_time, id) - 1 as number, count(*) over () as many,
            start_time < now() as past,
            (select price_per_class from class_types p where p.id = c.class_type_id) as price
        from scheduled_classes c
        where class_schedule_id in (select md5('year pattern ' || n)::uuid from generate_series(8, 55) n)
    ), requests as (
        select c.*, n, md5('year member ' || 1 + (c.number * 37 + n / c.many * 131) % 5000)::uuid as user_id,
            n * 7919 % 1009 as die
        from generate_series(0, 99999) n
        join classes c on c.number = n % (select count(*) from classes)
    ), ranked as (
        select *, die < 120 as booking_is_cancelled, die < 30 and past as late,
            row_number() over (partition by id, die < 120 order by n) as rank,
            -- Future occurrences were booked over the last eight weeks.
            least(start_time, now()) - make_interval(mins => 1200
                + case when past then die * 13 else n * 31 % 80000 end) as made_at
        from requests
    )
    insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position, price,
        currency, booked_at, cancelled_at, late_cancellation, created_at, updated_at)
    select md5('year booking ' || n)::uuid, user_id, id, status,
        case status when 'waitlisted' then nextval('waitlist_tickets') end, price,
        current_setting('seed.currency'), made_at,
        case when not booking_is_cancelled then null when late then start_time - interval '4 hours'
            else made_at + (least(now(), start_time - interval '18 hours') - made_at) * (1 + n % 8) / 10 end,
        late, made_at, made_at
    from ranked cross join lateral (
        select case when booking_is_cancelled then 'cancelled'
            when rank > max_participants then 'waitlisted'
            when not past then 'booked'
            when die > 960 then 'no_show'
            else 'attended' end as status
    ) decided
    order by start_time, id, rank";

const PAYMENTS: &str = "
    insert into payments (id, booking_id, user_id, amount, currency, method, status, provider,
        provider_reference, provider_payment, paid_at, refunded_at, created_at, updated_at)
    select md5('year payment ' || b.id)::uuid, b.id, b.user_id, b.price, b.currency,
        case when card then 'card' else 'desk' end, decided.status,
        case when card then 'stripe' end,
        case when card then 'cs_test_year_' || md5(b.id::text) end,
        case when card then 'pi_year_' || md5(b.id::text) end,
        case when decided.status <> 'pending' then b.created_at + interval '4 minutes' end,
        case decided.status when 'refunded' then b.cancelled_at + interval '1 minute' end,
        b.created_at, b.created_at
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    cross join lateral (
        select ('x' || substr(md5(b.id::text), 1, 2))::bit(8)::int % 3 > 0 as card
    ) rolls
    cross join lateral (
        select case
            when b.status = 'cancelled' and not b.late_cancellation
                then case when card or b.cancelled_at < now() - interval '2 days' then 'refunded' else 'refund_due' end
            when b.status = 'booked' and not card then 'pending'
            else 'paid' end as status
    ) decided
    where c.class_schedule_id in (select md5('year pattern ' || n)::uuid from generate_series(8, 55) n)
      and b.status <> 'waitlisted'";

// A tenth of the sessions are expired, and another tenth are anonymous.
const SESSIONS: &str = "
    insert into user_sessions (id, user_id, session_key, ip_address, user_agent, login_method,
        created_at, last_activity, expires_at, absolute_expires_at)
    select md5('year session ' || n)::uuid,
        case when n % 10 > 0 then md5('year member ' || 1 + n % 5000)::uuid end,
        encode(sha256(convert_to('year ' || n, 'UTF8')), 'hex'), '192.0.2.1',
        'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1',
        case when n % 10 > 0 then 'password' else 'anonymous' end,
        now() - interval '2 days', now() - make_interval(mins => n % 1400),
        case when n % 10 = 1 then now() - interval '1 minute' else now() + make_interval(mins => 1440 - n % 1400) end,
        now() + interval '5 days'
    from generate_series(1, 8000) n";

const CONTACT_SUBMISSIONS: &str = "
    insert into contact_submissions (id, name, email, subject, message, is_processed, processed_at, created_at)
    select md5('year contact ' || n)::uuid, 'Visitor ' || n, 'visitor' || n || '@example.net',
        'A question', 'Is there a class for somebody who has never danced?', n > 25,
        case when n > 25 then now() - make_interval(hours => 10 * n - 5) end,
        now() - make_interval(hours => 10 * n)
    from generate_series(1, 800) n";

const SECURITY_EVENTS: &str = "
    insert into security_events (id, user_id, kind, ip, created_at)
    select md5('year event ' || n)::uuid, md5('year member ' || 1 + n % 5000)::uuid,
        case when n % 40 = 0 then 'sign_in_failed' else 'signed_in' end, '192.0.2.1',
        now() - make_interval(secs => 525.6 * n)
    from generate_series(1, 60000) n";

const COUNTERS: &str = "
    insert into daily_counters (day, name, count)
    select (now() at time zone 'utc')::date - ago, name, per_day + (ago * 37 + per_day) % 50
    from generate_series(0, 365) ago, (values
        ('sessions_created', 160), ('sessions_ended', 90), ('sessions_revoked', 4),
        ('sessions_expired', 60), ('redis_hits', 21000), ('redis_misses', 650), ('redis_away', 0)
    ) as t (name, per_day)
    on conflict (day, name) do update set count = daily_counters.count + excluded.count";

const MEMBER_EVENTS: &str = "
    insert into member_events (id, user_id, kind, data, created_at)
    select gen_random_uuid(), user_id, 'booking_confirmed',
        jsonb_build_object('bookingId', id, 'scheduledClassId', scheduled_class_id), created_at
    from bookings
    where status = 'booked' and created_at > now() - interval '3 days'
      and user_id in (select md5('year member ' || n)::uuid from generate_series(1, 5000) n)
    order by user_id";

// Checks only the rows of the year. A developer may have changed others.
const INCONSISTENCIES: &str = "
    with classes as (
        select * from scheduled_classes
        where class_schedule_id in (select md5('year pattern ' || n)::uuid from generate_series(8, 55) n)
    ), booked as (
        select b.* from bookings b join classes c on c.id = b.scheduled_class_id
    )
    select 'an occurrence counts ' || c.current_participants || ' of ' || count(b.id) || ' spots'
    from classes c
    left join booked b on b.scheduled_class_id = c.id and b.status in ('booked', 'attended', 'no_show')
    group by c.id, c.current_participants having c.current_participants <> count(b.id)
    union all
    select 'an occurrence has a waitlist and a free spot' from classes c
    where current_participants < max_participants and start_time > now()
      and exists (select from bookings b where b.scheduled_class_id = c.id and b.status = 'waitlisted')
    union all
    select 'a booking has a time in the future' from booked where created_at > now() or cancelled_at > now()
    union all
    select 'a booking was cancelled before it was created' from booked where cancelled_at < created_at
    union all
    select 'a payment was refunded before it was paid' from payments p join booked b on b.id = p.booking_id
    where refunded_at < paid_at
    limit 1";

//! A demo studio: class types, instructors, a timetable, members and bookings.
//!
//! Every row has the same ID in each run, so that a second run does not add it again.
//! A run on a later day adds the occurrences of new days.

use anyhow::Result;
use chrono::TimeDelta;
use sabor::runtime::config::StudioConfig;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::local_starts::{self, LocalStarts};

/// Adds the rows that are missing.
pub(super) async fn add(
    client: &impl GenericClient,
    studio: &StudioConfig,
    password_hash: &str,
) -> Result<()> {
    let (zone, today) = local_starts::today(studio)?;
    let first = today - TimeDelta::days(21);
    client.execute(CLASS_TYPES, &[]).await?;
    client.execute(PRODUCTS, &[]).await?;
    client.execute(PRODUCT_CLASS_TYPES, &[]).await?;
    client.execute(COURSE, &[]).await?;
    client.execute(INSTRUCTORS, &[]).await?;
    client.execute(WEEKLY_CLASSES, &[&first]).await?;
    client.execute(MEMBERS, &[&password_hash]).await?;
    let local = LocalStarts::read(client, &zone, first, today).await?;
    let rows = client
        .query(OCCURRENCES, &[&local.dates, &local.times, &local.starts])
        .await?;
    // Only new occurrences get bookings. A developer may have cancelled bookings of the
    // existing ones.
    let new_occurrences: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    client
        .execute(
            BOOKINGS,
            &[
                &new_occurrences,
                &studio.currency,
                &studio.cancellation_window.as_secs_f64(),
                &studio.free_cancellation_grace.as_secs_f64(),
            ],
        )
        .await?;
    client.execute(PAYMENTS, &[&new_occurrences]).await?;
    client.execute(COURSE_CLASSES, &[]).await?;
    client.execute(CONTACT_SUBMISSIONS, &[]).await?;
    Ok(())
}

const CLASS_TYPES: &str = "
    insert into class_types (id, name, description, styles, difficulty_level, duration_minutes,
        max_participants, price_per_class, image_url)
    select md5('demo class type ' || number)::uuid, name, description, styles, level, minutes, places, price,
        '/img/classes/' || picture || '.svg'
    from (values
        (1, 'Salsa Foundations', 'Your first class. You learn the basic step, the right turn and how to lead or follow, and you dance a whole song before you go home. No partner and no experience needed; we change partners every few minutes.',
            '{salsa}'::text[], 'beginner', 60, 20, 18.00, 'salsa-foundations'),
        (2, 'Salsa On2', 'New York style, on the second beat. We take one turn pattern apart, drill the footwork on its own and put it back together at full speed. You should be comfortable with cross-body leads and single turns.',
            '{salsa,mambo}', 'intermediate', 75, 18, 22.00, 'salsa-on2'),
        (3, 'Bachata Basics', 'Side steps, box steps and the hip movement that makes bachata bachata. The music is slow enough to think, so this is a gentle way to start dancing with a partner. Come in any shoes that slide a little.',
            '{bachata}', 'beginner', 60, 20, 18.00, 'bachata-basics'),
        (4, 'Bachata Sensual', 'Body waves, isolations and the connection that carries them from one partner to the other. Half the class is technique on your own, half is dancing together. Come when the bachata basic step needs no thought.',
            '{bachata}', 'intermediate', 75, 16, 22.00, 'bachata-sensual'),
        (5, 'Merengue & Cumbia', 'Two party dances in one hour, with almost no counting. You sweat, you laugh, and you can use everything at the next wedding. Good for families and for people who think that they cannot dance.',
            '{merengue,cumbia}', 'all-levels', 60, 24, 16.00, 'merengue-cumbia'),
        (6, 'Cha-cha-chá Technique', 'Precise footwork, straight legs and a calm upper body. We work on timing and balance at the barre before we dance in couples. It makes every other Latin dance cleaner.',
            '{cha-cha-chá}', 'intermediate', 60, 16, 20.00, 'cha-cha-cha'),
        (7, 'Afro-Cuban Rumba', 'Guaguancó, yambú and columbia, with the stories behind the gestures. Once a month, percussionists play live. The tempo is high and the knees stay bent: you need two years of dancing or strong legs.',
            '{rumba,afro-cuban}', 'advanced', 90, 14, 25.00, 'afro-cuban-rumba'),
        (8, 'Ladies’ Styling', 'Arms, hands, spins and walks, danced without a partner in front of the mirror. You leave with one short combination that fits into any salsa. Everyone who wants to style is welcome, in heels or in sneakers.',
            '{salsa,styling}', 'all-levels', 60, 18, 20.00, 'ladies-styling'),
        (9, 'Social Práctica', 'An evening to dance what you have learned. One instructor walks around and answers questions, the playlist goes from salsa to bachata to merengue, and nobody stays on a chair for long.',
            '{salsa,bachata,merengue}', 'all-levels', 90, 30, 10.00, 'social-practica')
    ) as t (number, name, description, styles, level, minutes, places, price, picture)
    on conflict do nothing";

const PRODUCTS: &str = "
    insert into products (id, kind, name, description, price, credits, days, starts, per_member)
    select md5('demo product ' || number)::uuid, 'pass', name, description, price, credits, days,
        starts, per_member
    from (values
        (1, 'Two weeks to try', 'Come as often as you like for two weeks, and find out what you like.',
            39.00, null, 14, 'first_class', 1),
        (2, 'Five classes', 'For a class now and then.', 85.00, 5, 60, 'purchase', null),
        (3, 'Ten classes', 'For one class a week, with some weeks to spare.', 150.00, 10, 120, 'purchase', null),
        (4, 'Unlimited month', 'All classes of the month, as many as your feet can take.', 129.00, null, 30, 'first_class', null),
        (5, 'Ten prácticas', 'Ten evenings of Social Práctica.', 80.00, 10, 180, 'purchase', null)
    ) as t (number, name, description, price, credits, days, starts, per_member)
    on conflict do nothing";

const PRODUCT_CLASS_TYPES: &str = "
    insert into product_class_types (product_id, class_type_id)
    values (md5('demo product 5')::uuid, md5('demo class type 9')::uuid)
    on conflict do nothing";

const COURSE: &str = "
    insert into products (id, kind, name, description, price, drop_in)
    values (md5('demo product 6')::uuid, 'course', 'Salsa on Sundays',
        'Six Sundays with Daniel, from the basic step to a whole song. You keep your spot in all of them.',
        90.00, true)
    on conflict do nothing";

// The course has the next six of its weekly classes, and keeps them.
const COURSE_CLASSES: &str = "
    update scheduled_classes set course_id = md5('demo product 6')::uuid
    where id in (
        select id from scheduled_classes
        where class_schedule_id = md5('demo pattern 32')::uuid and start_time > now()
          and not is_cancelled
        order by start_time limit 6)
      and not exists (
        select from scheduled_classes where course_id = md5('demo product 6')::uuid)";

const INSTRUCTORS: &str = "
    insert into instructors (id, name, user_id, bio, specialties, certifications,
        experience_years, hourly_rate, profile_image_url)
    select md5('demo instructor ' || number)::uuid, name,
        (select id from users where users.email = t.email), bio, specialties, certifications,
        years, rate, '/img/instructors/' || picture || '.svg'
    from (values
        (1, 'Sofia Marin', 'sofia@sabor.dev', 'Sofia grew up in Cali, where the neighbors danced salsa in the street on Sundays. She founded the studio in 2014 and still teaches most of the beginners herself. If you are nervous, stand next to her.',
            '{salsa}'::text[], '{World Salsa Federation Teacher}'::text[], 15, 55.00, 'sofia-marin'),
        (2, 'Mateo Álvarez', null, 'Mateo learned mambo on the floors of the Bronx and danced in two companies in New York. He takes long patterns apart until they feel short. Expect a good deal of footwork, and a hat.',
            '{salsa,mambo}', '{}', 9, 48.00, 'mateo-alvarez'),
        (3, 'Camila Duarte', 'camila@sabor.dev', 'Camila has taught bachata in Santo Domingo and Madrid, and judges the regional championship. Her classes begin with ten minutes on your own body and end with a song in couples. She remembers every name.',
            '{bachata}', '{BachataStars Coach}', 11, 50.00, 'camila-duarte'),
        (4, 'Joaquín Peña', null, 'Joaquín played congas in Havana for twenty years before he taught anybody to dance. He teaches you to hear the clave first and to move second. On the last Friday of the month he brings his drums.',
            '{rumba,afro-cuban,merengue,cumbia}', '{}', 20, 52.00, 'joaquin-pena'),
        (5, 'Lucía Herrera', null, 'Lucía danced in competitions for ten years and holds a license of the Imperial Society. She sees the one thing that holds you back and says it kindly. Her cha-cha-chá class is the quickest way to better balance.',
            '{cha-cha-chá,styling}', '{Licentiate of the Imperial Society}', 12, 50.00, 'lucia-herrera'),
        (6, 'Daniel Okoro', null, 'Daniel took his first class here in 2017, on a bet, and never left. He teaches the lunch hours and the Sunday beginners, and knows what it is like to have two left feet. Bring your questions.',
            '{salsa,bachata}', '{}', 5, 42.00, 'daniel-okoro')
    ) as t (number, name, email, bio, specialties, certifications, years, rate, picture)
    on conflict do nothing";

// Number, weekday (0 is Sunday), time, room, class type, instructor.
const WEEKLY_CLASSES: &str = "
    insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room, effective_from)
    select md5('demo pattern ' || number)::uuid, c.id, i.id, day, time,
        c.duration_minutes, c.max_participants, room, $1::date
    from (values
        (1, 1, time '18:00', 'Studio A', 1, 1), (2, 1, '19:15', 'Studio A', 2, 2),
        (3, 1, '18:30', 'Studio B', 3, 3), (4, 1, '19:45', 'Studio B', 8, 5),
        (5, 2, '18:00', 'Studio A', 5, 4), (6, 2, '19:15', 'Studio A', 4, 3),
        (7, 2, '18:30', 'Studio B', 6, 5),
        (8, 3, '18:00', 'Studio A', 1, 1), (9, 3, '19:15', 'Studio A', 7, 4),
        (10, 3, '18:30', 'Studio B', 3, 3), (11, 3, '19:45', 'Studio B', 2, 2),
        (12, 4, '18:00', 'Studio A', 3, 3), (13, 4, '19:15', 'Studio A', 6, 5),
        (14, 4, '18:30', 'Studio B', 5, 4), (15, 4, '19:45', 'Studio B', 4, 3),
        (16, 5, '18:00', 'Studio A', 1, 1), (17, 5, '19:15', 'Studio A', 8, 5),
        (18, 5, '18:30', 'Studio B', 7, 4),
        (19, 6, '10:00', 'Studio A', 1, 1), (20, 6, '11:15', 'Studio A', 2, 2),
        (21, 6, '10:30', 'Studio B', 3, 3), (22, 6, '11:45', 'Studio B', 6, 5),
        (23, 6, '13:00', 'Studio A', 5, 4),
        (24, 0, '11:00', 'Studio A', 8, 5),
        (25, 1, '12:15', 'Studio A', 1, 6), (26, 2, '12:15', 'Studio A', 5, 4),
        (27, 3, '12:15', 'Studio A', 3, 6), (28, 4, '12:15', 'Studio A', 8, 5),
        (29, 5, '12:15', 'Studio A', 1, 6), (30, 2, '19:45', 'Studio B', 1, 6),
        (31, 5, '20:30', 'Studio A', 9, 2), (32, 0, '11:30', 'Studio B', 1, 6),
        (33, 0, '12:30', 'Studio A', 3, 3), (34, 0, '17:00', 'Studio A', 9, 6)
    ) as t (number, day, time, room, type, teacher)
    join class_types c on c.id = md5('demo class type ' || type)::uuid
    join instructors i on i.id = md5('demo instructor ' || teacher)::uuid
    on conflict do nothing";

const MEMBERS: &str = "
    insert into users (id, email, password_hash, first_name, last_name, phone, experience_level,
        email_verified_at, created_at)
    select md5('demo member ' || number)::uuid,
        translate(lower(first || '.' || last), 'áéíóúñü ', 'aeiounu') || '@example.com', $1,
        first, last,
        case when number % 3 > 0 then '+1 303 555 ' || lpad((100 + number)::text, 4, '0') end,
        (array['beginner', 'intermediate', 'advanced'])[1 + number % 7 % 3],
        now() - make_interval(days => 24 + (7 * number)::int),
        now() - make_interval(days => 24 + (7 * number)::int)
    from unnest(
        '{Valeria,Diego,Hannah,Marco,Elena,Tomás,Priya,Jonas,Carmen,Andre,Lucy,Rafael,Ingrid,Omar,
          Paula,Kenji,Beatriz,Sam,Noemí,Victor,Amelia,Hugo,Renata,Felix,Julia,Gael,Marta,Oscar,
          Clara,Bruno,Teresa,Leo,Adela,Pablo,Irene,Simón,Nadia,Emilio,Rosa,Iván}'::text[],
        '{Ortega,Fuentes,Keller,Bianchi,Santos,Vega,Raman,Lindqvist,Molina,Dubois,Walker,Núñez,
          Larsen,Haddad,Campos,Sato,Rocha,Okafor,Pastor,Hill,Grant,Serrano,Lima,Braun,Moreau,Cruz,
          Nowak,Rivas,Weiss,Costa,Blanco,Park,Quiroga,Soler,Vidal,Ríos,Petrova,Luna,Maldonado,
          Castro}'::text[]
    ) with ordinality as t (first, last, number)
    on conflict do nothing";

const OCCURRENCES: &str = "
    insert into scheduled_classes (id, class_type_id, instructor_id, class_schedule_id,
        occurrence_date, title, description, start_time, end_time, max_participants, room)
    select md5('demo occurrence ' || s.id || ' ' || local.date)::uuid, s.class_type_id,
        s.instructor_id, s.id, local.date, c.name, c.description,
        local.start, local.start + make_interval(mins => s.duration_minutes),
        s.max_participants, s.room
    from generate_series(1, 34) number
    join class_schedules s on s.id = md5('demo pattern ' || number)::uuid and s.is_active
    join class_types c on c.id = s.class_type_id and c.is_active
    join instructors i on i.id = s.instructor_id and i.is_active
    join unnest($1::date[], $2::time[], $3::timestamptz[]) as local (date, time, start)
        on local.time = s.start_time and extract(dow from local.date) = s.day_of_week
    where local.date >= s.effective_from
      and (s.effective_until is null or local.date <= s.effective_until)
    on conflict do nothing
    returning id";

// Hashes decide which members book, so that every run creates the same bookings. Each
// member uses one of the two rooms on a day, so that bookings do not overlap. Popular
// classes have more requests than spots, and so have a waitlist. Ana is first in line.
const BOOKINGS: &str = "
    with classes as (
        select c.*, start_time < now() as past, p.price_per_class as price,
            case when p.difficulty_level = 'advanced' or p.name = 'Bachata Sensual' then 100
                when c.start_time > now() + interval '4 weeks' then 15
                when c.start_time > now() + interval '2 weeks' then 35
                else 45 + ('x' || substr(md5(c.id::text), 1, 2))::bit(8)::int % 40 end as demand
        from scheduled_classes c join class_types p on p.id = c.class_type_id
        where c.id = any ($1)
    ), rolls as (
        select c.*, u.id as user_id, u.email = 'ana@sabor.dev' as is_ana, rolls.*
        from classes c
        join users u on u.email = 'ana@sabor.dev'
            or u.id in (select md5('demo member ' || n)::uuid from generate_series(1, 40) n)
        cross join lateral (
            select ('x' || substr(md5(u.id::text || c.id), 1, 6))::bit(24)::int as die,
                ('x' || substr(md5(u.id::text || c.occurrence_date), 1, 2))
                    ::bit(8)::int % 2 as room_of_the_day
        ) rolls
        where c.room = case room_of_the_day when 0 then 'Studio A' else 'Studio B' end
          and die % 100 < demand
          -- Ana has no bookings after nine days, so that a developer can book for her.
          and (u.email <> 'ana@sabor.dev'
              or die % 3 = 0 and c.start_time < now() + interval '9 days')
          and u.created_at < c.start_time - interval '3 days'
    ), ranked as (
        select *, die / 128 % 10 = 0 as booking_is_cancelled, die / 4096 % 3 = 0 as late,
            row_number() over (
                partition by id, die / 128 % 10 = 0 order by is_ana desc, die / 256, user_id
            ) as rank,
            -- The booking is made some days before the class, and never in the future.
            least(start_time, now()) - make_interval(hours => 16 + die / 512 % 120) as made_at
        from rolls
    )
    insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position, price,
        currency, booked_at, free_until, cancelled_at, late_cancellation, cancellation_reason,
        checked_in_at, created_at)
    select md5('demo booking ' || user_id || ' ' || id)::uuid, user_id, id, status,
        case status when 'waitlisted' then nextval('waitlist_tickets') end, price, $2, made_at,
        free_until, gone_at, coalesce(gone_at > free_until, false),
        case when booking_is_cancelled and die % 2 = 0 then 'Something came up at work' end,
        case status when 'attended' then start_time - make_interval(mins => 2 + die % 16) end,
        made_at
    from ranked cross join lateral (
        select case when booking_is_cancelled then 'cancelled'
            when rank > max_participants then 'waitlisted'
            when not past then 'booked'
            when die / 64 % 14 = 0 then 'no_show'
            else 'attended' end as status,
            case when not booking_is_cancelled then null when late and past then start_time - interval '3 hours'
                else made_at + (least(now(), start_time - interval '14 hours') - made_at)
                    * (1 + die / 1024 % 8) / 10 end as gone_at
    ) decided
    cross join lateral (
        select case when status <> 'waitlisted' then least(start_time,
            greatest(start_time - make_interval(secs => $3), made_at + make_interval(secs => $4)))
        end as free_until
    ) rule
    where not past or rank <= max_participants
    order by id, rank
    on conflict do nothing";

// Cards are charged at booking. Payments at the desk are made on arrival. Ana has paid for
// her upcoming bookings, so that the limit of unpaid bookings does not stop a developer who
// books for her.
const PAYMENTS: &str = "
    insert into payments (id, booking_id, user_id, amount, currency, method, status, provider,
        provider_reference, provider_payment, paid_at, refunded_at, created_at)
    select md5('demo payment ' || b.id)::uuid, b.id, b.user_id, b.price, b.currency,
        case when card then 'card' else 'desk' end, decided.status,
        case when card then 'stripe' end,
        case when card then 'cs_test_demo_' || md5(b.id::text) end,
        case when card then 'pi_demo_' || md5(b.id::text) end,
        case when decided.status <> 'pending' then
            case when card or c.start_time > now() or b.status = 'cancelled'
                then b.created_at + interval '4 minutes' else c.start_time - interval '10 minutes' end
        end,
        case decided.status when 'refunded' then b.cancelled_at + interval '1 minute' end,
        b.created_at
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    join users u on u.id = b.user_id
    cross join lateral (
        select ('x' || substr(md5(b.id::text), 1, 2))::bit(8)::int % 5 < 3 as card,
            ('x' || substr(md5(b.id::text), 3, 2))::bit(8)::int as die
    ) rolls
    cross join lateral (
        select case
            when b.status = 'cancelled' and not b.late_cancellation
                then case when card then 'refunded' else 'refund_due' end
            when card or b.status in ('attended', 'cancelled') or die % 3 = 0 then 'paid'
            when c.start_time > now() and u.email = 'ana@sabor.dev' then 'paid'
            else 'pending' end as status
    ) decided
    where b.scheduled_class_id = any ($1) and b.status <> 'waitlisted' and b.price > 0
      and b.id = md5('demo booking ' || b.user_id || ' ' || b.scheduled_class_id)::uuid
      -- A booking that was cancelled before its payment at the desk has no payment.
      and (card or b.status <> 'cancelled' or die % 4 = 0)
    on conflict do nothing";

const CONTACT_SUBMISSIONS: &str = "
    insert into contact_submissions (id, name, email, phone, subject, message, is_processed,
        processed_at, processed_by, created_at)
    select md5('demo contact ' || number)::uuid, name, email, phone, subject, message, done,
        case when done then now() - make_interval(days => ago - 1) end,
        case when done then (select id from users where users.email = 'sofia@sabor.dev') end,
        now() - make_interval(days => ago, hours => number)
    from (values
        (1, 'Greta Holm', 'greta.holm@example.net', '+1 720 555 0142', 'Wedding dance',
            E'We are getting married in June and have never danced.\\nDo you give private lessons to couples?', true, 19),
        (2, 'Luis Ferrer', 'luis.ferrer@example.net', null, 'Shoes',
            'Do I need dance shoes for the first class?', true, 12),
        (3, 'Dana Whitfield', 'dana@whitfield.example', '+1 303 555 0187', 'Company event',
            'Forty people, one evening in October, no experience. What would it cost?', true, 8),
        (4, 'Ravi Menon', 'ravi.menon@example.net', null, 'Parking',
            'Is there parking near the studio on Saturdays?', false, 3),
        (5, 'Ines Vogel', 'ines.vogel@example.net', null, 'Coming back after an injury',
            'My doctor says that my knee is fine again. Which class is easy on it?', false, 2),
        (6, 'Marcus Bell', 'marcus.bell@example.net', '+1 720 555 0119', 'Gift card',
            'Can I buy a gift card for my sister, and how long is it valid?', false, 1)
    ) as t (number, name, email, phone, subject, message, done, ago)
    on conflict do nothing";

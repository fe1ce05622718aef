-- Sums for the analytics, so that a long range is not counted anew for every request. The
-- clean-up sums up the days that are over. A change to what a summed day contains is noted in
-- the transaction of the change, and such a day is counted until the clean-up has summed it up
-- again. So the figures are exact at any time, and a booking updates no row that others update.

-- A day that is summed up. The program computes the start and the end of the day in the
-- studio's time zone. Sums with another start or end than the program's are not used.
create table report_days (
    day date primary key,
    since timestamptz not null,
    till timestamptz not null,
    sign_ups bigint not null,
    constraint report_days_times check (till > since)
);

-- Bookings and cancellations that were made on the day.
create table report_activity (
    day date not null references report_days on delete cascade,
    class_type_id uuid not null references class_types on delete cascade,
    bookings bigint not null,
    cancellations bigint not null,
    late_cancellations bigint not null,
    primary key (day, class_type_id)
);

create index report_activity_class_type_idx on report_activity (class_type_id);

-- The classes of the day, and who attended.
create table report_attendance (
    day date not null references report_days on delete cascade,
    class_type_id uuid not null references class_types on delete cascade,
    -- The local hour in which the classes start, from 0 for Monday at midnight to 167.
    hour_of_week integer not null
        constraint report_attendance_hour check (hour_of_week between 0 and 167),
    occurrences bigint not null,
    spots bigint not null,
    taken bigint not null,
    waitlisted bigint not null,
    attended bigint not null,
    no_shows bigint not null,
    primary key (day, class_type_id, hour_of_week)
);

create index report_attendance_class_type_idx on report_attendance (class_type_id);

-- Payments and refunds of the day.
create table report_revenue (
    day date not null references report_days on delete cascade,
    class_type_id uuid not null references class_types on delete cascade,
    currency char(3) not null,
    paid numeric not null,
    refunded numeric not null,
    primary key (day, class_type_id, currency)
);

create index report_revenue_class_type_idx on report_revenue (class_type_id);

-- Times at which a figure has changed after it may have been summed up. Rows are only added
-- and deleted, so that concurrent changes do not wait for each other.
create table report_changes (
    at timestamptz not null
);

create index report_changes_at_idx on report_changes (at);

-- The clean-up sums up a day an hour after the day and all transactions of the day have ended.
-- So a time within the last half hour of a transaction is never summed up before the commit.
create function note_report_change(variadic times timestamptz[]) returns void
language sql as $$
    insert into report_changes (at)
    select distinct t from unnest(times) t where t < now() - interval '30 minutes'
$$;

-- Notes everything that the bookings of a class contribute, when its type changes or a booking
-- moves to another class.
create function note_report_changes_of_bookings(booking_ids uuid[]) returns void
language sql as $$
    insert into report_changes (at)
    select distinct t from (
        select unnest(array[created_at, cancelled_at]) as t from bookings where id = any (booking_ids)
        union all
        select paid_at from payments where booking_id = any (booking_ids)
        union all
        select r.done_at from refunds r join payments p on p.id = r.payment_id
        where p.booking_id = any (booking_ids)
    ) times where t < now() - interval '30 minutes'
$$;

create function note_report_change_of_booking() returns trigger language plpgsql as $$
declare
    old_start timestamptz;
    new_start timestamptz;
begin
    if tg_op <> 'INSERT' then
        select start_time into old_start from scheduled_classes where id = old.scheduled_class_id;
    end if;
    if tg_op <> 'DELETE' then
        select start_time into new_start from scheduled_classes where id = new.scheduled_class_id;
    end if;
    if tg_op = 'INSERT' then
        perform note_report_change(new.created_at, new.cancelled_at, new_start);
    elsif tg_op = 'DELETE' then
        perform note_report_change(old.created_at, old.cancelled_at, old_start);
    else
        if old.scheduled_class_id <> new.scheduled_class_id then
            perform note_report_changes_of_bookings(array[new.id]);
        end if;
        if old.created_at <> new.created_at then
            perform note_report_change(old.created_at, new.created_at);
        end if;
        perform note_report_change(old.cancelled_at, new.cancelled_at, old_start, new_start);
    end if;
    return null;
end
$$;

-- The class notes a new booking with a spot, because its number of participants changes.
create trigger bookings_report_insert after insert on bookings
    for each row
    when (new.status <> 'booked' or new.created_at < now() - interval '30 minutes')
    execute function note_report_change_of_booking();

create trigger bookings_report_update
    after update of status, scheduled_class_id, created_at, cancelled_at, late_cancellation
    on bookings for each row
    when (
        (old.status, old.scheduled_class_id, old.created_at, old.cancelled_at,
            old.late_cancellation)
        is distinct from
        (new.status, new.scheduled_class_id, new.created_at, new.cancelled_at,
            new.late_cancellation)
    )
    execute function note_report_change_of_booking();

create trigger bookings_report_delete after delete on bookings
    for each row execute function note_report_change_of_booking();

create function note_report_change_of_class() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform note_report_change(new.start_time);
    elsif tg_op = 'DELETE' then
        perform note_report_change(old.start_time);
    else
        perform note_report_change(old.start_time, new.start_time);
        if old.class_type_id <> new.class_type_id then
            perform note_report_changes_of_bookings(
                array(select id from bookings where scheduled_class_id = new.id));
        end if;
    end if;
    return null;
end
$$;

create trigger scheduled_classes_report_insert after insert on scheduled_classes
    for each row when (new.start_time < now() - interval '30 minutes')
    execute function note_report_change_of_class();

create trigger scheduled_classes_report_update
    after update of start_time, class_type_id, max_participants, current_participants, is_cancelled
    on scheduled_classes for each row
    when (
        least(old.start_time, new.start_time) < now() - interval '30 minutes'
        or old.class_type_id <> new.class_type_id
    )
    execute function note_report_change_of_class();

create trigger scheduled_classes_report_delete after delete on scheduled_classes
    for each row when (old.start_time < now() - interval '30 minutes')
    execute function note_report_change_of_class();

create function note_report_change_of_payment() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform note_report_change(old.paid_at);
    end if;
    if tg_op <> 'DELETE' then
        perform note_report_change(new.paid_at);
    end if;
    if tg_op = 'UPDATE'
        and (old.currency <> new.currency or old.booking_id <> new.booking_id)
    then
        perform note_report_changes_of_bookings(array[new.booking_id]);
    end if;
    return null;
end
$$;

create trigger payments_report_insert after insert on payments
    for each row when (new.paid_at < now() - interval '30 minutes')
    execute function note_report_change_of_payment();

create trigger payments_report_update
    after update of paid_at, amount, currency, booking_id on payments for each row
    when ((old.paid_at, old.amount, old.currency, old.booking_id)
        is distinct from (new.paid_at, new.amount, new.currency, new.booking_id))
    execute function note_report_change_of_payment();

create trigger payments_report_delete after delete on payments
    for each row when (old.paid_at < now() - interval '30 minutes')
    execute function note_report_change_of_payment();

create function note_report_change_of_refund() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform note_report_change(old.done_at);
    end if;
    if tg_op <> 'DELETE' then
        perform note_report_change(new.done_at);
    end if;
    return null;
end
$$;

create trigger refunds_report_insert after insert on refunds
    for each row when (new.done_at < now() - interval '30 minutes')
    execute function note_report_change_of_refund();

create trigger refunds_report_update after update of done_at, state, amount on refunds
    for each row
    when ((old.done_at, old.state, old.amount) is distinct from (new.done_at, new.state, new.amount))
    execute function note_report_change_of_refund();

create trigger refunds_report_delete after delete on refunds
    for each row when (old.done_at < now() - interval '30 minutes')
    execute function note_report_change_of_refund();

create function note_report_change_of_user() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform note_report_change(old.created_at);
    end if;
    if tg_op <> 'DELETE' then
        perform note_report_change(new.created_at);
    end if;
    return null;
end
$$;

create trigger users_report_insert after insert on users
    for each row when (new.created_at < now() - interval '30 minutes')
    execute function note_report_change_of_user();

create trigger users_report_update after update of created_at on users
    for each row when (old.created_at <> new.created_at)
    execute function note_report_change_of_user();

create trigger users_report_delete after delete on users
    for each row when (old.created_at < now() - interval '30 minutes')
    execute function note_report_change_of_user();

-- The visits of a member: the classes to which the member was checked in.
create table member_visits (
    user_id uuid primary key references users on delete cascade,
    -- The start of the first class.
    first timestamptz not null,
    -- The start of the first class that starts at least twelve hours later. Null if there is none.
    second timestamptz,
    -- The start of the last class.
    last timestamptz not null
);

create index member_visits_first_idx on member_visits (first) include (second);
create index member_visits_last_idx on member_visits (last, user_id);

-- The members whose visits have changed, until the clean-up has updated `member_visits`.
-- Without a foreign key, because a deleted member also gets a row.
create table visit_changes (
    user_id uuid not null
);

create index visit_changes_user_idx on visit_changes (user_id);

create function note_visit_change() returns trigger language plpgsql as $$
begin
    insert into visit_changes (user_id)
    select distinct id from unnest(array[old.user_id, new.user_id]) id where id is not null;
    return null;
end
$$;

create trigger bookings_visit_insert after insert on bookings
    for each row when (new.status = 'attended') execute function note_visit_change();

create trigger bookings_visit_update after update of status, scheduled_class_id, user_id on bookings
    for each row
    when ('attended' in (old.status, new.status)
        and (old.status, old.scheduled_class_id, old.user_id)
            <> (new.status, new.scheduled_class_id, new.user_id))
    execute function note_visit_change();

create trigger bookings_visit_delete after delete on bookings
    for each row when (old.status = 'attended') execute function note_visit_change();

create function note_visit_changes_of_class() returns trigger language plpgsql as $$
begin
    insert into visit_changes (user_id)
    select user_id from bookings where scheduled_class_id = new.id and status = 'attended';
    return null;
end
$$;

create trigger scheduled_classes_visits after update of start_time on scheduled_classes
    for each row when (old.start_time <> new.start_time)
    execute function note_visit_changes_of_class();

-- The clean-up adds the visits until now. They are counted until then.
insert into visit_changes (user_id)
select distinct user_id from bookings where status = 'attended';

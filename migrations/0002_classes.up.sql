-- What the studio offers, who teaches it, and when.

-- Equality beside overlap in one exclusion constraint.
create extension if not exists btree_gist;

create table instructors (
    id uuid primary key,
    name varchar(200) not null,
    -- Null: teaches here without an account of their own.
    user_id uuid references users on delete set null,
    bio text not null default '',
    specialties text[] not null default '{}',
    certifications text[] not null default '{}',
    experience_years integer not null default 0
        constraint instructors_experience_years check (experience_years >= 0),
    -- Null: not agreed on. Staff alone see it.
    hourly_rate numeric(10, 2)
        constraint instructors_hourly_rate check (hourly_rate >= 0),
    -- Null: no picture.
    profile_image_url text,
    social_media_links jsonb not null default '{}',
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index instructors_user_idx on instructors (user_id);
create index instructors_specialties_idx on instructors using gin (specialties);
create index instructors_active_idx on instructors (name) where is_active;
create index instructors_created_idx on instructors (created_at, id);

create trigger instructors_updated_at before update on instructors
    for each row execute function set_updated_at();

create table class_types (
    id uuid primary key,
    name varchar(100) not null constraint class_types_name_key unique,
    description text not null default '',
    styles text[] not null default '{}',
    difficulty_level text not null default 'all-levels'
        constraint class_types_difficulty_known
        check (difficulty_level in ('beginner', 'intermediate', 'advanced', 'all-levels')),
    duration_minutes integer not null default 60
        constraint class_types_duration check (duration_minutes between 1 and 1440),
    max_participants integer not null default 20
        constraint class_types_max_participants check (max_participants > 0),
    price_per_class numeric(10, 2) not null
        constraint class_types_price check (price_per_class >= 0),
    -- Null: no picture.
    image_url text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index class_types_difficulty_idx on class_types (difficulty_level);
create index class_types_active_idx on class_types (name) where is_active;
create index class_types_created_idx on class_types (created_at, id);

create trigger class_types_updated_at before update on class_types
    for each row execute function set_updated_at();

-- A recurring pattern. Day and time are the studio's own: each occurrence is
-- resolved on its own date, so that 19:00 stays 19:00 when the clocks change.
create table class_schedules (
    id uuid primary key,
    class_type_id uuid not null references class_types on delete restrict,
    instructor_id uuid not null references instructors on delete restrict,
    day_of_week integer not null
        -- 0 is Sunday.
        constraint class_schedules_day check (day_of_week between 0 and 6),
    start_time time not null,
    duration_minutes integer not null
        constraint class_schedules_duration check (duration_minutes between 1 and 1440),
    max_participants integer not null
        constraint class_schedules_max_participants check (max_participants > 0),
    room varchar(50) not null,
    effective_from date not null,
    -- Null: until further notice.
    effective_until date,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    constraint class_schedules_effective check (effective_until >= effective_from)
);

create index class_schedules_day_idx on class_schedules (day_of_week, start_time);
create index class_schedules_class_type_idx on class_schedules (class_type_id);
create index class_schedules_instructor_idx on class_schedules (instructor_id);
create index class_schedules_created_idx on class_schedules (created_at, id);

-- One class on one day: an occurrence of a pattern, or one of its own.
create table scheduled_classes (
    id uuid primary key,
    class_type_id uuid not null references class_types on delete restrict,
    instructor_id uuid not null references instructors on delete restrict,
    -- Null, both: no pattern made it. The date is the one that it was made
    -- for, kept when the class moves, so that it is not made again.
    class_schedule_id uuid references class_schedules on delete restrict,
    occurrence_date date,
    title varchar(200) not null,
    description text not null default '',
    start_time timestamptz not null,
    end_time timestamptz not null,
    max_participants integer not null
        constraint scheduled_classes_max_participants check (max_participants > 0),
    -- Kept by the bookings' trigger, whatever changes them.
    current_participants integer not null default 0,
    room varchar(50) not null,
    -- Null: the price of its type.
    price_override numeric(10, 2)
        constraint scheduled_classes_price check (price_override >= 0),
    is_cancelled boolean not null default false,
    -- Null: not cancelled, or nobody said why.
    cancellation_reason text,
    -- Rises with each change that a calendar has to take over (RFC 5545, SEQUENCE).
    sequence integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint scheduled_classes_times check (end_time > start_time),
    constraint scheduled_classes_pattern
        check ((class_schedule_id is null) = (occurrence_date is null)),
    -- Places are never oversold, whichever way a booking comes.
    constraint scheduled_classes_places
        check (current_participants between 0 and max_participants),
    constraint scheduled_classes_occurrence_key unique (class_schedule_id, occurrence_date),
    constraint scheduled_classes_room_free exclude using gist
        (room with =, tstzrange(start_time, end_time) with &&) where (not is_cancelled),
    constraint scheduled_classes_instructor_free exclude using gist
        (instructor_id with =, tstzrange(start_time, end_time) with &&) where (not is_cancelled)
);

create index scheduled_classes_start_idx on scheduled_classes (start_time, id);
create index scheduled_classes_end_idx on scheduled_classes (end_time);
create index scheduled_classes_instructor_idx on scheduled_classes (instructor_id, start_time);
create index scheduled_classes_class_type_idx on scheduled_classes (class_type_id, start_time);

create trigger scheduled_classes_updated_at before update on scheduled_classes
    for each row execute function set_updated_at();

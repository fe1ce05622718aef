-- The ground that everything else stands on: who there is, who is signed in,
-- and what has to be remembered of both.

-- One trigger function keeps every `updated_at`: what an application forgets
-- to set, it sets.
create function set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create table users (
    id uuid primary key,
    -- Stored in lower case, so that a plain unique index is enough.
    email varchar(255) not null
        constraint users_email_key unique
        constraint users_email_lower check (email = lower(email)),
    -- Null: the account signs in through a provider only.
    password_hash varchar(255),
    first_name varchar(100) not null,
    -- May be empty: not everybody has two names.
    last_name varchar(100) not null,
    -- Null in what follows: not told.
    phone varchar(20),
    date_of_birth date,
    emergency_contact_name varchar(200),
    emergency_contact_phone varchar(20),
    experience_level text not null default 'beginner'
        constraint users_experience_level_known
        check (experience_level in ('beginner', 'intermediate', 'advanced')),
    -- Encrypted by the application: a dump does not show it.
    medical_conditions bytea,
    marketing_consent boolean not null default false,
    is_active boolean not null default true,
    is_staff boolean not null default false,
    is_admin boolean not null default false,
    -- Null: not verified yet.
    email_verified_at timestamptz,
    -- Null: no second factor. A step is kept so that a code is good once.
    totp_secret bytea,
    totp_confirmed_at timestamptz,
    totp_last_step bigint,
    password_changed_at timestamptz not null default now(),
    -- A session and every proof of identity carry the epoch that they were
    -- made under; raising it ends them all at once, also those being made.
    session_epoch integer not null default 0,
    calendar_token_hash varchar(64),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index users_active_idx on users (created_at) where is_active;

create trigger users_updated_at before update on users
    for each row execute function set_updated_at();

create table user_sessions (
    id uuid primary key,
    -- Null: nobody has signed in; the session only keeps data.
    user_id uuid references users on delete cascade,
    -- SHA-256 of the token in hex, or `sid:` and the id: never the token.
    session_key varchar(255) not null constraint user_sessions_key unique,
    epoch integer not null default 0,
    session_data jsonb not null default '{}'
        constraint user_sessions_data_size check (octet_length(session_data::text) <= 16384),
    -- Null: made by a program that did not say.
    ip_address inet,
    user_agent text,
    login_method text not null,
    remembered boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_activity timestamptz not null default now(),
    expires_at timestamptz not null,
    absolute_expires_at timestamptz not null,
    constraint user_sessions_expiry check (expires_at <= absolute_expires_at)
);

create index user_sessions_user_idx on user_sessions (user_id, created_at);
create index user_sessions_expires_idx on user_sessions (expires_at);
-- The administration pages through all of them, newest first.
create index user_sessions_created_idx on user_sessions (created_at, id);

create trigger user_sessions_updated_at before update on user_sessions
    for each row execute function set_updated_at();

create table contact_submissions (
    id uuid primary key,
    name varchar(200) not null,
    email varchar(255) not null,
    phone varchar(20),
    subject varchar(300) not null,
    message text not null,
    source varchar(50) not null default 'website',
    ip_address inet,
    user_agent text,
    is_processed boolean not null default false,
    processed_at timestamptz,
    processed_by uuid references users on delete set null,
    created_at timestamptz not null default now()
);

create index contact_submissions_created_idx on contact_submissions (created_at);
create index contact_submissions_unprocessed_idx on contact_submissions (created_at)
    where not is_processed;
create index contact_submissions_processed_by_idx on contact_submissions (processed_by);

-- Tries in a window, by what is being limited and for whom. `strikes` counts
-- the windows that were used up one after another: each makes the wait longer.
create table login_throttle (
    key varchar(255) primary key,
    tries integer not null,
    window_ends_at timestamptz not null,
    strikes integer not null default 0,
    -- Null: no wait is due.
    blocked_until timestamptz,
    -- When the row has nothing left to say.
    expires_at timestamptz not null
);

create index login_throttle_expires_idx on login_throttle (expires_at);

-- Append-only: who signed in, who failed to, and what changed about an account.
create table security_events (
    id uuid primary key,
    -- Null: nobody known, or an account that is gone.
    user_id uuid references users on delete set null,
    kind text not null,
    ip inet,
    user_agent text,
    detail jsonb not null default '{}',
    created_at timestamptz not null default now()
);

create index security_events_user_idx on security_events (user_id, created_at);
create index security_events_created_idx on security_events (created_at, id);

-- Mail is written in the transaction that is its reason, and sent afterwards.
create table mail_outbox (
    id uuid primary key,
    recipient varchar(255) not null,
    kind text not null,
    payload jsonb not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- Null: not sent yet.
    sent_at timestamptz,
    created_at timestamptz not null default now()
);

create index mail_outbox_due_idx on mail_outbox (next_attempt_at) where sent_at is null;
create index mail_outbox_sent_idx on mail_outbox (sent_at) where sent_at is not null;

-- The first answer to a request that may be sent again.
create table idempotency_keys (
    -- The member's id, or the address of a visitor.
    owner varchar(64) not null,
    key varchar(255) not null,
    request_hash varchar(64) not null,
    -- Null: the first request has not been answered yet.
    status integer,
    body jsonb,
    expires_at timestamptz not null,
    primary key (owner, key)
);

create index idempotency_keys_expires_idx on idempotency_keys (expires_at);

-- Figures that outlive the rows that they count.
create table daily_counters (
    day date not null,
    name text not null,
    count bigint not null,
    primary key (day, name)
);

-- How people prove who they are, beside a password: refresh tokens, providers,
-- links in mails, a second factor, and devices that are known. Of whatever
-- would let somebody in, only the hash is kept.

-- Browsers that are known again, by a cookie.
create table remembered_devices (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    token_hash varchar(64) not null,
    -- Of the member when it was noted: whatever ends all sessions ends it too.
    epoch integer not null,
    -- Until then no code is asked for; null: its owner never said so.
    trusted_until timestamptz,
    -- Null: it did not say.
    user_agent text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    -- Two members may share a browser: each has a row of it.
    constraint remembered_devices_token_key unique (user_id, token_hash)
);

create index remembered_devices_user_idx on remembered_devices (user_id, created_at);
create index remembered_devices_expires_idx on remembered_devices (expires_at);

-- Null: made by a program, or before this migration. Whoever ends a session
-- from another device means the device as well.
alter table user_sessions
    add column device_id uuid references remembered_devices on delete set null;
create index user_sessions_device_idx on user_sessions (device_id) where device_id is not null;

create table refresh_tokens (
    id uuid primary key,
    session_id uuid not null references user_sessions on delete cascade,
    -- All that came of one sign-in.
    family_id uuid not null,
    token_hash varchar(64) not null constraint refresh_tokens_token_key unique,
    -- From this and the token itself, which is not here, its successor follows;
    -- null: there is none yet.
    successor_seed bytea,
    -- Who replaced it: an answer that was lost is given again to them alone.
    replaced_by text,
    replaced_at timestamptz,
    -- For a hand that withdraws one token; nothing of ours does, for what ends
    -- a family deletes its session.
    revoked_at timestamptz,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint refresh_tokens_replaced check ((replaced_at is null) = (successor_seed is null))
);

create index refresh_tokens_session_idx on refresh_tokens (session_id);
create unique index refresh_tokens_live_key on refresh_tokens (family_id)
    where replaced_at is null and revoked_at is null;

create table user_identities (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    provider varchar(50) not null,
    -- Who it is at the provider: addresses change hands, this does not.
    subject varchar(255) not null,
    -- As the provider told it last, for the member to recognise; null: it did not.
    email varchar(255),
    linked_at timestamptz not null default now(),
    constraint user_identities_subject_key unique (provider, subject)
);

create index user_identities_user_idx on user_identities (user_id, linked_at);

create table oauth_states (
    state_hash varchar(64) primary key,
    provider varchar(50) not null,
    -- Of the cookie of the browser that began: a link with a state in it is
    -- worthless to any other.
    browser_hash varchar(64) not null,
    -- The PKCE verifier, encrypted by the application.
    verifier bytea not null,
    nonce varchar(64) not null,
    return_path text not null,
    remember boolean not null,
    -- Who links the provider to their account, from which session, under which
    -- epoch; null: nobody was signed in.
    user_id uuid references users on delete cascade,
    session_id uuid references user_sessions on delete cascade,
    epoch integer,
    expires_at timestamptz not null
);

create index oauth_states_user_idx on oauth_states (user_id) where user_id is not null;
create index oauth_states_session_idx on oauth_states (session_id) where session_id is not null;
create index oauth_states_expires_idx on oauth_states (expires_at);

create table one_time_tokens (
    id uuid primary key,
    purpose text not null constraint one_time_tokens_purpose_known
        check (purpose in ('verify_email', 'reset_password')),
    user_id uuid not null references users on delete cascade,
    token_hash varchar(64) not null constraint one_time_tokens_token_key unique,
    -- Where it was mailed; of `verify_email`, the address that it confirms.
    email varchar(255) not null,
    -- Of the member when it was asked for: another address is not given to an
    -- account whose sessions have all been ended since.
    epoch integer not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    -- Null: not used yet.
    used_at timestamptz,
    -- A new one takes the place of the one before.
    constraint one_time_tokens_user_key unique (user_id, purpose)
);

create index one_time_tokens_expires_idx on one_time_tokens (expires_at);

-- Between the password and the code.
create table sign_in_challenges (
    id uuid primary key,
    token_hash varchar(64) not null constraint sign_in_challenges_token_key unique,
    user_id uuid not null references users on delete cascade,
    epoch integer not null,
    -- How the first factor was proved.
    method varchar(50) not null,
    remember boolean not null,
    -- Of the client that proved it; null: it did not say.
    user_agent text,
    tries integer not null default 0,
    expires_at timestamptz not null
);

create index sign_in_challenges_user_idx on sign_in_challenges (user_id);
create index sign_in_challenges_expires_idx on sign_in_challenges (expires_at);

create table recovery_codes (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    code_hash varchar(64) not null,
    -- Null: not used yet.
    used_at timestamptz,
    constraint recovery_codes_code_key unique (user_id, code_hash)
);

-- The administration looks for one kind, or one address, newest first.
create index security_events_ip_idx on security_events (ip, created_at, id);
create index security_events_kind_idx on security_events (kind, created_at, id);

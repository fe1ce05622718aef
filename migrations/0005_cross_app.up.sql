-- Members signed in here who go on to another application, and for whom: the
-- applications, the accounts that members act for, the tokens that carry them
-- over, and the archive of those.

-- Partner applications. Of their secrets only the hashes are kept.
create table apps (
    id uuid primary key,
    -- Its user name when it calls, and what tokens are made for: it never changes.
    name varchar(50) not null constraint apps_name_key unique,
    secret_hash varchar(64) not null,
    -- Still good while the application is told the new one; null: there is none.
    previous_secret_hash varchar(64),
    -- Where a browser may take a token.
    allowed_origins text[] not null,
    -- False: a token may be validated again while it lasts.
    single_use boolean not null default true,
    is_active boolean not null default true,
    created_at timestamptz not null default now()
);

-- On whose behalf members act: a company, a school, a troupe.
create table accounts (
    id uuid primary key,
    name varchar(200) not null,
    slug varchar(100) not null constraint accounts_slug_key unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index accounts_created_idx on accounts (created_at, id);

create trigger accounts_updated_at before update on accounts
    for each row execute function set_updated_at();

create table account_members (
    account_id uuid not null references accounts on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null constraint account_members_role_known
        check (role in ('owner', 'admin', 'member')),
    created_at timestamptz not null default now(),
    primary key (account_id, user_id)
);

create index account_members_user_idx on account_members (user_id);

-- Tokens, by their hashes. One leaves this table for the archive alone, or
-- with its member or account.
create table cross_app_sessions (
    id uuid primary key,
    token_hash varchar(255) not null constraint cross_app_sessions_token_key unique,
    user_id uuid not null references users on delete cascade,
    -- Null: for the member alone.
    account_id uuid references accounts on delete cascade,
    -- Whose end ends the token too: one without a session is refused.
    session_id uuid references user_sessions on delete set null,
    source_app varchar(50) not null default 'sabor',
    target_app varchar(50) not null references apps (name) on delete restrict,
    -- Of the member who asked for it; null: it did not say.
    user_agent text,
    ip_address inet not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    -- The last time that it was validated; null: never.
    used_at timestamptz,
    revoked_at timestamptz
);

create index cross_app_sessions_user_idx on cross_app_sessions (user_id);
create index cross_app_sessions_created_idx on cross_app_sessions (created_at);
create index cross_app_sessions_account_idx on cross_app_sessions (account_id)
    where account_id is not null;
create index cross_app_sessions_session_idx on cross_app_sessions (session_id)
    where session_id is not null;
create index cross_app_sessions_target_idx on cross_app_sessions (target_app);

-- By month of `created_at` in UTC. It refers to nobody: what is here is history,
-- ends with its month, and must not make it slower to remove a member.
create table cross_app_sessions_archive (
    id uuid not null,
    token_hash varchar(255) not null,
    user_id uuid not null,
    account_id uuid,
    session_id uuid,
    source_app varchar(50) not null,
    target_app varchar(50) not null,
    user_agent text,
    ip_address inet not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    primary key (created_at, id)
) partition by range (created_at);

-- Where `moment` lies. The month is in the name, for whoever looks for it.
create function cross_app_archive_partition(moment timestamptz) returns text
language sql stable as $$
    select 'cross_app_sessions_archive_' || to_char(moment at time zone 'utc', 'YYYY_MM')
$$;

-- Makes the partitions of all months from that of `first` to that of `last`
-- that are not there yet; returns how many those were. It locks the archive only
-- when there is one to make, and not while a back-up reads it: the next run does it.
create function make_cross_app_archive_partitions(first timestamptz, last timestamptz)
returns integer language plpgsql set lock_timeout = '5s' as $$
declare
    month timestamp;
    made integer := 0;
begin
    -- One at a time: of two who make the same table one would fail.
    perform pg_advisory_xact_lock(hashtext('cross_app_sessions_archive'));
    for month in select generate_series(
        date_trunc('month', first at time zone 'utc'), last at time zone 'utc', '1 month')
    loop
        if to_regclass(cross_app_archive_partition(month at time zone 'utc')) is null then
            execute format(
                'create table %I partition of cross_app_sessions_archive for values from (%L) to (%L)',
                cross_app_archive_partition(month at time zone 'utc'),
                month at time zone 'utc', (month + interval '1 month') at time zone 'utc');
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;

-- Drops the partitions of the months that ended before `moment`; returns how
-- many those were.
create function drop_cross_app_archive_partitions(moment timestamptz)
returns integer language plpgsql set lock_timeout = '5s' as $$
declare
    partition text;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('cross_app_sessions_archive'));
    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'cross_app_sessions_archive'::regclass
          and c.relname collate "C" < cross_app_archive_partition(moment)
    loop
        execute format('drop table %I', partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

-- Refunds and disputes, each with rows of its own. A payment can be refunded in
-- parts, a refund can fail after it succeeded, and a dispute takes money away.
--
-- The previous version of the program knows `payments.status` alone. Triggers keep
-- the status and the refunds in step, whichever of them is written.

-- No payment changes between the copy below and the creation of the triggers.
lock table payments in share row exclusive mode;

-- What is refunded or is going to be. A trigger sums it up from the refunds.
alter table payments add column refunded numeric(10, 2) not null default 0;

create table refunds (
    -- Also the provider's idempotency key.
    id uuid primary key,
    payment_id uuid not null references payments on delete restrict,
    amount numeric(10, 2) not null constraint refunds_amount check (amount > 0),
    -- How the money is given back: `original` is the way in which it was paid.
    method text not null default 'original'
        constraint refunds_method_known check (method in ('original', 'cash', 'transfer')),
    -- due: nobody has sent it. sent: the provider was asked, and the money is not back
    -- yet. done: the money is back. failed: it will not get there; another row tries
    -- again. withdrawn: it was not sent and is not needed any more.
    state text not null default 'due' constraint refunds_state_known
        check (state in ('due', 'sent', 'done', 'failed', 'withdrawn')),
    -- Who decided: a rule, such as a cancellation in time; a member of staff; or
    -- somebody at the provider.
    source text not null
        constraint refunds_source_known check (source in ('rule', 'staff', 'provider')),
    reason text,
    -- The member of staff. Null for other sources.
    by uuid references users on delete restrict,
    -- The provider's id of the refund. Null until the provider has made it.
    provider_refund text constraint refunds_provider_refund_key unique,
    -- Why it failed: the provider's word, or `disputed`.
    provider_reason text,
    -- When the provider was first asked, how often, and when it may be asked next.
    first_sent_at timestamptz,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    done_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default now(),
    constraint refunds_done check ((state = 'done') = (done_at is not null))
);

create index refunds_payment_idx on refunds (payment_id, created_at);
create index refunds_by_idx on refunds (by) where by is not null;
create index refunds_due_idx on refunds (next_attempt_at) where state in ('due', 'sent');
-- The reports sum up these.
create index refunds_done_idx on refunds (done_at) include (payment_id, amount)
    where state = 'done';

create trigger refunds_updated_at before update on refunds
    for each row execute function set_updated_at();

create table disputes (
    id uuid primary key,
    provider_dispute text not null constraint disputes_provider_dispute_key unique,
    payment_id uuid not null references payments on delete restrict,
    amount numeric(10, 2) not null constraint disputes_amount check (amount >= 0),
    -- What the provider charges for it. Null when it is in another currency.
    fee numeric(10, 2),
    -- The provider's word, such as `needs_response`, `won` or `lost`.
    status text not null,
    -- Whether the disputed money is with the card's bank now.
    withdrawn boolean not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index disputes_payment_idx on disputes (payment_id);

create trigger disputes_updated_at before update on disputes
    for each row execute function set_updated_at();

-- The refunds until now, which were all of the whole amount.
insert into refunds (id, payment_id, amount, state, source, provider_refund, first_sent_at,
    attempts, next_attempt_at, done_at, created_at)
select gen_random_uuid(), id, amount,
    case when status = 'refunded' then 'done' when provider_refund is null then 'due'
        else 'sent' end,
    'rule', provider_refund,
    -- An old time: the provider is asked about the refund before it is sent again.
    case when attempts > 0 or provider_refund is not null then created_at end,
    attempts, next_attempt_at,
    case when status = 'refunded' then coalesce(refunded_at, updated_at) end,
    coalesce(refunded_at, updated_at)
from payments where status in ('refund_due', 'refunded');

alter table payments disable trigger payments_updated_at;
update payments set refunded = amount where status in ('refund_due', 'refunded');
alter table payments enable trigger payments_updated_at;

alter table payments add constraint payments_refunded check (refunded between 0 and amount);

-- The status that the refunds of a payment give it. A payment that is only refunded in
-- part stays `paid`, because the previous version of the program refunds all that is
-- `refund_due`. It stays `refund_due` while another payment of its booking is open,
-- because a booking has one open payment.
create function payment_status(payment payments) returns text language plpgsql as $$
declare
    claimed numeric;
    done numeric;
begin
    select coalesce(sum(amount), 0), coalesce(sum(amount) filter (where state = 'done'), 0)
    into claimed, done
    from refunds where payment_id = payment.id and state in ('due', 'sent', 'done');
    return case
        when claimed = 0 and payment.status in ('pending', 'failed', 'cancelled')
            then payment.status
        when done >= payment.amount then 'refunded'
        when claimed >= payment.amount then 'refund_due'
        when exists (
            select from payments other
            where other.booking_id = payment.booking_id and other.id <> payment.id
              and other.status in ('pending', 'paid')
        ) then 'refund_due'
        else 'paid' end;
end
$$;

-- A payment moves only forward, except where a refund fails or is withdrawn.
create or replace function check_payment_status() returns trigger language plpgsql as $$
begin
    if not (old.status, new.status) in (
        ('pending', 'paid'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('paid', 'refund_due'), ('paid', 'refunded'), ('refund_due', 'refunded'),
        -- Paid after all, at a checkout that had been given up.
        ('failed', 'refund_due'), ('cancelled', 'refund_due')
    ) and new.status <> payment_status(old) then
        raise exception 'a payment does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'payments_forward';
    end if;
    return new;
end
$$;

-- A refund cannot be sent while the money is withdrawn for a dispute. It is kept as
-- failed, and tried again if the dispute is won.
create function hold_refund_of_dispute() returns trigger language plpgsql as $$
begin
    perform from payments where id = new.payment_id for no key update;
    if new.state = 'due' and exists (
        select from disputes where payment_id = new.payment_id and withdrawn
    ) then
        new.state = 'failed';
        new.provider_reason = 'disputed';
    end if;
    return new;
end
$$;

create trigger refunds_of_dispute before insert on refunds
    for each row execute function hold_refund_of_dispute();

-- Sums up the refunds of a payment, whose constraint refuses what does not fit. The
-- payment is locked by a statement of its own, so that the sum includes refunds that
-- were committed while it waited.
create function keep_payment_refunded() returns trigger language plpgsql as $$
declare
    open text[] := array['due', 'sent'];
begin
    -- Nothing that the payment shows has changed, so it is not locked.
    if tg_op = 'UPDATE' and old.amount = new.amount
        and old.provider_refund is not distinct from new.provider_refund
        and (old.state = new.state or (old.state = any (open) and new.state = any (open)))
    then
        return null;
    end if;
    perform from payments where id = new.payment_id for no key update;
    update payments p set
        refunded = coalesce(sums.claimed, 0),
        status = payment_status(p),
        refunded_at = case when sums.done >= p.amount then sums.done_at end,
        provider_refund = coalesce(sums.provider_refund, p.provider_refund),
        attempts = case when new.state = 'due' then 0 else p.attempts end,
        next_attempt_at = case when new.state = 'due' then new.next_attempt_at
            else p.next_attempt_at end
    from (
        select sum(amount) filter (where state in ('due', 'sent', 'done')) as claimed,
            sum(amount) filter (where state = 'done') as done, max(done_at) as done_at,
            (array_agg(provider_refund order by created_at desc)
                filter (where provider_refund is not null))[1] as provider_refund
        from refunds where payment_id = new.payment_id
    ) sums
    where p.id = new.payment_id;
    return null;
end
$$;

create trigger refunds_payment
    after insert or update of state, amount, provider_refund on refunds
    for each row execute function keep_payment_refunded();

-- Makes the refunds of a status that was written by the previous version of the program.
-- It does not run for what the trigger above writes.
create function follow_payment_status() returns trigger language plpgsql as $$
begin
    if new.provider_refund is not null and new.status in ('refund_due', 'refunded') then
        update refunds set provider_refund = new.provider_refund,
            state = 'sent', first_sent_at = coalesce(first_sent_at, now())
        where id = (
            select id from refunds
            where payment_id = new.id and state in ('due', 'sent') and provider_refund is null
            order by created_at limit 1
        ) and not exists (select from refunds where provider_refund = new.provider_refund);
    end if;
    if new.status = 'refunded' then
        update refunds set state = 'done', done_at = coalesce(new.refunded_at, now())
        where payment_id = new.id and state in ('due', 'sent');
    end if;
    -- The new row of a payment, and not what the updates above have made of it.
    if new.status in ('refund_due', 'refunded') and new.refunded < new.amount then
        insert into refunds (id, payment_id, amount, state, source, provider_refund,
            next_attempt_at, done_at)
        select gen_random_uuid(), new.id, new.amount - new.refunded,
            case new.status when 'refunded' then 'done' else 'due' end, 'rule',
            (select new.provider_refund where not exists (
                select from refunds where provider_refund = new.provider_refund)),
            new.next_attempt_at,
            case new.status when 'refunded' then coalesce(new.refunded_at, now()) end;
    end if;
    return null;
end
$$;

create trigger payments_refunds after update of status, provider_refund on payments
    for each row when (
        pg_trigger_depth() = 0
        and (old.status <> new.status or old.provider_refund is distinct from new.provider_refund)
    ) execute function follow_payment_status();

create trigger payments_refunds_of_new after insert on payments
    for each row when (new.status in ('refund_due', 'refunded'))
    execute function follow_payment_status();

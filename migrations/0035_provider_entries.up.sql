-- Stripe's balance transactions: each movement of the balance of the studio's account at Stripe. The
-- clean-up reads them once a night. A report compares them with the payments, refunds, and disputes
-- of Sabor, so they reference none of these tables.

create table provider_entries (
    -- Stripe's id, such as `txn_…`.
    id text primary key,
    -- Stripe's type, such as `adjustment`, and its category for accounting, such as `dispute`.
    kind text not null,
    category text not null,
    -- What was added to the balance or taken from it, what Stripe keeps of it, and the rest. Some
    -- currencies have three decimals.
    amount numeric(15, 3) not null,
    fee numeric(15, 3) not null,
    net numeric(15, 3) not null,
    currency char(3) not null,
    -- Stripe's id of the charge, the refund, the dispute, or the payout. Null: there is none.
    source text,
    -- Stripe's id of the payment intent of the source. Null: there is none.
    provider_payment text,
    -- Stripe's id of the payout that has brought the money to the bank. Null: not known, or none.
    payout text,
    created_at timestamptz not null
);

create index provider_entries_created_idx on provider_entries (created_at, id);
create index provider_entries_payout_idx on provider_entries (payout) where payout is not null;
create index provider_entries_source_idx on provider_entries (source)
    where category in ('payout', 'payout_reversal');

create table provider_payouts (
    -- Stripe's id, such as `po_…`.
    id text primary key,
    -- The day on which the bank gets the money.
    arrives_on date not null,
    -- False: somebody has started it by hand, and Stripe does not say which entries it pays out.
    is_automatic boolean not null,
    -- Whether its entries are known and add up to its amount.
    is_complete boolean not null default false,
    -- The last of its entries that was read. Null: none, or all were read.
    last_read text,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null
);

create index provider_payouts_arrives_idx on provider_payouts (arrives_on);

-- How far the entries were read. One row.
create table provider_pull (
    id boolean primary key default true constraint provider_pull_one check (id),
    -- All entries between these times are stored. Both null: none were read.
    complete_since timestamptz,
    complete_until timestamptz,
    -- When the provider has refused to show them. Null: it has not.
    refused_at timestamptz,
    -- The pull that is under way: entries from `since` to `till`, newest first, of which
    -- `last_read` was the last one so far. All null: none is under way.
    since timestamptz,
    till timestamptz,
    last_read text,
    constraint provider_pull_complete check ((complete_since is null) = (complete_until is null)),
    constraint provider_pull_range check ((since is null) = (till is null))
);

insert into provider_pull default values;

-- Refunds that the bank has returned. They are listed until other refunds of the payment cover them,
-- staff say that nothing is to be given back, or the member has booked the class again.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table bookings, refunds in access exclusive mode;
            exit;
        exception when lock_not_available then
            if attempt = 300 then
                raise;
            end if;
            perform pg_sleep(0.1);
        end;
    end loop;
    perform set_config('lock_timeout', previous, true);
end
$$;

alter table refunds
    add column failed_at timestamptz,
    -- When nothing was left to do about the failure.
    add column resolved_at timestamptz,
    -- The failed refund that this one replaces. Null: it was not made for one.
    add column failed_refund_id uuid references refunds on delete restrict;

-- A refund that was followed by another one was probably tried again. If the member has booked the class
-- again since, the payment pays for that booking.
alter table refunds disable trigger refunds_updated_at;
update refunds r set failed_at = r.updated_at,
    resolved_at = coalesce((select min(later.created_at) from refunds later
        where later.payment_id = r.payment_id and later.created_at > r.updated_at),
        (select now() from payments p join bookings b on b.id = p.booking_id
        where p.id = r.payment_id and r.source = 'rule'
          and (b.status in ('booked', 'attended') or b.cancelled_at > r.updated_at)))
where r.state = 'failed';
alter table refunds enable trigger refunds_updated_at;

create index refunds_failed_idx on refunds (failed_at, id)
    where state = 'failed' and resolved_at is null;
create index refunds_failed_refund_idx on refunds (failed_refund_id)
    where failed_refund_id is not null;

-- Also for the previous version of the program, which does not know the column. Triggers fire in the
-- order of their names, so this one sees what `refunds_of_dispute` has made of a new refund.
create function note_failed_refund() returns trigger language plpgsql as $$
begin
    new.failed_at = clock_timestamp();
    return new;
end
$$;

create trigger refunds_record_failure before insert or update of state on refunds
    for each row when (new.state = 'failed' and new.failed_at is null)
    execute function note_failed_refund();

-- A refund resolves the failed one that it replaces. Any other refund of the payment, for example one
-- that staff record in another list, was probably made for the failed ones that it covers.
create function resolve_covered_refunds() returns trigger language plpgsql as $$
declare
    failed record;
    covered numeric = new.amount;
begin
    if new.failed_refund_id is not null then
        update refunds set resolved_at = clock_timestamp()
        where id = new.failed_refund_id and resolved_at is null;
        return null;
    end if;
    -- A rule refunds each class of a course by itself, so its refunds do not cover others of the order.
    if new.source = 'rule'
        and exists (select from payments where id = new.payment_id and order_id is not null)
    then
        return null;
    end if;
    for failed in
        select id, amount from refunds
        where payment_id = new.payment_id and state = 'failed' and resolved_at is null
        order by failed_at desc, id desc
    loop
        continue when failed.amount > covered;
        update refunds set resolved_at = clock_timestamp() where id = failed.id;
        covered = covered - failed.amount;
    end loop;
    return null;
end
$$;

create trigger refunds_resolve_failed after insert on refunds
    for each row when (new.failed_refund_id is not null or new.state <> 'failed')
    execute function resolve_covered_refunds();

-- If the member has the booking again, its payment pays for it, so nothing is given back. A booking on the
-- waitlist may get no spot.
create function resolve_refunds_of_booking() returns trigger language plpgsql as $$
begin
    update refunds r set resolved_at = clock_timestamp()
    from payments p
    where p.booking_id = new.id and r.payment_id = p.id and r.state = 'failed'
      and r.resolved_at is null and r.source = 'rule';
    return null;
end
$$;

create trigger bookings_resolve_refunds after update of status on bookings
    for each row when (old.status in ('cancelled', 'waitlisted', 'no_show')
        and new.status in ('booked', 'attended'))
    execute function resolve_refunds_of_booking();

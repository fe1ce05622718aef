-- Memberships: passes that are paid again each week, month, or year, by a subscription at Stripe.
--
-- A paid period gives a pass. The pass of the next period is there before it is paid, so that
-- members can book beyond the current period. It has no order line until then, and its status is `live`,
-- because it pays for bookings like any other.
--
-- The previous version of the program cannot read products of this kind, nor bookings with a pass
-- that is not paid. So create the first membership after the deployment, and revert this migration
-- before you go back to the previous version.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, products, orders, order_lines, passes in access exclusive mode;
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

-- The member's customer at Stripe, who has the card and the invoices. Null until the first
-- membership.
alter table users add column provider_customer text;

alter table products
    drop constraint products_kind_known,
    add constraint products_kind_known check (kind in ('pass', 'gift_card', 'membership')),
    -- How often a membership is paid. Null for other products. `days` is then the length of the
    -- longest period.
    add column every text constraint products_every_known check (every in ('week', 'month', 'year')),
    add constraint products_every check ((kind = 'membership') = (every is not null)),
    add constraint products_of_membership check (
        kind <> 'membership' or (days is not null and starts is not null));

alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known check (kind in ('pass', 'gift_card', 'membership'));

alter table orders
    -- Stripe's id of the invoice of a membership. Null for other orders.
    add column provider_invoice text constraint orders_provider_invoice_key unique;

create table memberships (
    id uuid primary key,
    user_id uuid not null references users on delete restrict,
    product_id uuid not null references products on delete restrict,
    -- The product at the time of the purchase.
    name text not null,
    price numeric(10, 2) not null constraint memberships_price check (price > 0),
    currency char(3) not null,
    every text not null constraint memberships_every_known check (every in ('week', 'month', 'year')),
    credits integer constraint memberships_credits check (credits > 0),
    days integer not null constraint memberships_days check (days > 0),
    status text not null default 'starting' constraint memberships_status_known
        check (status in ('starting', 'active', 'past_due', 'paused', 'ended')),
    -- Stripe's id of the subscription. Null until the first payment.
    provider_subscription text constraint memberships_provider_subscription_key unique,
    -- Stripe's id of the checkout, and its page while it can be paid.
    checkout text,
    checkout_url text,
    -- When the checkout expires.
    expires_at timestamptz not null,
    -- The end of the current period at Stripe. Null until the first payment.
    period_end timestamptz,
    -- When the membership will end. Null: it is renewed.
    cancel_at timestamptz,
    ended_at timestamptz,
    -- Its subscription or its checkout must be ended at Stripe, for example because the account was
    -- closed.
    must_end boolean not null default false,
    -- Each synchronization takes the next number before it asks Stripe. It writes only if its
    -- number is greater than that of the last one that has written.
    sync_wanted bigint not null default 0,
    sync_done bigint not null default 0,
    -- The invoice and the attempt about whose failure an e-mail was sent last.
    failed_invoice text,
    failed_attempt integer,
    -- The invoices and subscriptions at Stripe that staff must review. Each is reported once.
    ids_to_review text[] not null default '{}',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default now(),
    constraint memberships_ended check ((status = 'ended') = (ended_at is not null))
);

-- One membership at a time.
create unique index memberships_user_key on memberships (user_id) where status <> 'ended';
create index memberships_user_idx on memberships (user_id, created_at, id);
create index memberships_created_idx on memberships (created_at, id);
create index memberships_product_idx on memberships (product_id);
create index memberships_due_idx on memberships (next_attempt_at)
    where status <> 'ended' or must_end or sync_wanted > sync_done;

create trigger memberships_updated_at before update on memberships
    for each row execute function set_updated_at();

alter table passes
    alter column order_line_id drop not null,
    add column membership_id uuid references memberships on delete restrict,
    -- A membership has one pass for each period.
    add constraint passes_period_key unique (membership_id, first_day),
    -- A pass without an order line waits for the payment of its period.
    add constraint passes_order_line check (order_line_id is not null or membership_id is not null);

-- Promo codes: what members enter to pay less. The previous version of the program sells without
-- codes. When it cancels an order, a trigger gives the use of the code back.
--
-- Gift cards: what members buy once, and pay with later. The previous version of the program cannot
-- list products when one of them is a gift card, so staff create the first one after the deployment.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table products, orders, order_lines, payments, refunds in access exclusive mode;
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

-- A code is ended and never deleted.
create table promo_codes (
    id uuid primary key,
    code varchar(30) not null constraint promo_codes_code_key unique
        constraint promo_codes_code check (code ~ '^[A-Z0-9-]{3,30}$'),
    -- The discount: a part of the price, or an amount that is taken off the order once.
    percent integer constraint promo_codes_percent check (percent between 1 and 100),
    amount numeric(10, 2) constraint promo_codes_amount check (amount > 0),
    -- By the studio's calendar, both days included. Null: no bound.
    first_day date,
    last_day date,
    -- The kinds of products.
    applies_to text[] not null default '{pass}' constraint promo_codes_applies_to
        check (applies_to <@ array['pass'] and cardinality(applies_to) > 0),
    -- Null: any number.
    max_uses integer constraint promo_codes_max_uses check (max_uses > 0),
    per_member integer constraint promo_codes_per_member check (per_member > 0),
    -- A trigger counts the orders that are not cancelled.
    uses integer not null default 0
        constraint promo_codes_uses check (uses >= 0 and uses <= max_uses),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint promo_codes_discount check (num_nonnulls(percent, amount) = 1),
    constraint promo_codes_days check (last_day >= first_day)
);

create index promo_codes_created_idx on promo_codes (created_at, id);

create trigger promo_codes_updated_at before update on promo_codes
    for each row execute function set_updated_at();

alter table orders add column promo_code_id uuid references promo_codes on delete restrict;

create index orders_promo_code_idx on orders (promo_code_id, user_id)
    where promo_code_id is not null;

alter table order_lines
    add column discount numeric(10, 2) not null default 0
        constraint order_lines_discount check (discount >= 0);

alter table order_lines
    -- The price before the discount.
    add column unit_price numeric(10, 2) generated always as (amount + discount) stored;

create function track_promo_code_uses() returns trigger language plpgsql as $$
begin
    update promo_codes set uses = uses + case
        when new.state = 'cancelled' then -1
        else 1 end
    where id = new.promo_code_id;
    return null;
end
$$;

create trigger orders_promo_code_of_new after insert on orders
    for each row when (new.promo_code_id is not null and new.state <> 'cancelled')
    execute function track_promo_code_uses();
-- The code of an order does not change.
create trigger orders_promo_code after update of state on orders
    for each row when (
        new.promo_code_id is not null and (old.state = 'cancelled') <> (new.state = 'cancelled')
    ) execute function track_promo_code_uses();

-- Gift cards. A wallet is stored value, and the code of a gift card opens it. Only the hash of the
-- code is stored.
alter table products
    drop constraint products_kind_known,
    add constraint products_kind_known check (kind in ('pass', 'gift_card')),
    -- Null if it is not a pass.
    alter column days drop not null,
    alter column starts drop not null,
    add constraint products_of_pass check (
        kind <> 'pass' or (days is not null and starts is not null)),
    -- The price of a gift card is its value. The tax is paid when it is used.
    add constraint products_gift_card check (
        kind <> 'gift_card'
        or (price > 0 and tax_rate = 0 and num_nonnulls(credits, days, starts) = 0));

alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known check (kind in ('pass', 'gift_card'));

create table wallets (
    id uuid primary key,
    kind text not null constraint wallets_kind_known check (kind in ('gift')),
    -- The SHA-256 of the code, in hex.
    code_hash char(64) not null constraint wallets_code_hash_key unique,
    -- The sale of the gift card.
    order_line_id uuid not null constraint wallets_order_line_key unique
        references order_lines on delete restrict,
    currency char(3) not null,
    -- A trigger sums up the entries.
    balance numeric(10, 2) not null default 0 constraint wallets_balance check (balance >= 0),
    -- False while its purchase is disputed.
    is_active boolean not null default true,
    created_at timestamptz not null default clock_timestamp()
);

alter table payments
    drop constraint payments_tender_known,
    add constraint payments_tender_known
        check (tender in ('card', 'cash', 'terminal', 'transfer', 'gift')),
    add column wallet_id uuid references wallets on delete restrict,
    add constraint payments_wallet check ((tender is not distinct from 'gift') = (wallet_id is not null));

create index payments_wallet_idx on payments (wallet_id) where wallet_id is not null;

-- An order that is not paid yet can have a payment with a gift card beside the one by card.
drop index payments_pending_order_key;
create unique index payments_pending_order_key on payments (order_id)
    where status = 'pending' and tender is distinct from 'gift';
create unique index payments_gift_order_key on payments (order_id)
    where status in ('pending', 'paid') and tender = 'gift';

-- What has changed a balance, and why.
create table wallet_entries (
    id uuid primary key,
    wallet_id uuid not null references wallets on delete restrict,
    change numeric(10, 2) not null constraint wallet_entries_change check (change <> 0),
    reason text not null constraint wallet_entries_reason_known
        check (reason in ('issue', 'pay', 'release', 'refund', 'correct')),
    payment_id uuid references payments on delete restrict,
    refund_id uuid references refunds on delete restrict,
    created_at timestamptz not null default clock_timestamp(),
    constraint wallet_entries_payment_key unique (payment_id, reason),
    constraint wallet_entries_subject check (case
        when reason = 'issue' then num_nonnulls(payment_id, refund_id) = 0
        when reason in ('pay', 'release') then payment_id is not null and refund_id is null
        else refund_id is not null and payment_id is null end)
);

create index wallet_entries_wallet_idx on wallet_entries (wallet_id, created_at);
create index wallet_entries_refund_idx on wallet_entries (refund_id) where refund_id is not null;

create function keep_wallet_balance() returns trigger language plpgsql as $$
begin
    update wallets set balance = balance + new.change where id = new.wallet_id;
    return null;
end
$$;

create trigger wallet_entries_balance after insert on wallet_entries
    for each row execute function keep_wallet_balance();

-- A payment with a gift card takes the money when it is entered, and gives it back once if its
-- order is not paid.
create function track_gift_payment() returns trigger language plpgsql as $$
begin
    insert into wallet_entries (id, wallet_id, change, reason, payment_id)
    values (gen_random_uuid(), new.wallet_id,
        case tg_op when 'INSERT' then -new.amount else new.amount end,
        case tg_op when 'INSERT' then 'pay' else 'release' end, new.id);
    return null;
end
$$;

create trigger payments_wallet_of_new after insert on payments
    for each row when (new.wallet_id is not null) execute function track_gift_payment();
create trigger payments_wallet after update of status on payments
    for each row when (
        new.wallet_id is not null and old.status = 'pending' and new.status in ('cancelled', 'failed')
    ) execute function track_gift_payment();

-- A refund to a gift card raises its balance. A refund of a gift card that was sold lowers its
-- balance as soon as the refund is decided on, so that the money is not spent too. What is refunded
-- at the provider, or again after a dispute, lowers the balance as far as it goes. If the refund
-- fails or is withdrawn, the balance rises again.
create function track_wallet_refund() returns trigger language plpgsql as $$
declare
    payment payments;
    sold wallets;
    open text[] := array['due', 'sent'];
    entered numeric;
    taken numeric;
begin
    if tg_op = 'UPDATE' and old.state = any (open) and new.state = any (open) then
        return null;
    end if;
    select * into payment from payments where id = new.payment_id;
    if payment.wallet_id is not null and new.method = 'original' and new.state = 'done' then
        insert into wallet_entries (id, wallet_id, change, reason, refund_id)
        select gen_random_uuid(), payment.wallet_id, new.amount, 'refund', new.id
        where not exists (select from wallet_entries where refund_id = new.id);
    end if;
    select w.* into sold
    from order_lines l join wallets w on w.order_line_id = l.id
    where l.order_id = payment.order_id for no key update of w;
    if not found then
        return null;
    end if;
    -- A refund can succeed at the provider after it counted as failed, so its entries are summed up.
    select coalesce(sum(change), 0) into entered
    from wallet_entries where refund_id = new.id and wallet_id = sold.id;
    if new.state in ('due', 'sent', 'done') then
        if entered <> 0 then
            return null;
        end if;
        taken = case when new.source = 'staff' and tg_op = 'INSERT' then new.amount
            else least(new.amount, sold.balance) end;
        if taken > 0 then
            insert into wallet_entries (id, wallet_id, change, reason, refund_id)
            values (gen_random_uuid(), sold.id, -taken, 'refund', new.id);
        end if;
    elsif entered <> 0 then
        insert into wallet_entries (id, wallet_id, change, reason, refund_id)
        values (gen_random_uuid(), sold.id, -entered, 'correct', new.id);
    end if;
    return null;
end
$$;

-- Its name sorts after `refunds_payment`, which locks the payment. Wallets are locked after it.
create trigger refunds_wallet after insert or update of state on refunds
    for each row execute function track_wallet_refund();

-- The payment with a gift card is paid with its order, also when the previous version of the program
-- settles it.
create function pay_gift_payment() returns trigger language plpgsql as $$
begin
    update payments set status = 'paid', paid_at = new.settled_at
    where order_id = new.id and tender = 'gift' and status = 'pending';
    return null;
end
$$;

create trigger orders_gift_payment after update of state on orders
    for each row when (old.state = 'open' and new.state = 'paid') execute function pay_gift_payment();

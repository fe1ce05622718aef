-- What a studio sells: orders with lines, passes, memberships, gift cards, and promotion codes.
-- The program does not read these tables yet. It writes bookings, payments, and refunds as before,
-- and triggers make the orders.
--
-- A booking has an order from its first payment on, and not from the beginning: a trigger that
-- makes an order for each booking makes bookings 9 % slower. Refunds and disputes exist since 0006.
-- Their triggers keep `payments.status` in step, so `payments.state` only follows the status.
--
-- Nothing here reads or writes the rows of a large table. The locks are held for a moment, and
-- 0027 fills the new columns and validates the constraints while the program goes on.

-- Waits for all locks together and lets go of them between the attempts. So no transaction can be
-- in a deadlock with this one, and none waits behind it for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, class_types, scheduled_classes, bookings, payments, refunds, disputes
                in access exclusive mode;
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

-- Amounts --------------------------------------------------------------------------------------

-- Rounds half up to the unit of the currency. The list equals `lib/src/values/currency.rs`.
create function round_to_unit(amount numeric, currency text) returns numeric
language sql immutable as $$
    select round(amount, case when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF',
        'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 0 else 2 end)
$$;

-- The tax that an amount includes. The rate is in percent.
create function included_tax(amount numeric, rate numeric, currency text) returns numeric
language sql immutable as $$
    select round_to_unit(amount * rate / (100 + rate), currency)
$$;

-- Products ---------------------------------------------------------------------------------------

-- What was sold keeps its own price, credits, and days. A product is retired and never deleted.
create table products (
    id uuid primary key,
    kind text not null constraint products_kind_known
        check (kind in ('pass', 'membership', 'course', 'gift_card')),
    name varchar(100) not null,
    description text not null default '',
    price numeric(10, 2) not null constraint products_price check (price >= 0),
    -- In percent. What a gift card buys is taxed, and not the card.
    tax_rate numeric(5, 2) not null default 0
        constraint products_tax_rate check (tax_rate between 0 and 100),
    -- Of passes and memberships. Null: unlimited.
    credits integer constraint products_credits check (credits > 0),
    -- Of passes: how long a pass is good, and from when on.
    days integer constraint products_days check (days > 0),
    starts text constraint products_starts_known check (starts in ('purchase', 'first_class')),
    -- How often a member can buy it. Null: any number.
    per_member integer constraint products_per_member check (per_member > 0),
    -- Of memberships: the billing period.
    every text constraint products_every_known check (every in ('week', 'month', 'year')),
    -- Of courses: whether its classes can be booked one by one.
    drop_in boolean not null default false,
    -- The provider's id of the product. Null: the provider does not know it.
    provider_product text constraint products_provider_product_key unique,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint products_pass check (
        (kind = 'pass') = (days is not null) and (kind = 'pass') = (starts is not null)),
    constraint products_membership check ((kind = 'membership') = (every is not null)),
    constraint products_with_credits check (credits is null or kind in ('pass', 'membership')),
    constraint products_course check (not drop_in or kind = 'course'),
    constraint products_gift_card check (kind <> 'gift_card' or tax_rate = 0)
);

create index products_active_idx on products (kind, name) where is_active;

create trigger products_updated_at before update on products
    for each row execute function set_updated_at();

-- The class types that a product is good for. No row: all.
create table product_class_types (
    product_id uuid not null references products on delete restrict,
    class_type_id uuid not null references class_types on delete restrict,
    primary key (product_id, class_type_id)
);

create index product_class_types_class_type_idx on product_class_types (class_type_id);

alter table class_types
    add column tax_rate numeric(5, 2) not null default 0
        constraint class_types_tax_rate check (tax_rate between 0 and 100);

alter table scheduled_classes
    -- The studio's day of the start. The program writes it, because the database has no time
    -- zones of its own. Null: not written yet.
    add column local_date date,
    -- Null: not a class of a course.
    add column course_id uuid references products on delete restrict,
    -- Spots beyond the capacity that staff have given.
    add column extra_places integer not null default 0,
    drop constraint scheduled_classes_places,
    add constraint scheduled_classes_places check (extra_places >= 0
        and current_participants between 0 and max_participants + extra_places) not valid;

create index scheduled_classes_course_idx on scheduled_classes (course_id)
    where course_id is not null;

-- Promotion codes -------------------------------------------------------------------------------

create table promo_codes (
    id uuid primary key,
    code varchar(50) not null constraint promo_codes_code_key unique
        constraint promo_codes_code_upper check (code = upper(code) and code <> ''),
    percent numeric(5, 2) constraint promo_codes_percent check (percent > 0 and percent <= 100),
    amount numeric(10, 2) constraint promo_codes_amount check (amount > 0),
    starts timestamptz,
    ends timestamptz,
    applies_to text[] not null constraint promo_codes_applies_to check (
        applies_to <> '{}' and applies_to <@ array['class', 'pass', 'course']),
    -- Null, both: any number.
    max_uses integer constraint promo_codes_max_uses check (max_uses > 0),
    per_member integer constraint promo_codes_per_member check (per_member > 0),
    -- The orders with the code that are not cancelled. A trigger counts them.
    uses integer not null default 0,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint promo_codes_discount check ((percent is null) <> (amount is null)),
    constraint promo_codes_period check (ends > starts),
    constraint promo_codes_uses check (uses >= 0 and (max_uses is null or uses <= max_uses))
);

create trigger promo_codes_updated_at before update on promo_codes
    for each row execute function set_updated_at();

-- Orders -----------------------------------------------------------------------------------------

-- An open order is the only debt.
create table orders (
    id uuid primary key,
    -- Null: somebody without an account, at the desk.
    user_id uuid references users on delete restrict,
    currency char(3) not null,
    -- The sum of the lines that are not cancelled. A trigger keeps it.
    total numeric(10, 2) not null default 0 constraint orders_total check (total >= 0),
    -- Refunds and disputes are shown from their rows and do not change the state.
    state text not null default 'open'
        constraint orders_state_known check (state in ('open', 'paid', 'cancelled')),
    promo_code_id uuid references promo_codes on delete restrict,
    -- The member of staff. Null: the member ordered.
    sold_by uuid references users on delete restrict,
    -- Null, both: not paid, or paid before receipts had numbers.
    receipt_year integer,
    receipt_no integer constraint orders_receipt_no check (receipt_no > 0),
    -- The name on the receipt.
    buyer text,
    settled_at timestamptz,
    cancelled_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default now(),
    constraint orders_receipt_key unique (receipt_year, receipt_no),
    constraint orders_receipt check (
        (receipt_year is null) = (receipt_no is null) and (receipt_no is null or state = 'paid')),
    constraint orders_settled check ((state = 'paid') = (settled_at is not null)),
    constraint orders_cancelled check ((state = 'cancelled') = (cancelled_at is not null))
);

create index orders_user_idx on orders (user_id, created_at, id);
create index orders_open_idx on orders (created_at, id) where state = 'open';
create index orders_promo_code_idx on orders (promo_code_id) where promo_code_id is not null;
create index orders_sold_by_idx on orders (sold_by) where sold_by is not null;

create trigger orders_updated_at before update on orders
    for each row execute function set_updated_at();

create function check_order_state() returns trigger language plpgsql as $$
begin
    if old.state <> 'open' then
        raise exception 'an order does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'orders_forward';
    end if;
    return new;
end
$$;

create trigger orders_forward before update of state on orders
    for each row when (old.state <> new.state) execute function check_order_state();

create table order_lines (
    id uuid primary key,
    order_id uuid not null references orders on delete restrict,
    kind text not null constraint order_lines_kind_known
        check (kind in ('class', 'pass', 'membership', 'course', 'gift_card', 'fee')),
    product_id uuid references products on delete restrict,
    -- What was agreed on.
    description text not null,
    unit_price numeric(10, 2) not null constraint order_lines_unit_price check (unit_price >= 0),
    quantity integer not null default 1 constraint order_lines_quantity check (quantity > 0),
    discount numeric(10, 2) not null default 0,
    -- What is paid, after the discount and with the tax.
    amount numeric(10, 2) not null constraint order_lines_amount check (amount >= 0),
    tax_rate numeric(5, 2) not null constraint order_lines_tax_rate check (tax_rate between 0 and 100),
    tax numeric(10, 2) not null,
    -- The booking that a fee is for.
    booking_id uuid references bookings on delete restrict,
    cancelled_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    constraint order_lines_tax check (tax between 0 and amount),
    constraint order_lines_discount check (discount between 0 and unit_price * quantity),
    constraint order_lines_product check ((kind in ('class', 'fee')) = (product_id is null)),
    constraint order_lines_fee check ((kind = 'fee') = (booking_id is not null))
);

create index order_lines_order_idx on order_lines (order_id);
create index order_lines_product_idx on order_lines (product_id) where product_id is not null;
create index order_lines_booking_idx on order_lines (booking_id) where booking_id is not null;

create function keep_order_total() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.cancelled_at is null then
        update orders set total = total - old.amount where id = old.order_id;
    end if;
    if tg_op <> 'DELETE' and new.cancelled_at is null then
        update orders set total = total + new.amount where id = new.order_id;
    end if;
    return null;
end
$$;

create trigger order_lines_total
    after insert or delete or update of amount, cancelled_at, order_id on order_lines
    for each row execute function keep_order_total();

-- A cancelled order gives its use of the code back.
create function keep_promo_code_uses() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.state <> 'cancelled' then
        update promo_codes set uses = uses - 1 where id = old.promo_code_id;
    end if;
    if tg_op <> 'DELETE' and new.state <> 'cancelled' then
        update promo_codes set uses = uses + 1 where id = new.promo_code_id;
    end if;
    return null;
end
$$;

create trigger orders_promo_code_of_new after insert on orders
    for each row when (new.promo_code_id is not null) execute function keep_promo_code_uses();
create trigger orders_promo_code after update of promo_code_id, state on orders
    for each row when (
        (old.promo_code_id is not null or new.promo_code_id is not null)
        and (old.promo_code_id is distinct from new.promo_code_id or old.state <> new.state)
    ) execute function keep_promo_code_uses();
create trigger orders_promo_code_of_deleted after delete on orders
    for each row when (old.promo_code_id is not null) execute function keep_promo_code_uses();

-- The last receipt number of a year. Receipts have no gaps, because the number is rolled back
-- with the transaction that draws it.
create table receipt_counters (
    year integer primary key,
    last integer not null constraint receipt_counters_last check (last >= 0)
);

-- Passes and memberships --------------------------------------------------------------------------

-- A membership gives no right to come. Its paid periods do, which are passes.
create table memberships (
    id uuid primary key,
    user_id uuid not null references users on delete restrict,
    product_id uuid not null references products on delete restrict,
    status text not null default 'starting' constraint memberships_status_known
        check (status in ('starting', 'active', 'past_due', 'paused', 'ended')),
    provider_subscription text constraint memberships_provider_subscription_key unique,
    -- The provider's id of the checkout in which it is bought.
    checkout text constraint memberships_checkout_key unique,
    period_end timestamptz,
    cancel_at timestamptz,
    -- Numbers of the requests to read the subscription, and of the newest one that was stored.
    sync_wanted bigint not null default 0,
    sync_done bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint memberships_sync check (sync_done between 0 and sync_wanted)
);

create unique index memberships_active_key on memberships (user_id) where status <> 'ended';
create index memberships_user_idx on memberships (user_id, created_at, id);
create index memberships_product_idx on memberships (product_id);
create index memberships_sync_idx on memberships (updated_at) where sync_done < sync_wanted;

create trigger memberships_updated_at before update on memberships
    for each row execute function set_updated_at();

-- The only right to come.
create table passes (
    id uuid primary key,
    user_id uuid not null references users on delete restrict,
    product_id uuid not null references products on delete restrict,
    -- Issued once for a line. Null: the next period of a membership, which is not paid yet, or a
    -- pass that staff gave.
    order_line_id uuid references order_lines on delete restrict
        constraint passes_order_line_key unique,
    membership_id uuid references memberships on delete restrict,
    status text not null default 'live'
        constraint passes_status_known check (status in ('awaiting', 'live', 'revoked')),
    -- Null: unlimited.
    credits integer constraint passes_credits_total check (credits > 0),
    -- Counted from the bookings by a trigger.
    credits_used integer not null default 0,
    days integer not null constraint passes_days check (days > 0),
    -- In the studio's calendar, both inclusive. Null: it begins with the first class.
    first_day date,
    last_day date,
    frozen_from date,
    frozen_to date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint passes_credits
        check (credits_used >= 0 and (credits is null or credits_used <= credits)),
    constraint passes_period
        check ((first_day is null) = (last_day is null) and first_day <= last_day),
    constraint passes_freeze
        check ((frozen_from is null) = (frozen_to is null) and frozen_from <= frozen_to),
    constraint passes_membership_period_key unique (membership_id, first_day)
);

create index passes_user_idx on passes (user_id, last_day, id);
create index passes_product_idx on passes (product_id);

create trigger passes_updated_at before update on passes
    for each row execute function set_updated_at();

create function check_pass_status() returns trigger language plpgsql as $$
begin
    if new.status = 'awaiting' then
        raise exception 'a pass does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'passes_forward';
    end if;
    return new;
end
$$;

create trigger passes_forward before update of status on passes
    for each row when (old.status <> new.status) execute function check_pass_status();

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed', tg_table_name
        using errcode = 'check_violation', constraint = tg_table_name || '_append_only';
end
$$;

-- What staff or a rule have changed about a pass.
create table pass_changes (
    id uuid primary key,
    pass_id uuid not null references passes on delete restrict,
    what text not null constraint pass_changes_what_known
        check (what in ('credits', 'last_day', 'freeze', 'status')),
    -- Credits or days.
    by_how_much integer,
    reason text not null,
    -- The member of staff. Null: a rule.
    by uuid references users on delete restrict,
    created_at timestamptz not null default clock_timestamp()
);

create index pass_changes_pass_idx on pass_changes (pass_id, created_at);
create index pass_changes_by_idx on pass_changes (by) where by is not null;

create trigger pass_changes_append_only before update or delete on pass_changes
    for each row execute function refuse_change();

alter table users
    -- The provider's id of the customer.
    add column provider_customer text constraint users_provider_customer_key unique;

-- Wallets ----------------------------------------------------------------------------------------

-- The only stored value: gift cards, and the account of a member.
create table wallets (
    id uuid primary key,
    kind text not null constraint wallets_kind_known check (kind in ('gift', 'account')),
    user_id uuid references users on delete restrict,
    -- SHA-256 of the code of a gift card.
    code_hash varchar(64) constraint wallets_code_hash_key unique,
    -- The line that a gift card was bought with.
    order_line_id uuid references order_lines on delete restrict,
    -- The sum of the entries. A trigger keeps it.
    balance numeric(10, 2) not null default 0 constraint wallets_balance check (balance >= 0),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint wallets_kind check (
        case kind when 'account' then user_id is not null and code_hash is null
            else user_id is null and code_hash is not null end)
);

create unique index wallets_account_key on wallets (user_id) where kind = 'account';
create index wallets_order_line_idx on wallets (order_line_id) where order_line_id is not null;

create trigger wallets_updated_at before update on wallets
    for each row execute function set_updated_at();

-- Payments ---------------------------------------------------------------------------------------

alter table payments
    -- Required by a later migration.
    add column order_id uuid references orders on delete restrict,
    -- `desk`: cash, card terminal, or transfer. Which one was not recorded.
    add column tender text constraint payments_tender_known check (tender in
        ('card', 'cash', 'terminal', 'transfer', 'gift', 'account', 'desk')),
    add column wallet_id uuid references wallets on delete restrict,
    -- `status` without the refunds.
    add column state text constraint payments_state_known
        check (state in ('pending', 'paid', 'failed', 'cancelled')),
    -- The member of staff who has taken the money. Null: nobody, or it was not recorded.
    add column taken_by uuid references users on delete restrict,
    -- Null: the order is not of one booking, the order has no member, and the previous version
    -- of the program must not send the payment to the provider. No such payment is made before
    -- a version that can read it runs everywhere.
    alter column booking_id drop not null,
    alter column user_id drop not null,
    alter column method drop not null,
    add constraint payments_subject check (booking_id is not null or order_id is not null) not valid,
    add constraint payments_wallet
        check ((tender in ('gift', 'account')) = (wallet_id is not null)) not valid,
    drop constraint payments_booking_id_fkey,
    drop constraint payments_user_id_fkey,
    add constraint payments_booking_id_fkey
        foreign key (booking_id) references bookings on delete restrict not valid,
    add constraint payments_user_id_fkey
        foreign key (user_id) references users on delete restrict not valid;

create index payments_order_idx on payments (order_id);
create unique index payments_pending_card_key on payments (order_id)
    where state = 'pending' and tender = 'card';
create index payments_wallet_idx on payments (wallet_id) where wallet_id is not null;
create index payments_taken_by_idx on payments (taken_by) where taken_by is not null;

alter table refunds
    -- What is given back. Null: the provider has made the refund and staff have not said what for,
    -- or the money came too late and has paid for nothing.
    add column order_line_id uuid references order_lines on delete restrict,
    -- The tax in the amount. Required by a later migration.
    add column tax numeric(10, 2),
    drop constraint refunds_method_known,
    add constraint refunds_method_known
        check (method in ('original', 'cash', 'transfer', 'account')) not valid,
    add constraint refunds_tax check (tax between 0 and amount) not valid;

create index refunds_order_line_idx on refunds (order_line_id) where order_line_id is not null;

create table wallet_entries (
    id uuid primary key,
    wallet_id uuid not null references wallets on delete restrict,
    change numeric(10, 2) not null constraint wallet_entries_change check (change <> 0),
    reason text not null constraint wallet_entries_reason_known
        check (reason in ('issue', 'pay', 'release', 'refund', 'correct')),
    payment_id uuid references payments on delete restrict,
    refund_id uuid references refunds on delete restrict,
    -- The member of staff, and why, for corrections.
    by uuid references users on delete restrict,
    note text,
    created_at timestamptz not null default clock_timestamp(),
    constraint wallet_entries_payment check ((reason in ('pay', 'release')) = (payment_id is not null)),
    constraint wallet_entries_refund check ((reason = 'refund') = (refund_id is not null)),
    constraint wallet_entries_payment_key unique (payment_id, reason),
    constraint wallet_entries_refund_key unique (refund_id, reason)
);

create index wallet_entries_wallet_idx on wallet_entries (wallet_id, created_at);
create index wallet_entries_by_idx on wallet_entries (by) where by is not null;

create trigger wallet_entries_append_only before update or delete on wallet_entries
    for each row execute function refuse_change();

create function keep_wallet_balance() returns trigger language plpgsql as $$
begin
    update wallets set balance = balance + new.change where id = new.wallet_id;
    return null;
end
$$;

create trigger wallet_entries_balance after insert on wallet_entries
    for each row execute function keep_wallet_balance();

-- The provider's list of what has moved on its account.
create table provider_entries (
    id text primary key,
    kind text not null,
    amount numeric(10, 2) not null,
    fee numeric(10, 2) not null,
    net numeric(10, 2) not null,
    currency char(3) not null,
    -- The provider's ids of the charge or refund, and of the transfer to the bank.
    source text,
    payout text,
    entered_at timestamptz not null,
    constraint provider_entries_net check (net = amount - fee)
);

create index provider_entries_entered_idx on provider_entries (entered_at, id);
create index provider_entries_payout_idx on provider_entries (payout) where payout is not null;

-- Bookings ---------------------------------------------------------------------------------------

alter table bookings
    -- Null: nothing yet. `untracked`: a class before this migration that has no payment.
    add column paid_by text,
    add column pass_id uuid references passes on delete restrict,
    -- Of bookings by a pass. False: the credit was given back.
    add column uses_credit boolean,
    -- A class line, a course line, or the line of a pass that is being bought.
    add column order_line_id uuid references order_lines on delete restrict,
    -- The spot is lost then, unless it is paid. Null: it stands.
    add column hold_until timestamptz,
    drop constraint bookings_user_id_fkey,
    add constraint bookings_user_id_fkey
        foreign key (user_id) references users on delete restrict not valid;

create index bookings_pass_idx on bookings (pass_id) where pass_id is not null;
create index bookings_order_line_idx on bookings (order_line_id) where order_line_id is not null;

create function keep_credits_used() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.uses_credit then
        update passes set credits_used = credits_used - 1 where id = old.pass_id;
    end if;
    if tg_op <> 'DELETE' and new.uses_credit then
        update passes set credits_used = credits_used + 1 where id = new.pass_id;
    end if;
    return null;
end
$$;

create trigger bookings_credits_of_new after insert on bookings
    for each row when (new.uses_credit) execute function keep_credits_used();
create trigger bookings_credits after update of pass_id, uses_credit on bookings
    for each row when (
        (old.pass_id, old.uses_credit) is distinct from (new.pass_id, new.uses_credit)
    ) execute function keep_credits_used();
create trigger bookings_credits_of_deleted after delete on bookings
    for each row when (old.uses_credit) execute function keep_credits_used();

-- What the previous version of the program writes --------------------------------------------------

-- Rejects a booking that has not exactly the columns of what pays for it. A check constraint makes
-- a booking 5 % slower, because Postgres prepares its expression anew for each insert.
create function check_payer(booking bookings) returns void language plpgsql as $$
begin
    if not (case
        when booking.paid_by is null or booking.paid_by in ('free', 'comp', 'untracked')
            then num_nonnulls(booking.order_line_id, booking.pass_id, booking.uses_credit) = 0
        when booking.paid_by = 'order'
            then booking.order_line_id is not null
                and num_nonnulls(booking.pass_id, booking.uses_credit) = 0
        when booking.paid_by = 'pass'
            then booking.order_line_id is null
                and num_nonnulls(booking.pass_id, booking.uses_credit) = 2
        else false end)
    then
        raise exception 'a booking does not fit what pays for it'
            using errcode = 'check_violation', constraint = 'bookings_paid_by';
    end if;
end
$$;

create function check_changed_payer() returns trigger language plpgsql as $$
begin
    perform check_payer(new);
    return new;
end
$$;

create trigger bookings_paid_by
    before update of paid_by, order_line_id, pass_id, uses_credit on bookings
    for each row execute function check_changed_payer();

-- As in 0011, and also looks at what pays for a new booking. A trigger of its own would make each
-- booking slower.
create or replace function keep_free_until() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        new.free_until = greatest(old.free_until, new.free_until);
    elsif new.paid_by is not null or new.order_line_id is not null or new.pass_id is not null
        or new.uses_credit is not null
    then
        perform check_payer(new);
    elsif new.price = 0 then
        new.paid_by = 'free';
    end if;
    if new.free_until is null and new.status in ('booked', 'attended', 'no_show') then
        select start_time - default_cancellation_window() into new.free_until
        from scheduled_classes where id = new.scheduled_class_id;
    end if;
    return new;
end
$$;

-- An order of a booking that is cancelled before it is paid is cancelled, too.
create function cancel_order_line(line_id uuid, at timestamptz) returns void language plpgsql as $$
declare
    line order_lines;
begin
    select l.* into line from order_lines l join orders o on o.id = l.order_id
    where l.id = line_id and l.kind = 'class' and l.cancelled_at is null and o.state = 'open'
    for no key update of o;
    if not found then
        return;
    end if;
    update order_lines set cancelled_at = at where id = line.id;
    update orders o set state = 'cancelled', cancelled_at = at
    where o.id = line.order_id and o.state = 'open' and not exists (
        select from order_lines l where l.order_id = o.id and l.cancelled_at is null);
end
$$;

create function cancel_order_of_booking() returns trigger language plpgsql as $$
begin
    perform cancel_order_line(new.order_line_id, new.cancelled_at);
    return null;
end
$$;

create trigger bookings_order after update of status on bookings
    for each row when (
        new.status = 'cancelled' and old.status <> 'cancelled' and new.order_line_id is not null
    ) execute function cancel_order_of_booking();

-- Finds the order of a booking for a payment, or makes one. The order of a booking that was
-- cancelled before it was paid stays cancelled, and another payment gets another order.
create function order_of_booking(payment payments) returns uuid language plpgsql as $$
declare
    booking record;
    found_id uuid;
    line_id uuid;
begin
    -- Locked, so that two payments do not make two orders. The program locks the class before.
    select b.order_line_id, b.status, b.cancelled_at, c.title, t.tax_rate into booking
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    join class_types t on t.id = c.class_type_id
    where b.id = payment.booking_id for no key update of b;
    select o.id into found_id from order_lines l join orders o on o.id = l.order_id
    where l.id = booking.order_line_id
      and (o.state <> 'cancelled' or payment.state in ('cancelled', 'failed'));
    if found_id is not null then
        return found_id;
    end if;
    found_id = gen_random_uuid();
    line_id = gen_random_uuid();
    insert into orders (id, user_id, currency, created_at)
    values (found_id, payment.user_id, payment.currency, payment.created_at);
    insert into order_lines (id, order_id, kind, description, unit_price, amount, tax_rate, tax,
        created_at)
    values (line_id, found_id, 'class', booking.title, payment.amount, payment.amount,
        booking.tax_rate, included_tax(payment.amount, booking.tax_rate, payment.currency),
        payment.created_at);
    update bookings set paid_by = 'order', order_line_id = line_id, pass_id = null,
        uses_credit = null
    where id = payment.booking_id;
    if booking.status = 'cancelled' and payment.state <> 'paid' then
        perform cancel_order_line(line_id, booking.cancelled_at);
    end if;
    return found_id;
end
$$;

-- Keeps `state` and `status`, and `tender` and `method`, in step, whichever is written. The state
-- moves only forward. Money can come after a payment was given up.
create function keep_payment_state() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state is not null and new.status = 'pending' then
            new.status = new.state;
        end if;
        if new.tender is not null and new.method is null then
            new.method = case when new.tender = 'card' then 'card'
                when new.tender not in ('gift', 'account') then 'desk' end;
        end if;
    elsif new.status = old.status and new.state is distinct from old.state then
        if old.state is not null and not (
            old.state = 'pending' or (old.state in ('failed', 'cancelled') and new.state = 'paid')
        ) then
            raise exception 'a payment does not go from % to %', old.state, new.state
                using errcode = 'check_violation', constraint = 'payments_forward';
        end if;
        if new.state <> 'paid' or old.status not in ('paid', 'refund_due', 'refunded') then
            new.status = new.state;
        end if;
    end if;
    new.state = case when new.status in ('refund_due', 'refunded') then 'paid' else new.status end;
    new.tender = coalesce(new.tender, new.method);
    if new.order_id is null and new.booking_id is not null then
        new.order_id = order_of_booking(new);
    end if;
    return new;
end
$$;

create trigger payments_state before insert or update of status, state on payments
    for each row execute function keep_payment_state();

-- An order is paid when the money for it is there. Money that comes after its payment was given
-- up is given back by the program and does not pay the order.
create function settle_order_of_payment() returns trigger language plpgsql as $$
begin
    update orders o set state = 'paid', settled_at = coalesce(new.paid_at, now())
    where o.id = new.order_id and o.state = 'open' and o.total <= (
        select sum(p.amount) from payments p where p.order_id = o.id and p.state = 'paid');
    return null;
end
$$;

create trigger payments_order_of_new after insert on payments
    for each row when (new.state = 'paid') execute function settle_order_of_payment();
-- The state is null in payments that 0027 has not changed yet.
create trigger payments_order after update of status, state on payments
    for each row when (
        new.state = 'paid' and (old.state = 'pending'
            or (old.state is null and old.status not in ('failed', 'cancelled')))
    ) execute function settle_order_of_payment();

-- A payment that another booking takes over brings its order with it.
create function move_order_of_payment() returns trigger language plpgsql as $$
declare
    line_id uuid;
    previous_line_id uuid;
begin
    -- Makes the order of a payment that 0027 has not changed yet.
    update payments set status = status where id = new.id and order_id is null;
    update bookings b set paid_by = null, order_line_id = null
    from order_lines l
    where b.id = old.booking_id and l.id = b.order_line_id and l.order_id = new.order_id
    returning l.id into line_id;
    if line_id is null then
        return null;
    end if;
    select order_line_id into previous_line_id from bookings where id = new.booking_id;
    perform cancel_order_line(previous_line_id, now());
    update bookings set paid_by = 'order', order_line_id = line_id, pass_id = null,
        uses_credit = null
    where id = new.booking_id;
    return null;
end
$$;

create trigger payments_order_moved after update of booking_id on payments
    for each row when (old.booking_id <> new.booking_id) execute function move_order_of_payment();

-- Says what a refund gives back, if its order has a single line, and how much tax is in it. The
-- tax of all refunds of a line adds up to the tax of the line, because it is rounded on their sum.
-- The name puts the trigger after `refunds_of_dispute`, which locks the payment.
create function note_refunded_line() returns trigger language plpgsql as $$
declare
    line order_lines;
    currency text;
    refunded record;
begin
    -- Makes the order of a payment that 0027 has not changed yet.
    update payments set status = status where id = new.payment_id and order_id is null;
    if new.order_line_id is null and not exists (
        select from refunds r where r.payment_id = new.payment_id and r.order_line_id is null
    ) then
        select (array_agg(l.id))[1] into new.order_line_id
        from payments p
        join orders o on o.id = p.order_id and o.state = 'paid'
        join order_lines l on l.order_id = o.id and l.cancelled_at is null
        where p.id = new.payment_id and p.state = 'paid'
        having count(*) = 1;
    end if;
    if new.tax is null and new.order_line_id is not null then
        select * into line from order_lines where id = new.order_line_id for no key update;
        select o.currency into currency from orders o where o.id = line.order_id;
        select coalesce(sum(r.amount), 0) as amount, coalesce(sum(r.tax), 0) as tax into refunded
        from refunds r
        where r.order_line_id = line.id and r.state in ('due', 'sent', 'done');
        new.tax = greatest(0, least(new.amount, round_to_unit(
            line.tax * least(refunded.amount + new.amount, line.amount) / nullif(line.amount, 0),
            currency) - refunded.tax));
    end if;
    new.tax = coalesce(new.tax, 0);
    return new;
end
$$;

create trigger refunds_order_line before insert on refunds
    for each row execute function note_refunded_line();

-- Promo codes: what members enter to pay less. The previous version of the program sells without
-- codes. When it cancels an order, a trigger gives the use of the code back.

-- Waits for both locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table orders, order_lines in access exclusive mode;
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

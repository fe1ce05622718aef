-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table products, orders, order_lines, payments, refunds, promo_codes, wallets in access exclusive mode;
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

-- The previous schema has no gift cards. What it cannot hold is counted before it is lost.
do $$
declare
    lost record;
begin
    select (select count(*) from wallets) as cards, (select coalesce(sum(balance), 0) from wallets) as money
    into lost;
    if lost.cards > 0 then
        raise warning 'lost: % gift cards with a balance of % together', lost.cards, lost.money;
    end if;
end
$$;

drop trigger orders_gift_payment on orders;
drop function pay_gift_payment();
drop trigger refunds_wallet on refunds;
drop function track_wallet_refund();
drop trigger payments_wallet on payments;
drop trigger payments_wallet_of_new on payments;
drop function track_gift_payment();
drop table wallet_entries;
drop function keep_wallet_balance();
-- What gift cards have paid stays paid, as a transfer. Open orders are paid by card alone, so those
-- that a gift card was to pay for in part are cancelled, and so are those of gift cards.
with ended as (
    update orders o set state = 'cancelled', cancelled_at = now()
    where state = 'open' and (
        exists (select from payments p
            where p.order_id = o.id and p.tender = 'gift' and p.status = 'pending')
        or exists (select from order_lines l where l.order_id = o.id and l.kind = 'gift_card'))
    returning id
)
update payments p set status = 'cancelled', next_attempt_at = now()
from ended where p.order_id = ended.id and p.status = 'pending';
alter table payments
    drop constraint payments_wallet,
    drop column wallet_id;
update payments set tender = 'transfer' where tender = 'gift';
drop table wallets;
alter table payments
    drop constraint payments_tender_known,
    add constraint payments_tender_known
        check (tender in ('card', 'cash', 'terminal', 'transfer'));
drop index payments_gift_order_key;
drop index payments_pending_order_key;
create unique index payments_pending_order_key on payments (order_id) where status = 'pending';
-- Gift cards that were sold become passes that are not sold any more and that nobody has.
alter table products drop constraint products_gift_card;
update products set kind = 'pass', days = 1, starts = 'purchase', is_active = false
where kind = 'gift_card';
update order_lines set kind = 'pass', days = 1, starts = 'purchase' where kind = 'gift_card';
alter table products
    drop constraint products_kind_known,
    drop constraint products_of_pass,
    add constraint products_kind_known check (kind in ('pass')),
    alter column days set not null,
    alter column starts set not null;
alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known check (kind in ('pass'));

-- Orders keep what was paid. How much a code has taken off is lost.
do $$
declare
    lost record;
begin
    select (select count(*) from promo_codes) as codes,
        (select count(*) from orders where promo_code_id is not null) as orders
    into lost;
    if lost.codes > 0 then
        raise warning 'lost: % promo codes, which % orders have used', lost.codes, lost.orders;
    end if;
end
$$;

drop trigger orders_promo_code on orders;
drop trigger orders_promo_code_of_new on orders;
drop function track_promo_code_uses();
alter table order_lines
    drop column unit_price;
alter table order_lines
    drop column discount;
alter table orders drop column promo_code_id;
drop table promo_codes;

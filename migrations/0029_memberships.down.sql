-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, scheduled_classes, products, orders, order_lines, bookings, passes,
                memberships in access exclusive mode;
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

-- The previous schema has no memberships. Their paid orders and passes stay, and their products
-- become passes that are no longer sold. Stripe goes on with the subscriptions.
do $$
declare
    lost bigint;
begin
    select count(*) into lost from memberships where status <> 'ended';
    if lost > 0 then
        raise warning 'lost: % memberships; end their subscriptions at Stripe', lost;
    end if;
end
$$;

-- A pass that is not paid cannot stay. Its bookings are to be paid again, as if it were revoked.
update bookings b set price = b.price_without_pass, pass_id = null, uses_credit = null,
    pass_day = null, price_without_pass = null
from passes p where p.id = b.pass_id and p.order_line_id is null;
delete from pass_changes c using passes p where p.id = c.pass_id and p.order_line_id is null;
delete from passes where order_line_id is null;
alter table passes
    drop constraint passes_order_line,
    drop constraint passes_period_key,
    drop column membership_id,
    alter column order_line_id set not null;
drop table memberships;
alter table orders drop column provider_invoice;
update order_lines set kind = 'pass' where kind = 'membership';
alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known check (kind in ('pass', 'gift_card'));
alter table products drop constraint products_every, drop constraint products_of_membership;
update products set kind = 'pass', is_active = false where kind = 'membership';
alter table products
    drop column every,
    drop constraint products_kind_known,
    add constraint products_kind_known check (kind in ('pass', 'gift_card'));
alter table users drop column provider_customer;

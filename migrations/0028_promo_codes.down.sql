-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table orders, order_lines, promo_codes in access exclusive mode;
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

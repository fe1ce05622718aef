-- Makes the orders of the payments until now, and validates the constraints of 0026. Bookings,
-- payments, and refunds can be read meanwhile, and writing them waits.

-- Waits for all locks together and lets go of them between the attempts, as in 0026.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table bookings, payments, refunds in share row exclusive mode;
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

-- The bookings with payments, and the payment that has paid for each: the last one that came
-- before the booking was cancelled. Money that came later was given back and has paid nothing.
create temporary table new_orders on commit drop as
select b.id as booking_id, gen_random_uuid() as order_id, gen_random_uuid() as line_id,
    first.user_id, first.currency, coalesce(paid.amount, last.amount) as amount,
    first.created_at, paid.id as payment_id,
    coalesce(paid.paid_at, paid.created_at) as settled_at,
    case when paid.id is null then b.cancelled_at end as cancelled_at,
    c.title, t.tax_rate
from bookings b
join scheduled_classes c on c.id = b.scheduled_class_id
join class_types t on t.id = c.class_type_id
cross join lateral (
    select user_id, currency, created_at from payments p
    where p.booking_id = b.id order by created_at, id limit 1
) first
cross join lateral (
    select amount from payments p where p.booking_id = b.id order by created_at desc, id desc limit 1
) last
left join lateral (
    select id, amount, paid_at, created_at from payments p
    where p.booking_id = b.id and (p.status = 'paid' or (p.status in ('refund_due', 'refunded')
        and (b.cancelled_at is null or p.paid_at is null or p.paid_at <= b.cancelled_at)))
    order by p.status = 'paid' desc, p.created_at desc, p.id desc limit 1
) paid on true
where b.order_line_id is null;

create unique index on new_orders (booking_id);
analyze new_orders;

insert into orders (id, user_id, currency, total, state, settled_at, cancelled_at, created_at)
select order_id, user_id, currency, case when cancelled_at is null then amount else 0 end,
    case when settled_at is not null then 'paid' when cancelled_at is not null then 'cancelled'
        else 'open' end,
    settled_at, cancelled_at, created_at
from new_orders;

alter table order_lines disable trigger order_lines_total;
insert into order_lines (id, order_id, kind, description, unit_price, amount, tax_rate, tax,
    cancelled_at, created_at)
select line_id, order_id, 'class', title, amount, amount, tax_rate,
    included_tax(amount, tax_rate, currency), cancelled_at, created_at
from new_orders;
alter table order_lines enable trigger order_lines_total;

-- The triggers have nothing to do, and the times of the last change stay as they are.
alter table bookings disable trigger user;
alter table payments disable trigger user;
alter table refunds disable trigger user;

update bookings b set paid_by = 'order', order_line_id = n.line_id
from new_orders n where n.booking_id = b.id;

update bookings b set paid_by = case when b.price = 0 then 'free' else 'untracked' end
from scheduled_classes c
where c.id = b.scheduled_class_id and b.paid_by is null
  and (b.price = 0 or (c.start_time <= now() and b.status in ('booked', 'attended', 'no_show')));

-- Payments since 0026 have an order.
update payments p set order_id = l.order_id, tender = p.method,
    state = case when p.status in ('refund_due', 'refunded') then 'paid' else p.status end
from bookings b join order_lines l on l.id = b.order_line_id
where b.id = p.booking_id and p.order_id is null;

-- Until now there were no rates of tax.
update refunds r set tax = 0, order_line_id = n.line_id
from refunds other left join new_orders n on n.payment_id = other.payment_id
where r.id = other.id and r.tax is null;

alter table bookings enable trigger user;
alter table payments enable trigger user;
alter table refunds enable trigger user;

alter table scheduled_classes validate constraint scheduled_classes_places;
alter table bookings validate constraint bookings_user_id_fkey;
alter table payments validate constraint payments_subject;
alter table payments validate constraint payments_wallet;
alter table payments validate constraint payments_booking_id_fkey;
alter table payments validate constraint payments_user_id_fkey;
alter table refunds validate constraint refunds_method_known;
alter table refunds validate constraint refunds_tax;

-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table products, scheduled_classes, bookings, orders, order_lines, payments,
                promo_codes in access exclusive mode;
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

-- The previous schema has no courses. What it cannot hold is counted before it is lost. The bookings
-- of paid courses stay, free of charge.
do $$
declare
    lost record;
begin
    select (select count(*) from products where kind = 'course') as courses,
        (select count(*) from bookings b join order_lines l on l.id = b.course_line_id
            join orders o on o.id = l.order_id where o.state = 'paid') as bookings,
        (select count(distinct o.id) from orders o join order_lines l on l.order_id = o.id
            where o.state = 'open' and l.kind = 'course') as orders,
        (select count(*) from refunds r join payments p on p.id = r.payment_id
            where r.state = 'due' and p.tender in ('cash', 'terminal', 'transfer')) as refunds,
        (select count(*) from bookings where course_share_state = 'due') as shares,
        (select count(*) from bookings where course_disputed and price > 0) as unpaid
    into lost;
    if lost.courses > 0 then
        raise warning 'lost: % courses; % bookings are no longer part of one; % unpaid orders are '
            'cancelled; % refunds that are due at the desk cannot be recorded as paid out; % shares '
            'of cancelled bookings are not refunded; % bookings of disputed courses stay unpaid',
            lost.courses, lost.bookings, lost.orders, lost.refunds, lost.shares, lost.unpaid;
    end if;
end
$$;

-- An order of a course that is not paid is cancelled. The trigger gives up its spots.
with ended as (
    update orders o set state = 'cancelled', cancelled_at = now()
    where state = 'open' and exists (
        select from order_lines l where l.order_id = o.id and l.kind = 'course')
    returning id
)
update payments p set status = 'cancelled', next_attempt_at = now()
from ended where p.order_id = ended.id and p.status = 'pending';
drop trigger orders_course_spots on orders;
drop function release_course_spots();
drop function book_class(uuid, uuid, uuid, boolean, timestamptz, interval, interval, interval,
    integer, text, boolean, uuid, boolean, uuid, boolean, timestamptz, boolean);
alter table bookings
    drop column course_disputed,
    drop column course_share_refunded,
    drop column course_share_state,
    drop column course_share,
    drop column course_line_id;
alter table scheduled_classes drop column course_id;
alter table promo_codes drop constraint promo_codes_applies_to;
update promo_codes set applies_to = '{pass}', is_active = false where applies_to = '{course}';
update promo_codes set applies_to = '{pass}' where 'course' = any(applies_to);
alter table promo_codes
    add constraint promo_codes_applies_to
        check (applies_to <@ array['pass'] and cardinality(applies_to) > 0);
-- Courses that were sold become passes that are not sold any more and that nobody has.
alter table products
    drop constraint products_course,
    drop column drop_in;
update products set kind = 'pass', days = 1, starts = 'purchase', is_active = false
where kind = 'course';
update order_lines set kind = 'pass', days = 1, starts = 'purchase' where kind = 'course';
alter table products
    drop constraint products_kind_known,
    add constraint products_kind_known check (kind in ('pass', 'gift_card', 'membership'));
alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known check (kind in ('pass', 'gift_card', 'membership'));

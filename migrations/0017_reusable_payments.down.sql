create or replace function find_reusable_payment(
    member_id uuid, class_id uuid, with_refunds boolean
) returns payments language plpgsql as $$
declare
    payment payments;
begin
    select p.* into payment from bookings b join payments p on p.booking_id = b.id
    where b.user_id = member_id and b.scheduled_class_id = class_id and b.status = 'cancelled'
      and p.amount = b.price
      and (p.status = 'paid'
          or (with_refunds and p.status = 'refund_due' and p.attempts = 0))
      and not exists (select from disputes d where d.payment_id = p.id and d.withdrawn)
    order by p.status = 'paid' desc, p.created_at desc limit 1
    for no key update of p;
    if payment.status = 'refund_due' then
        perform from refunds r where r.payment_id = payment.id and r.state = 'due'
        for no key update;
        -- It may have been sent while this function waited for the lock.
        if not found or exists (
            select from refunds r where r.payment_id = payment.id and r.state in ('sent', 'done')
        ) then
            return null;
        end if;
    end if;
    return payment;
end
$$;

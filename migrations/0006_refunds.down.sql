-- The previous schema has one refund of the whole amount for each payment. A refund of
-- a part and a dispute cannot be kept: the money stays where it is, and the payment
-- stays `paid`.
do $$
declare
    parts bigint;
    disputed bigint;
begin
    select count(*) into parts from payments where refunded > 0 and status = 'paid';
    select count(*) into disputed from disputes;
    if parts > 0 or disputed > 0 then
        raise warning 'the refunds of % payments that are refunded in part and % disputes are lost',
            parts, disputed;
    end if;
end
$$;

drop trigger payments_refunds_of_new on payments;
drop trigger payments_refunds on payments;
drop function follow_payment_status();
drop table disputes;
drop table refunds;
drop function keep_payment_refunded();
drop function hold_refund_of_dispute();

create or replace function check_payment_status() returns trigger language plpgsql as $$
begin
    if not (old.status, new.status) in (
        ('pending', 'paid'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('paid', 'refund_due'), ('paid', 'refunded'), ('refund_due', 'refunded'),
        -- Paid after all, at a checkout that had been given up.
        ('failed', 'refund_due'), ('cancelled', 'refund_due')
    ) then
        raise exception 'a payment does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'payments_forward';
    end if;
    return new;
end
$$;

drop function payment_status(payments);
alter table payments drop constraint payments_refunded;
alter table payments drop column refunded;

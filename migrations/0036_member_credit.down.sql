-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, orders, payments, refunds, wallets, wallet_entries in access exclusive mode;
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

-- The previous schema cannot say whose credit a wallet is, and credit is money that the studio owes. So
-- the way back is refused once a member had credit. The previous version of the program also runs with
-- this schema.
do $$
declare
    kept record;
begin
    select (select count(distinct w.id) from wallets w join wallet_entries e on e.wallet_id = w.id
            where w.kind = 'credit') as wallets,
        (select coalesce(sum(balance), 0) from wallets where kind = 'credit') as money
    into kept;
    if kept.wallets > 0 then
        raise exception 'the credit of % members, % together, cannot be kept', kept.wallets, kept.money;
    end if;
end
$$;

drop trigger refunds_complete_wallet on refunds;
drop function complete_wallet_refund();
drop trigger users_empty_wallet on users;
drop function empty_closed_wallet();
create or replace function pay_gift_payment() returns trigger language plpgsql as $$
begin
    update payments set status = 'paid', paid_at = new.settled_at
    where order_id = new.id and tender = 'gift' and status = 'pending';
    return null;
end
$$;

create or replace function track_wallet_refund() returns trigger language plpgsql as $$
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

drop index wallet_entries_made_by_idx;
-- Wallets without entries have held nothing.
delete from wallets where kind = 'credit';
alter table wallet_entries
    drop constraint wallet_entries_staff,
    drop column made_by,
    drop column note,
    drop constraint wallet_entries_subject,
    add constraint wallet_entries_subject check (case
        when reason = 'issue' then num_nonnulls(payment_id, refund_id) = 0
        when reason in ('pay', 'release') then payment_id is not null and refund_id is null
        else refund_id is not null and payment_id is null end),
    drop constraint wallet_entries_reason_known,
    add constraint wallet_entries_reason_known
        check (reason in ('issue', 'pay', 'release', 'refund', 'correct'));

alter table refunds
    drop constraint refunds_method_known,
    add constraint refunds_method_known check (method in ('original', 'cash', 'transfer'));

drop index payments_credit_order_key;
drop index payments_pending_order_key;
create unique index payments_pending_order_key on payments (order_id)
    where status = 'pending' and tender is distinct from 'gift';
alter table payments
    drop constraint payments_wallet,
    add constraint payments_wallet check ((tender is not distinct from 'gift') = (wallet_id is not null)),
    drop constraint payments_tender_known,
    add constraint payments_tender_known
        check (tender in ('card', 'cash', 'terminal', 'transfer', 'gift'));

alter table wallets
    drop constraint wallets_owner,
    drop column user_id,
    alter column order_line_id set not null,
    alter column code_hash set not null,
    drop constraint wallets_kind_known,
    add constraint wallets_kind_known check (kind in ('gift'));

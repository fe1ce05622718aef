-- Credit: money that the studio keeps for a member. It is a wallet without a code. The previous version
-- of the program cannot list orders that are paid with credit, so staff add the first credit after the
-- deployment.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
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

alter table wallets
    drop constraint wallets_kind_known,
    add constraint wallets_kind_known check (kind in ('gift', 'credit')),
    alter column code_hash drop not null,
    alter column order_line_id drop not null,
    -- The member whose credit it is. Null for a gift card.
    add column user_id uuid constraint wallets_user_key unique references users on delete restrict,
    add constraint wallets_owner check (case kind
        when 'gift' then num_nulls(code_hash, order_line_id) = 0 and user_id is null
        else num_nonnulls(code_hash, order_line_id) = 0 and user_id is not null end);

alter table payments
    drop constraint payments_tender_known,
    add constraint payments_tender_known
        check (tender in ('card', 'cash', 'terminal', 'transfer', 'gift', 'credit')),
    drop constraint payments_wallet,
    add constraint payments_wallet
        check (coalesce(tender in ('gift', 'credit'), false) = (wallet_id is not null));

-- An order that is not paid yet can have one payment with credit and one with a gift card beside the
-- one by card.
drop index payments_pending_order_key;
create unique index payments_pending_order_key on payments (order_id)
    where status = 'pending' and wallet_id is null;
create unique index payments_credit_order_key on payments (order_id)
    where status in ('pending', 'paid') and tender = 'credit';

-- A refund with the method `account` goes to the member's credit.
alter table refunds
    drop constraint refunds_method_known,
    add constraint refunds_method_known check (method in ('original', 'cash', 'transfer', 'credit'));

-- `staff`: staff have added credit or taken it off. `closure`: the account was closed, and the rest of
-- its credit is lost.
alter table wallet_entries
    drop constraint wallet_entries_reason_known,
    add constraint wallet_entries_reason_known
        check (reason in ('issue', 'pay', 'release', 'refund', 'correct', 'staff', 'closure')),
    drop constraint wallet_entries_subject,
    add constraint wallet_entries_subject check (case
        when reason in ('issue', 'staff', 'closure') then num_nonnulls(payment_id, refund_id) = 0
        when reason in ('pay', 'release') then payment_id is not null and refund_id is null
        else refund_id is not null and payment_id is null end),
    -- Why staff have changed the credit. It is erased when the account is closed.
    add column note text,
    add column made_by uuid references users on delete restrict,
    add constraint wallet_entries_staff check (
        (reason = 'staff') = (made_by is not null) and (reason = 'staff') = (note is not null));

create index wallet_entries_made_by_idx on wallet_entries (made_by) where made_by is not null;

-- As before, and a refund to the member's credit raises it. The wallet of a refund is compared too,
-- because the refund of a gift card that was sold can go to the credit.
create or replace function track_wallet_refund() returns trigger language plpgsql as $$
declare
    payment payments;
    sold wallets;
    target uuid;
    open text[] := array['due', 'sent'];
    entered numeric;
    taken numeric;
begin
    if tg_op = 'UPDATE' and old.state = any (open) and new.state = any (open) then
        return null;
    end if;
    select * into payment from payments where id = new.payment_id;
    if new.state = 'done' then
        target = case new.method
            when 'credit' then (select id from wallets where user_id = payment.user_id)
            when 'original' then payment.wallet_id end;
        if new.method = 'credit' and target is null then
            raise exception 'the member has no wallet for the refund %', new.id;
        end if;
        if target is not null then
            insert into wallet_entries (id, wallet_id, change, reason, refund_id)
            select gen_random_uuid(), target, new.amount, 'refund', new.id
            where not exists (
                select from wallet_entries where refund_id = new.id and wallet_id = target);
            -- The credit of an account that is closed stays empty.
            if found then
                insert into wallet_entries (id, wallet_id, change, reason)
                select gen_random_uuid(), target, -new.amount, 'closure'
                from wallets w join users u on u.id = w.user_id
                where w.id = target and u.closed_at is not null;
            end if;
        end if;
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

-- A refund to a wallet is done at once. The previous version of the program knows this of gift cards
-- only. Its name sorts before `refunds_mail`, which sees the state.
create function complete_wallet_refund() returns trigger language plpgsql as $$
begin
    if exists (select from payments where id = new.payment_id and wallet_id is not null) then
        new.state = 'done';
        new.done_at = coalesce(new.done_at, now());
    end if;
    return new;
end
$$;

create trigger refunds_complete_wallet before insert on refunds
    for each row when (new.state = 'due' and new.method = 'original')
    execute function complete_wallet_refund();

-- Each payment with a wallet is paid with its order.
create or replace function pay_gift_payment() returns trigger language plpgsql as $$
begin
    update payments set status = 'paid', paid_at = new.settled_at
    where order_id = new.id and wallet_id is not null and status = 'pending';
    return null;
end
$$;

-- Closing an account empties its wallet, also when the previous version of the program closes it.
create function empty_closed_wallet() returns trigger language plpgsql as $$
declare
    closed wallets;
begin
    select * into closed from wallets where user_id = new.id for no key update;
    if not found then
        return null;
    end if;
    update wallet_entries set note = '' where wallet_id = closed.id and note <> '';
    if closed.balance > 0 then
        insert into wallet_entries (id, wallet_id, change, reason)
        values (gen_random_uuid(), closed.id, -closed.balance, 'closure');
    end if;
    return null;
end
$$;

create trigger users_empty_wallet after update of closed_at on users
    for each row when (old.closed_at is null and new.closed_at is not null)
    execute function empty_closed_wallet();

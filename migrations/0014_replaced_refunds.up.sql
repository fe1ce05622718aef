-- How much of our own refunds was withdrawn because the provider made this refund. It is due
-- again if this refund fails.
alter table refunds add column replaced numeric(10, 2) not null default 0
    constraint refunds_replaced check (replaced >= 0);

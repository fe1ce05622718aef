-- Reports of what the studio sells.

-- Orders are found by the time at which they were paid.
create index orders_settled_idx on orders (settled_at) where settled_at is not null;

-- The receipts of fees, which are few.
create index receipt_lines_fee_idx on receipt_lines (year, number, kind)
    where kind in ('late_cancellation', 'no_show');

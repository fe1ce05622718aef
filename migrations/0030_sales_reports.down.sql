drop index receipt_lines_fee_idx;
drop index orders_settled_idx;

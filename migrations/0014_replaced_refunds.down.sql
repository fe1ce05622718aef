alter table refunds drop column replaced;

-- The addresses stay in their canonical form, which the previous version also accepts.
alter table users drop constraint users_email_domain_ascii;
drop index users_search_text_idx;
create index users_search_idx on users
    using gin (lower(email || ' ' || first_name || ' ' || last_name) gin_trgm_ops);
alter table users drop column search_text;
drop function search_pattern(text);
drop function search_form(text);

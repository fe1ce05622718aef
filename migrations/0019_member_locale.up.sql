-- The language of a member's e-mails. Null means that the member has never chosen one, as for
-- all accounts that exist already and those that the previous version of the program creates.
alter table users
    add column locale text
        constraint users_locale_check check (locale in ('en', 'es'));

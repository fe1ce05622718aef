-- The language of a member's e-mails. The previous version of the program does not set it.
alter table users
    add column locale text not null default 'en'
        constraint users_locale_check check (locale in ('en', 'es'));

-- E-mail addresses get one canonical form, and members one that is searched.

-- The form in which names and addresses are searched: without accents and case, with one
-- kind of apostrophe and hyphen, and single spaces. The extension `unaccent` is not used,
-- because not every host offers it, and because its functions are not immutable, which a
-- generated column requires.
create function search_form(value text) returns text
language sql immutable strict parallel safe as $$
    select trim(regexp_replace(lower(regexp_replace(
        normalize(translate(
            replace(replace(replace(replace(replace(replace(replace(replace(replace(
                value, 'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'),
                'þ', 'th'), 'Þ', 'th'), 'ĳ', 'ij'),
            'øØłŁđĐðÐħĦŧŦı’‘‛ʼʹ′´`＇‐‑‒–—−',
            'oOlLdDdDhHtTi''''''''''''''''''------'
        ), NFKD),
        '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'
    )), '\s+', ' ', 'g'))
$$;

-- A pattern for `like` that finds a word anywhere in a text in the form above.
create function search_pattern(word text) returns text
language sql immutable strict parallel safe as $$
    select '%' || regexp_replace(search_form(word), '([\\%_])', '\\\1', 'g') || '%'
$$;

-- The database computes the column, so that no statement can forget it, and also not the
-- previous version of the program.
alter table users add column search_text text not null
    generated always as (search_form(email || ' ' || first_name || ' ' || last_name)) stored;
drop index users_search_idx;
create index users_search_text_idx on users using gin (search_text gin_trgm_ops);

-- The ASCII form of a label of a domain (RFC 3492). Dropped below: afterwards, the program
-- stores addresses in this form.
create function punycode_label(label text) returns text language plpgsql immutable as $$
declare
    digits constant text = 'abcdefghijklmnopqrstuvwxyz0123456789';
    points integer[] = array(select ascii(c) from unnest(string_to_array(label, null)) c);
    ascii_part text = regexp_replace(label, '[^\x01-\x7f]', '', 'g');
    result text = ascii_part || case when ascii_part = '' then '' else '-' end;
    handled integer = length(ascii_part);
    n integer = 128;
    delta integer = 0;
    bias integer = 72;
    point integer;
    next_point integer;
    threshold integer;
    q integer;
    k integer;
begin
    if label !~ '[^\x01-\x7f]' then
        return label;
    end if;
    while handled < cardinality(points) loop
        select min(p) into next_point from unnest(points) p where p >= n;
        delta = delta + (next_point - n) * (handled + 1);
        n = next_point;
        foreach point in array points loop
            if point < n then
                delta = delta + 1;
            end if;
            continue when point <> n;
            q = delta;
            k = 36;
            loop
                threshold = least(26, greatest(1, k - bias));
                exit when q < threshold;
                result = result
                    || substr(digits, threshold + (q - threshold) % (36 - threshold) + 1, 1);
                q = (q - threshold) / (36 - threshold);
                k = k + 36;
            end loop;
            result = result || substr(digits, q + 1, 1);
            delta = case when handled = length(ascii_part) then delta / 700 else delta / 2 end;
            delta = delta + delta / (handled + 1);
            k = 0;
            while delta > 455 loop
                delta = delta / 35;
                k = k + 36;
            end loop;
            bias = k + 36 * delta / (delta + 38);
            delta = 0;
            handled = handled + 1;
        end loop;
        delta = delta + 1;
        n = n + 1;
    end loop;
    return 'xn--' || result;
end
$$;

-- An address with its domain in ASCII, for addresses that are in lower case already.
create function canonical_address(address text) returns text language sql immutable as $$
    select regexp_replace(address, '@[^@]*$', '@') || string_agg(punycode_label(label), '.' order by position)
    from unnest(string_to_array(
        regexp_replace(
            translate(normalize(substring(address from '[^@]*$'), NFKC), '。', '.'),
            '[\u00ad\u200b-\u200d\u2060\ufeff]', '', 'g'
        ), '.'
    )) with ordinality as part (label, position)
$$;

-- Two accounts may turn out to have the same address: `luz@münchen.de`, and
-- `luz@xn--mnchen-3ya.de`, which Chromium sent for it. The account with the confirmed
-- address keeps it, or else the older one. The other account keeps its bookings, sessions
-- and linked providers, and gets an address that cannot receive mail. The security log
-- names both addresses, so that the studio can find the member.
create temporary table address_changes on commit drop as
select id, email as old_address, address,
    row_number() over (
        partition by address order by email_verified_at is null, created_at, id
    ) > 1 as is_duplicate
from (
    select id, email, email_verified_at, created_at, canonical_address(email) as address from users
) canonical
where address in (
    select canonical_address(email) from users where email ~ '@.*[^\x01-\x7f]'
);
update users u
set email = 'duplicate-' || u.id || '@sabor.invalid', email_verified_at = null
from address_changes c where c.id = u.id and c.is_duplicate;
update users u set email = c.address
from address_changes c where c.id = u.id and not c.is_duplicate and u.email <> c.address;
delete from one_time_tokens t using address_changes c where c.id = t.user_id and c.is_duplicate;
update one_time_tokens set email = canonical_address(email) where email ~ '@.*[^\x01-\x7f]';
update user_identities set email = canonical_address(email) where email ~ '@.*[^\x01-\x7f]';
update contact_submissions set email = canonical_address(email) where email ~ '@.*[^\x01-\x7f]';
insert into security_events (id, user_id, kind, detail)
select gen_random_uuid(), u.id, 'email_changed', jsonb_build_object(
    'from', c.old_address, 'to', u.email,
    'reason', case when c.is_duplicate then 'duplicate address' else 'canonical form' end)
from address_changes c join users u on u.id = c.id where u.email <> c.old_address;

drop function canonical_address(text);
drop function punycode_label(text);

alter table users
    add constraint users_email_domain_ascii check (email !~ '@.*[^\x01-\x7f]');

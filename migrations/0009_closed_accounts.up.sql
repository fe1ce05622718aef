-- An account that its member closes is erased, and its address can register again.

-- Null: not closed by its member. An administrator may have deactivated it.
alter table users add column closed_at timestamptz;

-- Accounts that their members have closed before are erased as well. Until now their
-- addresses could neither sign in, nor reset the password, nor register. The event of an
-- account that an administrator has deactivated names the administrator.
create temporary table closed_before on commit drop as
select distinct on (e.user_id) e.user_id as id, e.created_at
from security_events e join users u on u.id = e.user_id
where not u.is_active and e.kind = 'account_deactivated' and not e.detail ? 'by'
  and not exists (
      select from security_events later
      where later.user_id = e.user_id
        and later.kind in ('account_deactivated', 'account_activated')
        and (later.created_at, later.id) > (e.created_at, e.id)
  );

delete from user_identities i using closed_before c where i.user_id = c.id;
delete from recovery_codes r using closed_before c where r.user_id = c.id;
delete from remembered_devices d using closed_before c where d.user_id = c.id;
delete from sign_in_challenges s using closed_before c where s.user_id = c.id;
delete from oauth_states o using closed_before c where o.user_id = c.id;
delete from one_time_tokens t using closed_before c where t.user_id = c.id;
delete from account_members m using closed_before c where m.user_id = c.id;
update instructors i set user_id = null from closed_before c where i.user_id = c.id;
update security_events e set detail = e.detail - 'from' - 'to' from closed_before c
where e.user_id = c.id and e.kind in ('email_changed', 'email_change_asked');
update users u set email = 'closed:' || u.id, email_verified_at = null, password_hash = null,
    first_name = 'Former', last_name = 'member', phone = null, date_of_birth = null,
    emergency_contact_name = null, emergency_contact_phone = null,
    experience_level = 'beginner', medical_conditions = null, marketing_consent = false,
    totp_secret = null, totp_confirmed_at = null, totp_last_step = null,
    calendar_token_hash = null, is_staff = false, is_admin = false, closed_at = c.created_at
from closed_before c where u.id = c.id;

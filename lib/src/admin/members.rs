//! The members, as the front desk finds and creates them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::staff_action::StaffAction;
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::identity::closing;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{INVITATION, Subject};
use crate::models::one_time_token::Purpose;
use crate::models::security_event::SecurityEventKind;
use crate::models::user::account::{self, ListedMember, MAX_SEARCH_CHARACTERS};
use crate::models::user::{self, Email, ExperienceLevel, NewUser, Profile, User};
use crate::notify::mail;
use crate::notify::mail::Notice;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::email;
use crate::values::form::{self, Form};
use crate::values::locale::Locale;
use crate::values::schema::{EmailAddress, PhoneNumber};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The filter of the list of members.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MemberQuery {
    /// Words, in any order. Each must be a part of the e-mail address or of a name. Case,
    /// accents, and kinds of apostrophes are ignored: `jose nunez` finds José Núñez.
    #[param(max_length = 200, example = "morales")]
    search: Option<String>,
    /// Only the member with this id.
    #[param(value_type = Option<Uuid>)]
    id: Option<String>,
    /// Lists only members who have visited the studio, but not since this day in the studio's
    /// time zone. The latest visit comes first.
    #[param(value_type = Option<NaiveDate>)]
    quiet_since: Option<String>,
}

/// A member, as the front desk sees them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub struct MemberView {
    id: Uuid,
    /// The first and last name, separated by a space.
    name: String,
    first_name: String,
    last_name: String,
    /// The e-mail address, with its domain in Unicode.
    email: String,
    /// Whether the member has confirmed the address.
    email_verified: bool,
    phone: Option<String>,
    /// The member's experience, as the member states it.
    level: ExperienceLevel,
    created_at: DateTime<Utc>,
    /// The start of the last class that the member was checked in to. Null for a member who
    /// was never checked in.
    last_visit: Option<DateTime<Utc>>,
}

impl From<ListedMember> for MemberView {
    fn from(ListedMember { user, last_visit }: ListedMember) -> Self {
        Self {
            name: user.name(),
            id: user.id,
            first_name: user.first_name,
            last_name: user.last_name,
            email: email::readable(&user.email),
            email_verified: user.email_verified,
            phone: user.phone,
            level: user.experience_level,
            created_at: user.created_at,
            last_visit,
        }
    }
}

/// A member to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateMember {
    /// The address that the invitation is sent to.
    #[schema(value_type = EmailAddress)]
    email: String,
    #[schema(min_length = 1, max_length = 100, examples("Ana"))]
    first_name: String,
    #[schema(max_length = 100, examples("Morales"))]
    last_name: Option<String>,
    /// Removed when the address is confirmed, because the address may be mistyped. The member
    /// then enters it in the profile.
    #[schema(value_type = Option<PhoneNumber>)]
    phone: Option<String>,
    /// The default is `beginner`.
    level: Option<ExperienceLevel>,
    /// The language of the invitation and of other e-mails. Without it, they are in English
    /// until the member chooses a language.
    locale: Option<Locale>,
}

impl CreateMember {
    fn parse(&self) -> Result<NewUser> {
        let mut form = Form::default();
        let last_name = self.last_name.as_deref().unwrap_or_default();
        let new_user = NewUser {
            email: form
                .check("email", Email::parse(&self.email))
                .unwrap_or_default(),
            email_verified: false,
            first_name: form
                .check("firstName", user::first_name(&self.first_name))
                .unwrap_or_default(),
            last_name: form
                .check("lastName", user::last_name(last_name))
                .unwrap_or_default(),
            phone: form.check_filled("phone", self.phone.as_deref(), user::phone),
            experience_level: self.level.unwrap_or(ExperienceLevel::Beginner),
            locale: self.locale,
            profile: Profile::default(),
        };
        form.finish()?;
        Ok(new_user)
    }
}

/// Lists the members with active accounts, newest first, or with `quietSince` by their last
/// visit.
///
/// # Errors
///
/// [`Error::Invalid`] if the search text or the day is invalid.
pub fn list<'a>(
    app: &'a App,
    filter: &'a MemberQuery,
    page: Page,
) -> BoxFuture<'a, Result<List<MemberView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let search = form.check_filled("search", filter.search.as_deref(), |text| {
            form::line(text, MAX_SEARCH_CHARACTERS)
        });
        let id = form.check_filled("id", filter.id.as_deref(), query::id);
        let quiet_since =
            form.check_filled("quietSince", filter.quiet_since.as_deref(), query::date);
        form.finish()?;
        let zone = TimeZone::of_studio(&app.config().studio)?;
        let quiet_since = quiet_since.map(|day| zone.day_start(day));
        let rows = app
            .db()
            .read(async move |client| {
                account::list_members(client, search.as_deref(), id, quiet_since, &page).await
            })
            .await?;
        let position = match quiet_since {
            None => ListedMember::position,
            Some(_) => ListedMember::quiet_position,
        };
        Ok(List::new(rows, page, position, MemberView::from))
    })
}

/// How often the creation is tried. A try fails if a concurrent request, such as a sign-in
/// through a provider, creates an account with the same address.
const MAX_TRIES: u32 = 3;

/// Creates an account without a password, and sends an invitation to its address. The account
/// replaces a registration whose address was never confirmed, because anyone can have made it. A
/// registration with bookings or a role is not replaced.
///
/// # Errors
///
/// [`Error::Invalid`] with the problems of all fields; 409 `member_exists`,
/// `member_deactivated`; [`Error::TooManyRequests`]; [`Error::FORBIDDEN`] if the caller is no
/// longer staff.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: &'a CreateMember,
) -> BoxFuture<'a, Result<MemberView>> {
    Box::pin(async move {
        let new_user = form.parse()?;
        let action = StaffAction::by_staff(staff, caller)?;
        let subjects = vec![Subject::member(INVITATION, action.actor_id())];
        rate_limit::count_attempt(app, &subjects).await?;
        let mut tries = 1;
        let created = loop {
            match try_create(app, &action, &new_user).await {
                Err(Error::EmailTaken) if tries < MAX_TRIES => tries += 1,
                created => break created,
            }
        };
        if created.is_err() {
            rate_limit::forgive(app, subjects);
        }
        mail::send_due_in_background(app);
        created.map(|user| {
            let last_visit = None;
            MemberView::from(ListedMember { user, last_visit })
        })
    })
}

/// Creates the account in one transaction.
///
/// # Errors
///
/// Those of [`create`], and [`Error::EmailTaken`] if a concurrent request has created an
/// account with the address.
async fn try_create(app: &App, action: &StaffAction, new_user: &NewUser) -> Result<User> {
    let keys = &app.config().encryption_keys;
    let notice = Notice::from_studio(app.clock().now());
    let transaction = app.transaction().authorize(action);
    let created = transaction.run(async |tx| {
        let address = new_user.email.as_str();
        match closing::replace_registration(tx, address).await {
            // The query below finds the account that has the address, for the error.
            Ok(()) | Err(Error::EmailTaken) => {}
            Err(error) => return Err(error),
        }
        if let Some(owner) = user::find_credentials_by_email(tx, address, &[]).await? {
            return Err(match owner.is_active {
                true => Error::MemberExists(owner.user.id),
                false => Error::MemberDeactivated(owner.user.id),
            });
        }
        let user = user::insert(tx, keys, new_user, None).await?;
        let (purpose, id) = (Purpose::Invitation, user.id);
        mail::send_link(tx, keys, purpose, id, &user.email, notice.clone()).await?;
        let kind = SecurityEventKind::MemberCreated;
        action.record(tx, kind, Some(id), json!({})).await?;
        Ok(user)
    });
    created.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for field in ["firstName", "lastName"] {
            let max_length = bound::<CreateMember>(field, "maxLength");
            assert_eq!(max_length, user::MAX_NAME as i64);
        }
        let params = serde_json::to_value(MemberQuery::into_params(|| None)).unwrap();
        assert_eq!(params[0]["schema"]["maxLength"], MAX_SEARCH_CHARACTERS);
    }
}

//! The member's own profile, password, and account.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::bookings::changes;
use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::http::Member;
use crate::http::json::nullable;
use crate::identity::closing;
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::identity::view::{MembershipView, UserView};
use crate::models::one_time_token::{self, Purpose};
use crate::models::organization::{self, Membership};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::teaching;
use crate::models::user::{self, Changes, ExperienceLevel, Profile, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::Renewal;
use crate::values::caller::Caller;
use crate::values::form::{Form, Problem};
use crate::values::locale::Locale;
use crate::values::schema::PhoneNumber;
use crate::{App, BoxFuture, session};

/// The member's own profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Profile)]
pub struct ProfileView {
    #[serde(flatten)]
    user: UserView,
    date_of_birth: Option<NaiveDate>,
    emergency_contact_name: Option<String>,
    emergency_contact_phone: Option<String>,
    /// Medical conditions. Besides the member, staff can request them for a class that the
    /// member has booked, until the end of the day of the class. Each such request is
    /// recorded in the security log.
    medical_conditions: Option<String>,
    /// Whether medical conditions are stored that can no longer be decrypted. The member
    /// has to enter them again.
    medical_conditions_unreadable: bool,
    marketing_consent: bool,
    /// The organizations on whose behalf the member can act at partner applications.
    accounts: Vec<MembershipView>,
    /// The id of the instructor that the member is. Null for other members.
    instructor_id: Option<Uuid>,
}

impl ProfileView {
    fn new(
        user: User,
        profile: Profile,
        accounts: Vec<Membership>,
        instructor_id: Option<Uuid>,
    ) -> Self {
        Self {
            user: user.into(),
            date_of_birth: profile.date_of_birth,
            emergency_contact_name: profile.emergency_contact_name,
            emergency_contact_phone: profile.emergency_contact_phone,
            medical_conditions: profile.medical_conditions,
            medical_conditions_unreadable: profile.medical_conditions_unreadable,
            marketing_consent: profile.marketing_consent,
            accounts: accounts.into_iter().map(MembershipView::from).collect(),
            instructor_id,
        }
    }
}

/// The changes to a profile. Fields that are left out keep their values. `null` or a
/// blank string clears an optional field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateProfile {
    #[schema(max_length = 100, examples("Ana"))]
    first_name: Option<String>,
    #[schema(max_length = 100)]
    last_name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<PhoneNumber>)]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NaiveDate>)]
    date_of_birth: Option<Option<NaiveDate>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 200)]
    emergency_contact_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<PhoneNumber>)]
    emergency_contact_phone: Option<Option<String>>,
    experience_level: Option<ExperienceLevel>,
    /// Medical conditions that an instructor should know about. Staff can request them for a
    /// class that the member has booked, until the end of the day of the class. Each such
    /// request is recorded in the security log.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2_000, examples("Left knee, since 2019"))]
    medical_conditions: Option<Option<String>>,
    marketing_consent: Option<bool>,
    /// The language of the site and of e-mails.
    locale: Option<Locale>,
}

impl UpdateProfile {
    fn read(self, today: NaiveDate) -> Result<Changes> {
        let mut form = Form::default();
        let mut parse_text = |field: &str, change: Option<Option<String>>, parse: Parse| {
            change.map(|text| form.check_filled(field, text.as_deref(), parse))
        };
        let phone = parse_text("phone", self.phone, user::phone);
        let contact_name = parse_text(
            "emergencyContactName",
            self.emergency_contact_name,
            user::contact_name,
        );
        let contact_phone = parse_text(
            "emergencyContactPhone",
            self.emergency_contact_phone,
            user::phone,
        );
        let medical_conditions = parse_text(
            "medicalConditions",
            self.medical_conditions,
            user::medical_conditions,
        );
        let date_of_birth = self.date_of_birth.map(|date| {
            form.check_given("dateOfBirth", date, |date| user::date_of_birth(date, today))
        });
        let changes = Changes {
            first_name: form.check_given("firstName", self.first_name.as_deref(), user::first_name),
            last_name: form.check_given("lastName", self.last_name.as_deref(), user::last_name),
            phone,
            date_of_birth,
            emergency_contact_name: contact_name,
            emergency_contact_phone: contact_phone,
            experience_level: self.experience_level,
            medical_conditions,
            marketing_consent: self.marketing_consent,
            locale: self.locale,
        };
        form.finish()?;
        Ok(changes)
    }
}

type Parse = fn(&str) -> Result<String, Problem>;

/// Returns the profile of the member.
pub fn get_profile(app: &App, member: Member) -> BoxFuture<'_, Result<ProfileView>> {
    Box::pin(async move {
        let keyring = app.config().encryption_keys.clone();
        let id = member.user.id;
        if session::demo::is_demo(&member.user) {
            return Ok(ProfileView::new(
                member.user,
                Profile::default(),
                Vec::new(),
                None,
            ));
        }
        // The queries are sent at once and take one round trip.
        let queries = app.db().read(async move |client| {
            tokio::try_join!(
                user::find_profile(client, &keyring, id),
                organization::list_of_member(client, id),
                teaching::find_instructor(client, id),
            )
        });
        let (profile, accounts, instructor_id) = queries.await?;
        Ok(ProfileView::new(
            member.user,
            profile,
            accounts,
            instructor_id,
        ))
    })
}

/// Updates the profile of the member. The change is visible in all sessions immediately.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn update_profile<'a>(
    app: &'a App,
    member: &'a Member,
    request: UpdateProfile,
) -> BoxFuture<'a, Result<ProfileView>> {
    Box::pin(async move {
        let changes = request.read(app.clock().now().date_naive())?;
        let (session_key, id) = (member.key()?, member.user.id);
        let keyring = &app.config().encryption_keys;
        let transaction = app.transaction().run(async |tx| {
            tx.invalidate_sessions(session::lock_member(tx, session_key, id).await?);
            let (user, profile) = user::update(tx, keyring, id, &changes).await?;
            let accounts = organization::list_of_member(tx, id).await?;
            let instructor_id = teaching::find_instructor(tx, id).await?;
            Ok(ProfileView::new(user, profile, accounts, instructor_id))
        });
        transaction.await
    })
}

/// Sets a new password and ends all other sessions of the member. The session of the caller
/// gets a new credential.
///
/// # Errors
///
/// [`Error::Invalid`] for the new password; the errors of [`reauthenticate`].
pub fn change_password<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    current_password: Option<&'a str>,
    new_password: &'a str,
) -> BoxFuture<'a, Result<NewCredential>> {
    Box::pin(async move {
        let user = &member.user;
        let personal_data = [user.email.as_str(), &user.first_name, &user.last_name];
        let password = Password::parse_new(new_password, &app.config().studio.name, &personal_data)
            .map_err(|problem| Error::field("newPassword", problem))?;
        let session_key = member.key()?;
        let proof = reauthenticate(app, caller, member, current_password).await?;
        let hash = app.hasher().hash(password).await?;
        let notice = Notice::from_caller(caller, app.clock().now());
        let renewal = Renewal::new(session_key);
        let transaction = app.transaction().run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, session_key, id).await?;
            user::set_password(tx, id, proof.epoch, &hash).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(session_key)).await?);
            one_time_token::delete(tx, Purpose::ResetPassword, id).await?;
            mail::notify(tx, NoticeKind::PasswordChanged, user, notice.clone()).await?;
            security_event::insert(tx, SecurityEventKind::PasswordChanged, Some(id), caller)
                .await?;
            renewal.run(tx).await
        });
        let renewed = transaction.await?;
        mail::send_due_in_background(app);
        Ok(NewCredential::issue(app, user, &renewed))
    })
}

/// Closes the member's account, and notifies the member by mail.
///
/// # Errors
///
/// The errors of [`reauthenticate`].
pub fn close_account<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    current_password: Option<&'a str>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let (session_key, user) = (member.key()?, &member.user);
        let proof = reauthenticate(app, caller, member, current_password).await?;
        let notice = Notice::from_caller(caller, app.clock().now());
        let transaction = app.transaction().run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, session_key, id).await?;
            user::require_epoch(tx, &proof).await?;
            closing::close(app, tx, id).await?;
            mail::notify(tx, NoticeKind::AccountClosed, user, notice.clone()).await?;
            let kind = SecurityEventKind::AccountDeactivated;
            security_event::insert(tx, kind, Some(id), caller).await
        });
        transaction.await?;
        changes::after_commit(app);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let schema = serde_json::to_value(UpdateProfile::schema()).unwrap();
        for (field, max) in [
            ("firstName", user::MAX_NAME),
            ("lastName", user::MAX_NAME),
            ("emergencyContactName", user::MAX_CONTACT_NAME),
            ("medicalConditions", user::MAX_MEDICAL_CONDITIONS),
        ] {
            assert_eq!(schema["properties"][field]["maxLength"], max, "{field}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::json::parse;
    use crate::testing::arbitrary::{fits_column, form, parsed_or_client_error};

    proptest! {
        #[test]
        fn an_accepted_change_fits_its_column_and_omits_absent_fields(body in form(&json!({
            "firstName": "Ana", "lastName": "", "phone": "555 0100", "dateOfBirth": "1990-02-28",
            "emergencyContactPhone": "555 0101", "medicalConditions": "asma", "marketingConsent": true,
        }))) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let request = parsed_or_client_error(parse::<UpdateProfile>(body.to_string().as_bytes()));
            let Some(changes) = request.and_then(|request| parsed_or_client_error(request.read(today))) else {
                return Ok(());
            };
            assert_eq!(changes.first_name.is_some(), body["firstName"].is_string());
            assert_eq!(changes.phone.is_some(), body.get("phone").is_some());
            assert!(changes.first_name.is_none_or(|name| !name.is_empty() && fits_column(&name, user::MAX_NAME)));
            assert!(changes.phone.flatten().is_none_or(|phone| fits_column(&phone, user::MAX_PHONE)));
            let medical = changes.medical_conditions.flatten();
            assert!(medical.is_none_or(|text| {
                !text.is_empty() && fits_column(&text, user::MAX_MEDICAL_CONDITIONS)
            }));
            assert!(changes.date_of_birth.flatten().is_none_or(|date| date <= today));
        }
    }
}

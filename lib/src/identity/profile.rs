//! What members change about their own accounts.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bookings::member;
use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::http::Member;
use crate::http::json::nullable;
use crate::identity::sign_in;
use crate::models::account::{self, Membership};
use crate::models::booking;
use crate::models::one_time_token::{self, Purpose};
use crate::models::security_event::{self, Kind};
use crate::models::user::Proof;
use crate::models::user::{self, Changes, ExperienceLevel, Profile, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::values::caller::Caller;
use crate::values::form::{Form, Problem};
use crate::values::schema::PhoneNumber;
use crate::{App, BoxFuture, session};

pub(crate) const SIGN_IN_AGAIN: Error = Error::Forbidden {
    code: "sign_in_again",
    message: "Please sign in once more, and then do this within ten minutes",
};

/// A member, and all that is theirs alone to see.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Profile)]
pub struct Whole {
    #[serde(flatten)]
    user: user::Shown,
    date_of_birth: Option<NaiveDate>,
    emergency_contact_name: Option<String>,
    emergency_contact_phone: Option<String>,
    medical_conditions: Option<String>,
    marketing_consent: bool,
    /// On whose behalf they may act at partner applications.
    accounts: Vec<Membership>,
}

impl Whole {
    fn new(user: User, profile: Profile, accounts: Vec<Membership>) -> Self {
        Self {
            user: user.into(),
            date_of_birth: profile.date_of_birth,
            emergency_contact_name: profile.emergency_contact_name,
            emergency_contact_phone: profile.emergency_contact_phone,
            medical_conditions: profile.medical_conditions,
            marketing_consent: profile.marketing_consent,
            accounts,
        }
    }
}

/// What a member wants changed. A field that is left out stays as it is;
/// `null`, or nothing but blanks, empties one that may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateProfile)]
pub struct Patch {
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
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2_000, examples("Left knee, since 2019"))]
    medical_conditions: Option<Option<String>>,
    marketing_consent: Option<bool>,
}

impl Patch {
    fn read(self, today: NaiveDate) -> Result<Changes> {
        let mut check = Form::default();
        let mut text = |field: &str, given: Option<Option<String>>, parse: Parse| {
            given.map(|text| check.check_filled(field, text.as_deref(), parse))
        };
        let phone = text("phone", self.phone, user::phone);
        let contact_name = text(
            "emergencyContactName",
            self.emergency_contact_name,
            user::contact_name,
        );
        let contact_phone = text(
            "emergencyContactPhone",
            self.emergency_contact_phone,
            user::phone,
        );
        let medical = text(
            "medicalConditions",
            self.medical_conditions,
            user::medical_conditions,
        );
        let born = self.date_of_birth.map(|date| {
            check.check_given("dateOfBirth", date, |date| user::date_of_birth(date, today))
        });
        let changes = Changes {
            first_name: check.check_given(
                "firstName",
                self.first_name.as_deref(),
                user::first_name,
            ),
            last_name: check.check_given("lastName", self.last_name.as_deref(), user::last_name),
            phone,
            date_of_birth: born,
            emergency_contact_name: contact_name,
            emergency_contact_phone: contact_phone,
            experience_level: self.experience_level,
            medical_conditions: medical,
            marketing_consent: self.marketing_consent,
        };
        check.finish()?;
        Ok(changes)
    }
}

type Parse = fn(&str) -> Result<String, Problem>;

/// All that is kept of a member.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn show(app: &App, member: Member) -> BoxFuture<'_, Result<Whole>> {
    Box::pin(async move {
        let keys = app.config().encryption_keys.clone();
        let id = member.user.id;
        if session::demo::is_demo(&member.user) {
            return Ok(Whole::new(member.user, Profile::default(), Vec::new()));
        }
        // Both on their way at once: one round trip.
        let read = app.db().read(async move |client| {
            tokio::try_join!(
                user::profile(client, &keys, id),
                account::of_member(client, id)
            )
        });
        let (profile, accounts) = read.await?;
        Ok(Whole::new(member.user, profile, accounts))
    })
}

/// Changes what a member may change; every session of theirs shows it at once.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn change<'a>(app: &'a App, member: &'a Member, patch: Patch) -> BoxFuture<'a, Result<Whole>> {
    Box::pin(async move {
        let changes = patch.read(app.clock().now().date_naive())?;
        let (key, id) = (member.key()?, member.user.id);
        let keyring = &app.config().encryption_keys;
        let changed = app.transaction().run(async |tx| {
            tx.invalidate_sessions(session::lock_member(tx, key, id).await?);
            let (user, profile) = user::update(tx, keyring, id, &changes).await?;
            Ok((user, profile, account::of_member(tx, id).await?))
        });
        let (user, profile, accounts) = changed.await?;
        Ok(Whole::new(user, profile, accounts))
    })
}

/// Sets a new password, and ends all sessions but this one.
///
/// # Errors
///
/// [`Error::Invalid`]; 403 `wrong_password`; [`Error::TooManyRequests`];
/// [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn change_password<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    current: Option<&'a str>,
    new: &'a str,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let user = &member.user;
        let personal = [user.email.as_str(), &user.first_name, &user.last_name];
        let password = Password::parse_new(new, &app.config().studio.name, &personal)
            .map_err(|problem| Error::field("newPassword", problem))?;
        let key = member.key()?;
        let proof = prove_again(app, client, member, current).await?;
        let hash = app.hasher().hash(password).await?;
        let notice = Notice::from_caller(client, app.clock().now());
        let changed = app.transaction().run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, key, id).await?;
            user::set_password(tx, id, proof.epoch, &hash).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(key)).await?);
            one_time_token::end(tx, Purpose::ResetPassword, id).await?;
            mail::notify(tx, NoticeKind::PasswordChanged, user, notice.clone()).await?;
            security_event::insert(tx, Kind::PasswordChanged, Some(id), client).await
        });
        changed.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}

/// Closes a member's account, and ends all its sessions.
///
/// # Errors
///
/// 403 `wrong_password`; [`Error::TooManyRequests`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn deactivate<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    current: Option<&'a str>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let key = member.key()?;
        let proof = prove_again(app, client, member, current).await?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let transaction = app.transaction().invalidate([app.schedule()]);
        let changed = transaction.run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, key, id).await?;
            user::deactivate(tx, id, proof.epoch).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
            booking::cancel_all_of(tx, id, now, studio).await?;
            let kind = Kind::AccountDeactivated;
            security_event::insert(tx, kind, Some(id), client).await
        });
        changed.await?;
        member::after_commit(app);
        Ok(())
    })
}

/// The password once more, from somebody who is signed in: to be signed in is
/// not enough for what takes an account away from its owner. Who has none shows
/// instead that they have signed in through a provider just now.
///
/// # Errors
///
/// 403 `wrong_password`; without one [`Error::Invalid`], or of an account that
/// has none 403 `sign_in_again`; [`Error::TooManyRequests`];
/// [`Error::SessionGone`]; [`Error::Unavailable`].
pub async fn prove_again(
    app: &App,
    client: &Caller,
    member: &Member,
    password: Option<&str>,
) -> Result<Proof> {
    let Some(password) = password else {
        let (key, id) = (member.key()?.clone(), member.user.id);
        let shown = app
            .db()
            .read(async move |postgres| user::reauthentication(postgres, &key, id).await);
        let shown = shown.await?.ok_or(Error::SessionGone)?;
        if shown.has_password {
            return Err(Error::field("currentPassword", "is required"));
        }
        return shown.recent.ok_or(SIGN_IN_AGAIN);
    };
    match sign_in::verify(app, client, &member.user.email, password, &[]).await {
        Ok(known) if known.user.id == member.user.id => Ok(known.proof("password")),
        Ok(_) => Err(Error::SessionGone),
        Err(Error::InvalidCredentials) => Err(user::WRONG_PASSWORD),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::json::parse;
    use crate::testing::arbitrary::{fair, fits_column, form};

    proptest! {
        #[test]
        fn whatever_is_changed_postgres_takes_it_and_what_is_left_out_stays(filled in form(&json!({
            "firstName": "Ana", "lastName": "", "phone": "555 0100", "dateOfBirth": "1990-02-28",
            "emergencyContactPhone": "555 0101", "medicalConditions": "asma", "marketingConsent": true,
        }))) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let patch = fair(parse::<Patch>(filled.to_string().as_bytes()));
            let Some(changes) = patch.and_then(|patch| fair(patch.read(today))) else {
                return Ok(());
            };
            assert_eq!(changes.first_name.is_some(), filled["firstName"].is_string());
            assert_eq!(changes.phone.is_some(), filled.get("phone").is_some());
            assert!(changes.first_name.is_none_or(|name| !name.is_empty() && fits_column(&name, 100)));
            assert!(changes.phone.flatten().is_none_or(|phone| fits_column(&phone, 20)));
            let medical = changes.medical_conditions.flatten();
            assert!(medical.is_none_or(|text| !text.is_empty() && fits_column(&text, 2_000)));
            assert!(changes.date_of_birth.flatten().is_none_or(|day| day <= today));
        }
    }
}
